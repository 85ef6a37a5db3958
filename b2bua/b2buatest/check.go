package b2buatest

import (
	"slices"
	"strings"

	"github.com/bifrons/bifrons/sip"
)

// receive takes a message off the wire, checks it, and keeps it for the script.
func (p *Party) receive(m *sip.Message, d datagram) {
	repeated := false
	for _, g := range p.got {
		repeated = repeated || string(g.Append(nil)) == string(m.Append(nil))
	}
	p.private(d)
	p.wellFormed(m, d)
	if m.IsRequest() {
		p.inOrder(m, repeated)
	} else {
		p.answersOurs(m)
	}
	p.description(m)
	p.got = append(p.got, m)
	p.learn(m)
	if p.auto {
		p.react(m, repeated)
		return
	}
	p.inbox = append(p.inbox, m)
}

// private fails when anything of another party is in the bytes.
func (p *Party) private(d datagram) {
	for _, o := range p.w.Parties {
		if o == p {
			continue
		}
		for _, s := range o.secrets {
			if s == o.Addr.Addr().String() && !p.w.cfg.Anchor || slices.Contains(p.w.shown, s) { // configured so
				continue
			}
			if strings.Contains(string(d.data), s) && !p.knows(s) {
				p.w.T.Errorf("%s is shown %q of %s in\n%s", p.Name, s, o.Name, d.data)
			}
		}
	}
}

// knows tells that a party sent the value itself.
func (p *Party) knows(s string) bool {
	for _, m := range p.sent {
		if strings.Contains(string(m.Append(nil)), s) {
			return true
		}
	}
	return false
}

// wellFormed checks what every message of the server must have.
func (p *Party) wellFormed(m *sip.Message, d datagram) {
	fail := func(what string) { p.w.T.Errorf("%s got a message with %s:\n%s", p.Name, what, d.data) }
	if n := m.Get(sip.HdrContentLength); n == nil {
		fail("no Content-Length")
	}
	vias := headerLines(m, sip.HdrVia)
	if m.IsRequest() {
		v, err := m.TopVia()
		if err != nil || len(vias) != 1 || string(v.Host) != d.from.Addr.Addr().String() || v.Port != d.from.Addr.Port() {
			fail("a Via that is not the server's alone")
		}
		if m.Get(sip.HdrMaxForwards) == nil {
			fail("no Max-Forwards")
		}
	}
	if c := contactOf(m); c != "" && m.Method != sip.REGISTER && (m.IsRequest() || m.Status < 300) && !strings.Contains(c, d.from.Addr.String()) {
		fail("a Contact that is not the server's")
	}
	for _, id := range []sip.HeaderID{sip.HdrRecordRoute} {
		if m.IsRequest() && m.Get(id) != nil {
			fail(id.String())
		}
	}
}

// inOrder checks a request of the server against the dialog it belongs to.
func (p *Party) inOrder(m *sip.Message, repeated bool) {
	n, _ := m.CSeq()
	to := tagOf(m, sip.HdrTo)
	if to == "" || string(m.Get(sip.HdrCallID)) != p.callID {
		return
	}
	if m.Method == sip.NOTIFY && p.remoteTag == "" { // before the answer (RFC 6665 4.1.2.4)
		p.remoteTag = tagOf(m, sip.HdrFrom)
	}
	if to != p.localTag && !p.forked(to) || tagOf(m, sip.HdrFrom) != p.remoteTag {
		p.w.T.Errorf("%s got a request with tags that are not its dialog's (%s, %s):\n%s", p.Name, p.localTag, p.remoteTag, m.Append(nil))
	}
	if want, _, _ := strings.Cut(p.contact(), "?"); string(m.RequestURI) != want && len(p.routes)+len(p.others) == 0 && m.Method != sip.CANCEL && (m.Method != sip.ACK || !p.refusedLast()) {
		p.w.T.Errorf("%s got a request for %s, its Contact is %s", p.Name, m.RequestURI, p.contact())
	}
	if m.Method != sip.ACK && m.Method != sip.CANCEL && !repeated {
		if n <= p.seen {
			p.w.T.Errorf("%s got CSeq %d after %d:\n%s", p.Name, n, p.seen, m.Append(nil))
		}
	}
	p.seen = max(p.seen, n)
}

// refusedLast tells whether the phone's last final answer was a failure: its ACK has the Request-URI of the INVITE.
func (p *Party) refusedLast() bool {
	for i := len(p.sent) - 1; i >= 0; i-- {
		if m := p.sent[i]; !m.IsRequest() && m.Status >= 200 && m.Method == sip.INVITE {
			return m.Status >= 300
		}
	}
	return false
}

