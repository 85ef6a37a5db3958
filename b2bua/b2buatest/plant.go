package b2buatest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/media/sdp"
	"github.com/bifrons/bifrons/sip"
)

// The leak catalogue as a test: for every header Bifrons has a name for, and some it has none for, a secret of its own in
// every message of several calls, and a look for it in all that the other party gets. The table is that of package sip, so
// a new header cannot be forgotten; what cannot hold a secret is listed with the reason.

// numbers are headers whose value can only be a number, so no secret stands in them.
var numbers = []string{"CSeq", "Max-Forwards", "Max-Breadth", "Content-Length", "RSeq", "MIME-Version"}

// plantedElsewhere are headers that every message of the phones has a secret in: World looks for those in all that arrives.
var plantedElsewhere = []string{"From", "To", "Call-ID", "Contact", "Content-Type"}

// templates are values for headers that need a certain form; § is the secret. The others get the secret in a URI.
var templates = map[string]string{
	"Via": "§", "Record-Route": "<sip:§;lr>", "Route": "<sip:§;lr>", "Supported": "§", "Allow": "§", "Accept": "application/sdp, §/§", "Require": "§",
	"Proxy-Require": "§", "Unsupported": "§", "Session-Expires": "3600;x=§", "Min-SE": "90;x=§", "Timestamp": "54 §",
	"Retry-After": "5 (§);duration=9", "Expires": "60;x=§", "Min-Expires": "60;x=§", "Reason": "SIP;cause=200;text=\"§\"", "RAck": "1 1 §",
	"Warning": "399 § \"§\"", "P-Charging-Vector": "icid-value=\"§\";icid-generated-at=§;orig-ioi=§", "WWW-Authenticate": "Digest realm=\"§\",nonce=\"§\"",
	"Proxy-Authenticate": "Digest realm=\"§\",nonce=\"§\"", "Replaces": "§@§;to-tag=§;from-tag=§", "Join": "§@§;to-tag=§;from-tag=§",
	"Target-Dialog": "§@§;local-tag=§;remote-tag=§", "In-Reply-To": "§@§, 2§@§", "Privacy": "§",
	"Refer-To": "<sip:x@host.example?Replaces=§%3Bto-tag%3D§%3Bfrom-tag%3D§>", "User-Agent": "§/1.0", "Server": "§/1.0", "Organization": "§",
}

// unknown are headers nobody has a name for.
var unknown = []string{"X-FS-Support", "X-CID", "P-Brand-New", "Subscription-Gateway"}

// Headers returns the names of all headers that a secret is planted in.
func Headers() (names []string) {
	for id := sip.HdrOther + 1; id < sip.NumHeaders; id++ {
		if name := id.String(); !slices.Contains(numbers, name) && !slices.Contains(plantedElsewhere, name) {
			names = append(names, name)
		}
	}
	return append(names, unknown...)
}

// plant is a secret in one message.
type plant struct {
	secret, where string
	by            *Party
}

// garden makes secrets and remembers them.
type garden struct {
	name, template string
	all            []plant
}

// in returns the header with a new secret for a message.
func (g *garden) in(p *Party, where string) options {
	if g.name == "" {
		return options{}
	}
	request := where[0] >= 'A'
	switch {
	case g.name == "Via" && request: // of a response it is that of the request
		return options{with: []string{"UDP " + p.Addr.String() + "=>UDP " + g.secret(p, where) + ":5060"}}
	case g.name == "Via",
		where == "INVITE" && (g.name == "Replaces" || g.name == "Join" || g.name == "Route"), // it would go elsewhere
		g.name == "Content-Encoding" && (where == "INVITE" || where == "re-INVITE"),          // no encoded offer is read
		g.name == "Record-Route" && where != "INVITE",                                        // a route set is made once
		request && (g.name == "Require" || g.name == "Proxy-Require"):                        // what needs something unknown is refused
		return options{}
	}
	return options{headers: []string{g.name + ": " + strings.ReplaceAll(g.template, "§", g.secret(p, where))}}
}

