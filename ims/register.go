package ims

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/diameter/sh"
	"github.com/bifrons/bifrons/sip"
)

// Outside answers the REGISTER and the NOTIFY of an S-CSCF on a side of the home network, and leaves all else to the server.
func (r *Registrations) Outside(side *b2bua.Side, m *sip.Message) (b2bua.Reply, bool) {
	tagged := false
	if to, err := sip.ParseAddress(m.Get(sip.HdrTo)); err == nil {
		_, tagged = to.Params.Get("tag")
	}
	switch {
	case m.Method == sip.REGISTER && !tagged && r.thirdParty(side, m):
		return r.register(side, m), true
	case m.Method == sip.NOTIFY && tagged:
		return r.notified(side, m)
	}
	return b2bua.Reply{}, false
}

// thirdParty tells the REGISTER of an S-CSCF, who registers somebody else, from that of a phone: it is sent to us, From is not To,
// and only a home network is believed.
func (r *Registrations) thirdParty(side *b2bua.Side, m *sip.Message) bool {
	from, err := sip.ParseAddress(m.Get(sip.HdrFrom))
	to, err2 := sip.ParseAddress(m.Get(sip.HdrTo))
	return side.Trust == b2bua.Home && err == nil && err2 == nil && sh.Canonical(string(from.URI)) != sh.Canonical(string(to.URI))
}

// register takes a third-party REGISTER.
func (r *Registrations) register(side *b2bua.Side, m *sip.Message) b2bua.Reply {
	to, _ := sip.ParseAddress(m.Get(sip.HdrTo))
	from, _ := sip.ParseAddress(m.Get(sip.HdrFrom))
	user, scscf := string(to.URI), string(from.URI)
	expires := expiry(m)
	if _, err := sip.ParseURI(to.URI); err != nil || len(user) > 1024 || len(scscf) > 1024 {
		r.Faults.note("refused", scscf, errors.New("no public identity in To, or one or an S-CSCF longer than 1024 bytes"))
		return b2bua.Reply{Status: 400}
	}
	fault := func(what string, err error) { r.Faults.note(what, scscf, err) }
	told := inside(m, fault)
	identities := append(associated(m, fault), told.identities...)
	answer := b2bua.Reply{Status: 200, Headers: []b2bua.Field{{Name: "Expires", Value: strconv.Itoa(int(expires / time.Second))}}}
	callID := string(m.Get(sip.HdrCallID))
	n, _ := m.CSeq()
	r.mu.Lock()
	rec := r.all[keyOf(user, scscf)]
	if rec != nil && rec.callID == callID && n <= rec.cseq { // the same again, or an older one that comes late (RFC 3261 10.3)
		if n < rec.cseq {
			answer = b2bua.Reply{Status: 500}
			fault("late", fmt.Errorf("CSeq %d behind %d", n, rec.cseq))
		}
		r.mu.Unlock()
		return answer
	}
	if rec == nil {
		if r.cfg.Max > 0 && len(r.all) >= r.cfg.Max {
			r.mu.Unlock()
			fault("full", fmt.Errorf("%d registrations are kept already", r.cfg.Max))
			return b2bua.Reply{Status: 503, Headers: []b2bua.Field{{Name: "Retry-After", Value: "60"}}}
		}
		rec = &record{Registration: Registration{User: user, SCSCF: scscf}}
	}
	why := "register"
	if expires == 0 {
		why = "deregister"
	}
	news := r.put(rec, why, func(g *Registration) {
		now := r.now()
		g.By, g.Registered, g.Expires = "REGISTER", expires > 0, now.Add(expires)
		if expires == 0 {
			g.Expires, g.Contacts = time.Time{}, nil
			return
		}
		if len(identities) > 0 {
			if g.Identities = unique(identities); len(g.Identities) == maxIdentities && len(identities) > maxIdentities {
				fault("limit", fmt.Errorf("more than %d identities", maxIdentities))
			}
		}
		if told.contacts != nil {
			g.Contacts = told.until(now, g.Expires)
		}
		for _, h := range []struct {
			id sip.HeaderID
			to *string
		}{{sip.HdrPAccessNetworkInfo, &g.Access}, {sip.HdrPVisitedNetworkID, &g.Visited}, {sip.HdrPChargingFunctionAddresses, &g.Charging}} {
			if v := m.Get(h.id); len(v) > 0 {
				*h.to = string(v)
			}
		}
		if v := vector(m.Get(sip.HdrPChargingVector)).param("icid-value"); v != "" {
			g.ICID = string(sip.Unquote([]byte(v)))
		}
		if told.serviceInfo != "" {
			g.ServiceInfo = told.serviceInfo
		}
	})
	rec.callID, rec.cseq = callID, n
	watch := r.watchFor(rec, side, m, expires)
	r.mu.Unlock()
	r.tell(news)
	if watch != nil {
		r.subscribe(watch)
	}
	return answer
}