func (p *Party) forked(tag string) bool {
	for _, s := range p.secrets {
		if s == tag {
			return true
		}
	}
	return false
}

// answersOurs checks a response against the request it answers.
func (p *Party) answersOurs(m *sip.Message) {
	v, _ := m.TopVia()
	for _, r := range p.sent {
		rv, err := r.TopVia()
		if err != nil || !r.IsRequest() || string(rv.Branch()) != string(v.Branch()) {
			continue
		}
		n, method := r.CSeq()
		if k, km := m.CSeq(); k != n || string(km) != string(method) {
			continue
		}
		if string(r.Get(sip.HdrFrom)) != string(m.Get(sip.HdrFrom)) || string(r.Get(sip.HdrCallID)) != string(m.Get(sip.HdrCallID)) {
			p.w.T.Errorf("%s got a response with another From or Call-ID:\n%s", p.Name, m.Append(nil))
		}
		if m.Status > 100 && tagOf(m, sip.HdrTo) == "" {
			p.w.T.Errorf("%s got a response without To tag:\n%s", p.Name, m.Append(nil))
		}
		return
	}
	if p.garbled && m.Status == 400 {
		return
	}
	p.w.T.Errorf("%s got a response to nothing it sent:\n%s", p.Name, m.Append(nil))
}

// description checks the o= line: within a dialog the version stays when the description stays, else it rises.
func (p *Party) description(m *sip.Message) {
	if len(m.Body) == 0 || !strings.HasPrefix(string(m.Get(sip.HdrContentType)), "application/sdp") {
		return
	}
	var origin string
	rest := make([]string, 0, 16)
	for _, l := range strings.Split(string(m.Body), "\r\n") {
		if strings.HasPrefix(l, "o=") {
			origin = l
			continue
		}
		rest = append(rest, l)
	}
	f := strings.Fields(origin)
	if len(f) != 6 || f[0] != "o=-" {
		p.w.T.Errorf("%s got a strange %q", p.Name, origin)
		return
	}
	body := strings.Join(rest, "\n")
	dialog := tagOf(m, sip.HdrFrom) + " " + tagOf(m, sip.HdrTo) // of a fork it is another session
	if last, ok := p.origins[f[1]+" "+f[2]+dialog]; ok && last != body {
		p.w.T.Errorf("%s got another description under the version %s:\n%s\n%s", p.Name, origin, last, body)
	}
	p.origins[f[1]+" "+f[2]+dialog] = body
}

// react is what a phone does by itself when its script is over.
func (p *Party) react(m *sip.Message, repeated bool) {
	switch {
	case !m.IsRequest():
		_, method := m.CSeq()
		switch {
		case string(method) != "INVITE":
		case m.Status >= 200:
			p.acknowledge(m)
		case m.Get(sip.HdrRSeq) != nil && !repeated && p.uac():
			p.send(p.InDialog("PRACK", options{}))
		}
	case m.Method == sip.ACK:
	case m.Method == sip.INVITE && !repeated:
		p.send(p.Response(m, 200, options{sdp: "sdp"}))
	case m.Method == sip.CANCEL:
		p.send(p.Response(m, 200, options{}))
		p.send(p.Response(p.lastRequest("INVITE"), 487, options{}))
	case (m.Method == sip.PRACK || m.Method == sip.UPDATE) && len(m.Body) > 0:
		p.send(p.Response(m, 200, options{sdp: "sdp"}))
	default:
		p.send(p.Response(m, 200, options{}))
	}
}

// acknowledge sends the ACK of a final response (RFC 3261 13.2.2.4, 17.1.1.3).
func (p *Party) acknowledge(m *sip.Message) {
	n, _ := m.CSeq()
	if m.Status < 300 {
		p.send(p.request("ACK", n, options{}))
		return
	}
	p.send(p.ackFailure(m))
}

// ackFailure prints the ACK of a failure: the branch and Request-URI of the INVITE, the tag of the response.
func (p *Party) ackFailure(m *sip.Message) string {
	n, _ := m.CSeq()
	for _, inv := range p.sent {
		k, method := inv.CSeq()
		if !inv.IsRequest() || k != n || string(method) != "INVITE" || string(inv.Get(sip.HdrCallID)) != string(m.Get(sip.HdrCallID)) {
			continue
		}
		v, _ := inv.TopVia()
		tag, target := p.remoteTag, p.target
		p.remoteTag, p.target = tagOf(m, sip.HdrTo), string(inv.RequestURI)
		text := p.request("ACK", n, options{branch: string(v.Branch())})
		p.remoteTag, p.target = tag, target
		return text
	}
	p.w.fail("%s has sent no such INVITE", p.Name)
	return ""
}