func (g *garden) secret(p *Party, where string) string {
	s := fmt.Sprintf("planted%d-%s.secret.example", 100+len(g.all), strings.ToLower(p.Name))
	g.all = append(g.all, plant{s, where, p})
	return s
}

// Catalogue tests the leak catalogue under a policy: it fails t when a secret of one party, planted in a header, a
// description or a body, comes to the other although the policy does not carry it, and when one that it carries does not.
func Catalogue(t *testing.T, policy *b2bua.Policy) {
	t.Run("headers", func(t *testing.T) { plantHeaders(t, policy) })
	t.Run("descriptions", func(t *testing.T) { plantDescriptions(t, policy) })
	t.Run("bodies", func(t *testing.T) { plantBodies(t, policy) })
}

// plantHeaders plants a secret in every header of every message of some calls under a policy, and fails when one crosses that
// should not, or does not cross that should.
func plantHeaders(t *testing.T, policy *b2bua.Policy) {
	for _, name := range Headers() {
		t.Run(name, func(t *testing.T) {
			template, ok := templates[name]
			if !ok {
				template = "<sip:x@§>"
			}
			g := &garden{name: name, template: template}
			w := plantedWorld(t, policy)
			w.calls(g.in, "sdp", "sdp")
			r := policy.RuleFor(name)
			if id := sip.HeaderIDOf([]byte(name)); id != sip.HdrOther && b2bua.Owned(name) {
				r = b2bua.Rule{Action: b2bua.Own}
			}
			g.judge(t, w, r.Action == b2bua.Carry)
		})
	}
}

// mustCross are the messages in which a header that a policy carries arrives at the other party. ACK is not among them: the
// callee has its own as soon as it answers an offer, and BYE and CANCEL are answered here.
var mustCross = []string{"INVITE", "180", "183", "200 INVITE", "INFO", "200 INFO", "MESSAGE", "200 MESSAGE", "404", "480", "486", "500", "603", "BYE"}

func (g *garden) judge(t *testing.T, w *World, carried bool) {
	if len(g.all) == 0 {
		t.Fatal("nothing was planted")
	}
	crossed := map[string]bool{}
	for _, s := range g.all {
		for _, p := range w.Parties {
			if p == s.by {
				continue
			}
			for _, m := range p.got {
				if text := m.Append(nil); bytes.Contains(text, []byte(s.secret)) {
					crossed[s.where] = true
					if !carried {
						t.Errorf("what %s wrote in %s (%s) came to %s:\n%s", s.by.Name, s.where, g.name, p.Name, text)
					}
				}
			}
		}
	}
	for _, where := range mustCross {
		if carried && !crossed[where] && slices.ContainsFunc(g.all, func(p plant) bool { return p.where == where }) {
			t.Errorf("%s in %s should cross, and did not", g.name, where)
		}
	}
}

// plantedWorld is a world whose two sides have a policy between them both ways, and where no secret may cross.
func plantedWorld(t testing.TB, policy *b2bua.Policy) *World {
	w := NewWorld(t, func(_ *World, c *b2bua.Config) {
		for _, side := range c.Sides { // what a policy carries is asked for, and not who is believed
			side.Trust = b2bua.Home
		}
		c.Policies = []b2bua.Pair{{Policy: policy}}
	})
	t.Cleanup(func() { w.Finish() })
	if policy.RuleFor("Server").Action == b2bua.Carry {
		w.shown = append(w.shown, w.Parties["alice"].product, w.Parties["bob"].product)
	}
	return w
}