// expiry returns how long a REGISTER is for: the Contact's parameter before the header; an hour without either, and where it is no number
// (RFC 3261 10.3, 20.10).
func expiry(m *sip.Message) time.Duration {
	v := m.Get(sip.HdrExpires)
	if c, err := sip.ParseAddress(first(m.Get(sip.HdrContact))); err == nil {
		if p, ok := c.Params.Get("expires"); ok {
			v = p
		}
	}
	if d, ok := sip.Seconds(v); ok {
		return d
	}
	return time.Hour
}

func first(list []byte) []byte {
	one, _ := sip.CutValue(list)
	return one
}

// associated reads P-Associated-URI, in which some S-CSCFs forget an angle bracket: <sip:a@d>, <sip:b@d, tel:+1>. So every word
// that looks like a URI is taken for one.
func associated(m *sip.Message, fault func(string, error)) (out []string) {
	for i := range m.Headers {
		if m.Headers[i].ID != sip.HdrPAssociatedURI {
			continue
		}
		for _, word := range bytes.FieldsFunc(m.Headers[i].Value, func(c rune) bool { return strings.ContainsRune("<>, \t\"", c) }) {
			uri, _, _ := strings.Cut(string(word), ";")
			if scheme, rest, ok := strings.Cut(uri, ":"); ok && rest != "" && slices.Contains([]string{"sip", "sips", "tel"}, strings.ToLower(scheme)) {
				if _, err := sip.ParseURI([]byte(uri)); err != nil {
					fault("identity", err)
				} else if len(out) <= maxIdentities { // one more, so that it is seen
					out = append(out, uri)
				}
			}
		}
	}
	return out
}

const maxIdentities = 64

// unique keeps the first of identities that are the same.
func unique(all []string) (out []string) {
	seen := map[string]bool{}
	for _, id := range all {
		if c := sh.Canonical(id); !seen[c] && len(out) < maxIdentities {
			seen[c] = true
			out = append(out, id)
		}
	}
	return out
}

// body is what the bodies of a REGISTER tell.
type body struct {
	serviceInfo string
	identities  []string
	contacts    []Contact
	lasts       []time.Duration // of the contacts, -1 unknown

	fault func(what string, err error) // hears of what is not read
}

// until gives the contacts their expiry.
func (b *body) until(now, all time.Time) []Contact {
	for i := range b.contacts {
		if b.contacts[i].Expires = all; b.lasts[i] >= 0 {
			b.contacts[i].Expires = now.Add(b.lasts[i])
		}
	}
	return b.contacts
}

// inside reads the bodies: the service information of the filter criteria, and the phone's own REGISTER or its answer, one of them or
// several parts. What cannot be read is counted and passed over: the registration itself is in the headers.
func inside(m *sip.Message, fault func(string, error)) body {
	b := body{fault: fault}
	if len(m.Body) > 0 {
		b.read(string(m.Get(sip.HdrContentType)), m.Body, 0)
	}
	return b
}

