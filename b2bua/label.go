package b2bua

import (
	"slices"
	"strings"

	"github.com/bifrons/bifrons/sip"
)

// draft is what Apps have set in the response that walks, nil if nothing.
func (w *Walk) draft() *Draft {
	if len(w.Set) == 0 {
		return nil
	}
	return &Draft{Headers: w.Set}
}

// label keeps what an App wants in every response to the caller.
func (c *Call) label(e Label) {
	for _, f := range e.Headers {
		c.Labels = slices.DeleteFunc(c.Labels, func(o Field) bool { return sameHeader(o.Name, f.Name) })
		if f.Value != "" && len(c.Labels) < maxLabels {
			c.Labels = append(c.Labels, f)
		}
	}
}

const maxLabels = 16

// appendLabels prints the labels of a response that has no such header: neither its own, nor one that crosses or was set.
func (c *Call) appendLabels(dst []byte, r *reply) []byte {
	if r.status <= 100 || r.status >= 300 {
		return dst
	}
	for _, f := range c.Labels {
		id := sip.HeaderIDOf([]byte(f.Name))
		named := func(h sip.Header) bool { return h.ID == id && (id != sip.HdrOther || sip.EqualFold(h.Name, f.Name)) }
		switch {
		case r.out.m != nil && slices.ContainsFunc(r.out.m.Headers, named),
			r.out.draft != nil && slices.ContainsFunc(r.out.draft.Headers, func(o Field) bool { return sameHeader(o.Name, f.Name) }),
			hasLine(r.extra, f.Name):
			continue
		}
		dst = append(dst, fieldLines([]Field{f})...)
	}
	return dst
}

func hasLine(lines, name string) bool {
	for l := range strings.SplitSeq(lines, "\r\n") {
		if n, _, ok := strings.Cut(l, ":"); ok && sameHeader(n, name) {
			return true
		}
	}
	return false
}

// fieldLines prints what an App has set. What the engine writes itself, and what is no header, is left out.
func fieldLines(fields []Field) string {
	var b strings.Builder
	for _, f := range fields {
		if f.Value != "" && isToken(f.Name) && clean(f.Value) && !Owned(f.Name) && !sessionHeader(sip.HeaderIDOf([]byte(f.Name))) {
			b.WriteString(f.Name + ": " + f.Value + "\r\n")
		}
	}
	return b.String()
}

// contactLines prints the Contacts of a redirection.
func contactLines(uris []string) string {
	var b strings.Builder
	for _, u := range uris {
		if _, err := sip.ParseURI([]byte(u)); err == nil && clean(u) && !strings.ContainsAny(u, "<>\"") {
			b.WriteString("Contact: <" + u + ">\r\n")
		}
	}
	return b.String()
}

// clean tells whether a value stays on its line.
func clean(v string) bool { return !strings.ContainsAny(v, "\r\n\x00") }