// calls makes calls of every kind, with in's options in every message of the parties: answered and changed, refused in
// several ways, cancelled.
func (w *World) calls(in func(*Party, string) options, offer, answer string) {
	a, b := w.Parties["alice"], w.Parties["bob"]
	with := func(p *Party, where, describe string) options {
		o := in(p, where)
		o.sdp = describe
		return o
	}
	send := func(p *Party, o options, text string) {
		p.with = o.with
		p.send(text)
		p.with = nil
	}
	dial := func() *sip.Message {
		o := with(a, "INVITE", offer)
		send(a, o, a.Invite("bob", o))
		return b.lastRequest("INVITE")
	}
	respond := func(p *Party, req *sip.Message, status int, describe string) {
		where := fmt.Sprintf("%d %s", status, req.MethodName)
		if status != 200 {
			where = fmt.Sprint(status)
		}
		p.send(p.Response(req, status, with(p, where, describe)))
	}
	request := func(p, q *Party, method, describe string) {
		o := with(p, method, describe)
		send(p, o, p.InDialog(method, o))
		if method != "ACK" && q != nil {
			respond(q, q.lastRequest(method), 200, map[bool]string{true: answer}[describe != ""])
		}
	}
	inv := dial()
	respond(b, inv, 180, "")
	respond(b, inv, 183, "")
	respond(b, inv, 200, answer)
	request(a, b, "ACK", "")
	for _, x := range [...][2]*Party{{a, b}, {b, a}} {
		request(x[0], x[1], "INFO", "")
		request(x[0], x[1], "MESSAGE", "")
		request(x[0], nil, "OPTIONS", "")
		request(x[0], x[1], "INVITE", map[bool]string{true: offer, false: answer}[x[0] == a])
		request(x[0], nil, "ACK", "")
	}
	request(b, a, "BYE", "")
	for _, status := range []int{302, 404, 480, 486, 500, 503, 603} {
		inv := dial()
		respond(b, inv, status, "")
		request(a, nil, "ACK", "")
	}
	inv = dial()
	respond(b, inv, 180, "")
	a.send(a.InDialog("CANCEL", in(a, "CANCEL")))
	respond(b, b.lastRequest("CANCEL"), 200, "")
	respond(b, inv, 487, "")
	request(a, nil, "ACK", "")
}

// lines are lines of a description with a secret §, or an address ¶, in them; those of the catalogue that never cross.
var lines = []string{"i=§", "u=http://§/", "e=x@§", "p=+49 §", "k=clear:§", "a=candidate:1 1 UDP 2130706431 ¶ 5000 typ host",
	"a=candidate:2 1 UDP 1694498815 ¶ 5001 typ srflx raddr ¶ rport 5002", "a=remote-candidates:1 ¶ 5000", "a=rtcp:5001 IN IP4 ¶",
	"a=alt:1 1 : § § ¶ 5000", "a=ssrc:305419896 cname:§", "a=ssrc-group:FID 305419896 §", "a=cname:§", "a=msid:§ §", "a=msid-semantic: WMS §",
	"a=identity:§", "a=ice-ufrag:§", "a=ice-pwd:§", "a=source-filter: incl IN IP4 * ¶", "a=path:msrp://§:2855/§;tcp", "a=phone:§", "a=email:§",
	"a=tls-id:§", "a=fingerprint:sha-256 §", "a=X-address:¶", "a=brand-new:host ¶"}

// attributes are those that a policy may carry.
var attributes = []string{"a=tool:§", "a=X-SBC-Session:§", "a=brand-new:§", "a=cat:§"}

// plantDescriptions plants a secret in each line of the descriptions.
func plantDescriptions(t *testing.T, policy *b2bua.Policy) {
	for i, line := range append(slices.Clone(lines), attributes...) {
		name, _, _ := strings.Cut(line, ":")
		t.Run(fmt.Sprintf("%d %s", i, name), func(t *testing.T) {
			w := plantedWorld(t, policy)
			g := &garden{}
			w.lines = func(p *Party) string {
				s := g.secret(p, line)
				return strings.NewReplacer("§", s, "¶", "192.0.2."+fmt.Sprint(len(g.all))).Replace(line) + "\r\n"
			}
			w.calls(func(*Party, string) options { return options{} }, "sdp", "sdp")
			carried := false
			if i >= len(lines) {
				carried = carries(policy, strings.TrimPrefix(name, "a="))
			}
			g.judge(t, w, carried)
			for _, p := range w.Parties {
				for _, m := range p.got {
					if strings.Contains(string(m.Body), "192.0.2.") {
						t.Errorf("an address came to %s:\n%s", p.Name, m.Body)
					}
				}
			}
		})
	}
}