// maxDepth bounds how deep parts lie in parts, maxParts how many lie side by side, maxContacts the phones of a user.
const (
	maxDepth    = 3
	maxParts    = 16
	maxContacts = 16
)

func (b *body) read(contentType string, text []byte, depth int) {
	kind, params, err := mime.ParseMediaType(contentType)
	switch {
	case err != nil && kind == "":
		b.fault("body", fmt.Errorf("read Content-Type: %w", err))
	case depth > maxDepth:
		b.fault("limit", fmt.Errorf("bodies more than %d deep in each other", maxDepth))
	case strings.HasPrefix(kind, "multipart/"):
		b.parts(text, params["boundary"], depth)
	case kind == "application/3gpp-ims+xml":
		var doc struct {
			Service string `xml:"service-info"`
		}
		if err := readXML(text, params["charset"], &doc); err != nil {
			b.fault("body", fmt.Errorf("read %s: %w", kind, err))
			return
		}
		b.serviceInfo = strings.TrimSpace(doc.Service)
	case kind == "message/sip":
		b.message(text)
	default:
		b.fault("kind", fmt.Errorf("a body of type %.64q", kind))
	}
}

// parts reads the parts of a multipart body.
func (b *body) parts(text []byte, boundary string, depth int) {
	if boundary == "" {
		b.fault("body", errors.New("read multipart: no boundary"))
		return
	}
	all := multipart.NewReader(bytes.NewReader(text), boundary)
	for n := 0; ; n++ {
		p, err := all.NextRawPart()
		switch {
		case err == io.EOF:
			return
		case err == nil && n == maxParts:
			b.fault("limit", fmt.Errorf("more than %d parts", maxParts))
			return
		case err == nil:
			var part []byte
			if part, err = io.ReadAll(unwrapped(p)); err == nil {
				b.read(p.Header.Get("Content-Type"), part, depth+1)
				continue
			}
		}
		b.fault("body", fmt.Errorf("read multipart: %w", err))
		return
	}
}

// unwrapped reads a part that a gateway from mail has put into a form of its own (RFC 2045 6).
func unwrapped(p *multipart.Part) io.Reader {
	switch strings.ToLower(p.Header.Get("Content-Transfer-Encoding")) {
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, p)
	case "quoted-printable":
		return quotedprintable.NewReader(p)
	}
	return p
}

// message reads the phone's REGISTER, or the answer to it, whose Contacts are those that count.
func (b *body) message(text []byte) {
	m := new(sip.Message)
	if err := m.Parse(wholeLines(text)); err != nil {
		b.fault("body", fmt.Errorf("read message/sip: %w", err))
		return
	}
	if !m.IsRequest() {
		b.identities = append(b.identities, associated(m, b.fault)...)
	} else if b.contacts != nil { // the answer stood before it
		return
	}
	b.contacts, b.lasts = []Contact{}, nil
	for a := range addresses(m, sip.HdrContact) {
		c, last := Contact{URI: string(a.URI), Event: "registered"}, time.Duration(-1)
		for p := a.Params; ; {
			name, value, rest, ok := p.Next()
			if !ok {
				break
			}
			switch p = rest; {
			case sip.EqualFold(name, "expires"):
				if d, ok := sip.Seconds(value); ok {
					last = d
				}
			case sip.EqualFold(name, "+sip.instance"):
				c.Instance = strings.Trim(string(sip.Unquote(value)), "<>")
			case len(name) > 0 && name[0] == '+':
				c.Features += ";" + string(name)
				if value != nil {
					c.Features += "=" + string(value)
				}
			}
		}
		switch {
		case last == 0:
		case len(b.contacts) == maxContacts:
			b.fault("limit", fmt.Errorf("more than %d contacts", maxContacts))
			return
		default:
			b.contacts, b.lasts = append(b.contacts, c), append(b.lasts, last)
		}
	}
}
