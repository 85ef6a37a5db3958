package demo

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Verdict says what became of a value on its way to the other side.
type Verdict string

// The verdicts of a Row.
const (
	Hidden   Verdict = "hidden"
	Same     Verdict = "SAME"        // it leaked
	Meant    Verdict = "on purpose"  // shown, because it is who calls
	NoTell   Verdict = "one address" // both sides are at this address, it tells nothing
	NotThere Verdict = "MISSING"     // nothing to compare: the message never came
)

// Row is one field of one phone as the other phone came to see it.
type Row struct {
	Field   string
	Own     string // as its owner sent it
	Seen    string // as the other side received it
	Verdict Verdict
}

// Face is all that one phone could learn of the other.
type Face struct {
	Rows  []Row
	Scan  Scan
	Owner string
	By    string
}

// Scan is the search for every private value of one phone's leg in everything
// that the other phone received.
type Scan struct {
	Values   int
	Messages int
	Found    []string // what was found, by name
}

// party is what the proof knows of a phone.
type party struct {
	name      string
	messages  []Message
	ssrc      uint32 // of what it sends
	reception Reception
}

// faces compares the two legs, in both directions. The addresses in shared are
// used by more than one of the three and cannot tell anybody's place.
func faces(caller, callee party, shared []netip.Addr) (seenByCallee, seenByCaller Face) {
	isInvite := func(m Message) bool { return m.Method() == "INVITE" && m.Status() == 0 }
	isAnswer := func(m Message) bool { return m.Method() == "INVITE" && m.Status() == 200 }
	c := comparison{own: first(caller.messages, true, isInvite), seen: first(callee.messages, false, isInvite), shared: shared}
	c.text("Call-ID", "Call-ID")
	c.tag("From tag", "From")
	c.user()
	c.via()
	c.contact()
	c.text("User-Agent", "User-Agent")
	c.media(caller, callee)
	seenByCallee = Face{Rows: c.rows, Scan: scan(caller.messages, callee.messages, shared), Owner: caller.name, By: callee.name}

	c = comparison{own: first(callee.messages, true, isAnswer), seen: first(caller.messages, false, isAnswer), shared: shared}
	c.text("Call-ID", "Call-ID")
	c.tag("To tag", "To")
	c.contact()
	c.text("Server", "Server")
	c.media(callee, caller)
	seenByCaller = Face{Rows: c.rows, Scan: scan(callee.messages, caller.messages, shared), Owner: callee.name, By: caller.name}
	return seenByCallee, seenByCaller
}

// Leaks names what the other side should not have seen.
func (f Face) Leaks() []string {
	var leaks []string
	for _, r := range f.Rows {
		if r.Verdict == Same {
			leaks = append(leaks, r.Field)
		}
	}
	for _, what := range f.Scan.Found {
		if !slices.Contains(leaks, what) {
			leaks = append(leaks, what)
		}
	}
	return leaks
}

// Missing names what could not be compared.
func (f Face) Missing() []string {
	var missing []string
	for _, r := range f.Rows {
		if r.Verdict == NotThere {
			missing = append(missing, r.Field)
		}
	}
	return missing
}

func first(messages []Message, sent bool, is func(Message) bool) Message {
	for _, m := range messages {
		if m.Sent == sent && is(m) {
			return m
		}
	}
	return Message{}
}

// comparison collects the rows of one message against what came of it.
type comparison struct {
	own, seen Message
	shared    []netip.Addr
	rows      []Row
}

// add compares one field: it leaked if any private part of the owner's value
// is in what the other side has.
func (c *comparison) add(field, own, seen string, private ...string) {
	verdict := Hidden
	told := slices.DeleteFunc(slices.Clone(private), func(s string) bool { return s == "" || c.isShared(s) })
	switch {
	case own == "" || len(c.seen.Raw) == 0:
		verdict = NotThere
	case slices.ContainsFunc(told, func(s string) bool { return contains(seen, s) }):
		verdict = Same
	case len(told) == 0:
		verdict = NoTell
	}
	c.rows = append(c.rows, Row{Field: field, Own: own, Seen: seen, Verdict: verdict})
}

func (c *comparison) isShared(s string) bool {
	addr, err := netip.ParseAddr(s)
	return err == nil && slices.Contains(c.shared, addr)
}

func (c *comparison) text(field, header string) {
	own := c.own.Header(header)
	c.add(field, own, c.seen.Header(header), own)
}

func (c *comparison) tag(field, header string) {
	own := param(c.own.Header(header), "tag")
	c.add(field, own, param(c.seen.Header(header), "tag"), own)
}

// user shows the one thing that crosses on purpose: who is calling.
func (c *comparison) user() {
	own, seen := uri(c.own.Header("From")), uri(c.seen.Header("From"))
	row := Row{Field: "From", Own: own, Seen: seen, Verdict: Hidden}
	switch {
	case own == "" || seen == "":
		row.Verdict = NotThere
	case user(own) == user(seen):
		row.Verdict = Meant
	}
	c.rows = append(c.rows, row)
}