func carries(p *b2bua.Policy, attribute string) bool {
	others := false
	for _, a := range p.SDP.Attributes() {
		if strings.EqualFold(a.Name, attribute) {
			return a.Action == sdp.Carry
		}
		if a.Name == "others" {
			others = a.Action == sdp.Carry
		}
	}
	return others
}

// plantBodies plants a secret in bodies of every type that a policy has a word for, and one it has none for; alone, and
// beside a description.
func plantBodies(t *testing.T, policy *b2bua.Policy) {
	types := []string{"application/x-brand-new"}
	for _, r := range policy.Bodies {
		types = append(types, r.Type)
	}
	for _, kind := range types {
		t.Run(kind, func(t *testing.T) {
			w := plantedWorld(t, policy)
			g := &garden{name: kind}
			a, b := w.Parties["alice"], w.Parties["bob"]
			content := func(p *Party, where string) string {
				if kind == "message/sipfrag" {
					return "SIP/2.0 200 OK\r\nServer: " + g.secret(p, where) + "\r\n"
				}
				return "<x uri=\"sip:x@" + g.secret(p, where) + "\"/>"
			}
			mixed := "--b\r\nContent-Type: application/sdp\r\n\r\n" + a.describe("sdp") + "\r\n--b\r\nContent-Type: " + kind + "\r\n\r\n" + content(a, "INVITE") + "\r\n--b--\r\n"
			a.send(a.Invite("bob", options{body: mixed, headers: []string{"Content-Type: multipart/mixed;boundary=b"}}))
			b.send(b.Response(b.lastRequest("INVITE"), 200, options{sdp: "sdp"}))
			a.send(a.InDialog("ACK", options{}))
			b.send(b.InDialog("INFO", options{body: content(b, "INFO"), headers: []string{"Content-Type: " + kind}}))
			a.send(a.Response(a.lastRequest("INFO"), 200, options{body: content(a, "200 INFO"), headers: []string{"Content-Type: " + kind}}))
			carried := policy.RestBodies == b2bua.Carry
			for _, r := range policy.Bodies {
				if r.Type == kind {
					carried = r.Action == b2bua.Carry
				}
			}
			g.judge(t, w, carried)
		})
	}
}

// Show lets values of a party reach the others without a failure of the test.
func (w *World) Show(values ...string) { w.shown = append(w.shown, values...) }

// Shouts makes a call in which Alice puts headers into each of her messages, and lines into her description; what is refused
// on the way is left at that.
func (w *World) Shouts(headers, lines []string) {
	a, b := w.Parties["alice"], w.Parties["bob"]
	w.lines = func(p *Party) string {
		if p != a || len(lines) == 0 {
			return ""
		}
		return strings.Join(lines, "\r\n") + "\r\n"
	}
	a.send(a.Invite("bob", options{sdp: "sdp", headers: headers}))
	if len(b.got) == 0 {
		return
	}
	b.send(b.Response(b.lastRequest("INVITE"), 200, options{sdp: "sdp"}))
	if a.remoteTag == "" {
		return
	}
	for _, method := range []string{"ACK", "INFO", "MESSAGE", "BYE"} {
		if a.confirmed() {
			a.send(a.InDialog(method, options{headers: headers}))
		}
	}
}

// Heard returns all that each party got.
func (w *World) Heard() map[string]string {
	out := map[string]string{}
	for name, p := range w.Parties {
		for _, m := range p.got {
			out[name] += string(m.Append(nil)) + "\n"
		}
	}
	return out
}