func (c *comparison) via() {
	join := func(values []string, part func(string) string) string {
		var parts []string
		for _, v := range values {
			parts = append(parts, part(v))
		}
		return strings.Join(parts, ", ")
	}
	branch := func(v string) string { return param(v, "branch") }
	own, seen := c.own.Headers("Via"), c.seen.Headers("Via")
	c.add("Via address", join(own, sentBy), join(seen, sentBy), sentBy(c.own.Header("Via")))
	c.add("Via branch", join(own, branch), join(seen, branch), branch(c.own.Header("Via")))
}

func (c *comparison) contact() {
	own := uri(c.own.Header("Contact"))
	c.add("Contact", own, uri(c.seen.Header("Contact")), hostport(own))
}

// media compares the session descriptions and the streams.
func (c *comparison) media(owner, other party) {
	o, seen, addr, port := c.own.SDP("o="), c.seen.SDP("o="), address(c.own.SDP("c=")), mediaPort(c.own)
	origin := func(o string) string { return strings.TrimSpace(field(o, 1) + " " + field(o, 5)) }
	c.add("SDP o=", origin(o), origin(seen), field(o, 1), field(o, 5))
	c.add("SDP c=", c.own.SDP("c="), c.seen.SDP("c="), addr)
	// A port alone may be the same by chance; with its address it may not.
	seenAt := address(c.seen.SDP("c=")) + ":" + mediaPort(c.seen)
	c.add("media port", port, mediaPort(c.seen), port)
	row := &c.rows[len(c.rows)-1]
	if row.Verdict == Same && seenAt != addr+":"+port {
		row.Verdict = Hidden
	}
	var sources, ssrcs []string
	for _, s := range other.reception.Sources {
		sources = append(sources, s.String())
	}
	for _, s := range other.reception.SSRCs {
		ssrcs = append(ssrcs, hex(s))
	}
	own := ""
	if owner.ssrc != 0 {
		own = hex(owner.ssrc)
	}
	c.add("RTP from", addr+":"+port, strings.Join(sources, ", "), addr+":"+port)
	c.add("RTP SSRC", own, strings.Join(ssrcs, ", "), own)
	if len(other.reception.Sources) == 0 {
		c.rows[len(c.rows)-2].Verdict, c.rows[len(c.rows)-1].Verdict = NotThere, NotThere
	}
}

func hex(ssrc uint32) string { return fmt.Sprintf("0x%08x", ssrc) }

func field(line string, n int) string {
	if f := strings.Fields(line); n < len(f) {
		return f[n]
	}
	return ""
}

// address is the last part of a c= line, without a TTL (RFC 4566 5.7).
func address(c string) string {
	a, _, _ := strings.Cut(field(c, 2), "/")
	return a
}

func mediaPort(m Message) string { return field(m.SDP("m=audio "), 0) }

// scan looks for everything private of one leg in what the other phone received.
func scan(from, to []Message, shared []netip.Addr) Scan {
	type secret struct{ what, value string }
	var secrets []secret
	add := func(what, value string) {
		addr, err := netip.ParseAddr(value)
		if len(value) < 6 || err == nil && slices.Contains(shared, addr) || slices.Contains(secrets, secret{what, value}) {
			return
		}
		secrets = append(secrets, secret{what, value})
	}
	for _, m := range from {
		// What identifies the leg is private whoever chose it.
		add("Call-ID", m.Header("Call-ID"))
		add("From tag", param(m.Header("From"), "tag"))
		add("To tag", param(m.Header("To"), "tag"))
		for _, v := range m.Headers("Via") {
			add("Via branch", param(v, "branch"))
		}
		if !m.Sent {
			continue
		}
		if m.Status() == 0 {
			add("Via address", sentBy(m.Header("Via")))
		}
		add("Contact", hostport(uri(m.Header("Contact"))))
		add("User-Agent", m.Header("User-Agent"))
		add("Server", m.Header("Server"))
		add("SDP o=", field(m.SDP("o="), 1))
		add("SDP o=", field(m.SDP("o="), 5))
		add("SDP c=", address(m.SDP("c=")))
	}
	result := Scan{Values: len(secrets)}
	for _, m := range to {
		if m.Sent {
			continue
		}
		result.Messages++
		text := string(m.Raw)
		for _, s := range secrets {
			if !slices.Contains(result.Found, s.what) && contains(text, s.value) {
				result.Found = append(result.Found, s.what)
			}
		}
	}
	return result
}

// contains finds a value in a text as a whole word: 127.0.0.1 is not in
// 127.0.0.11, nor 10.1.2.3 in 110.1.2.3.
func contains(text, value string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], value)
		if i < 0 {
			return false
		}
		start, end := from+i, from+i+len(value)
		if (start == 0 || !wordy(text[start-1])) && (end == len(text) || !wordy(text[end])) {
			return true
		}
		from = start + 1
	}
}

func wordy(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
