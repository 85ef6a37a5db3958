package b2bua

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/bifrons/bifrons/sip"
)

// invite makes an INVITE with further lines from a source.
func invite(t *testing.T, lines ...string) *sip.Message {
	t.Helper()
	m := &sip.Message{Source: netip.MustParseAddrPort("192.0.2.7:5060")}
	text := "INVITE sip:bob@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1\r\nFrom: <sip:a@x.example>;tag=1\r\nTo: <sip:bob@192.0.2.1>\r\n" +
		"Call-ID: 1\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:a@192.0.2.7>\r\n"
	for _, l := range lines {
		text += l + "\r\n"
	}
	if err := m.Parse([]byte(text + "Content-Length: 0\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestTrustTable sets every header of the table on sides of every degree: it stays where the row says so, else it goes and is counted.
func TestTrustTable(t *testing.T) {
	degrees := []Trust{Untrusted, Partner, Home}
	for _, row := range TrustTable() {
		for _, degree := range degrees {
			t.Run(fmt.Sprintf("%s/%d", row.Header, degree), func(t *testing.T) {
				s, err := New(Config{Sides: []*Side{{Name: "x", Trust: degree, Locals: []*Local{{Addr: netip.MustParseAddrPort("192.0.2.1:5060"), Advertise: "192.0.2.1:5060"}}}}})
				if err != nil {
					t.Fatal(err)
				}
				m := invite(t, strings.ToLower(row.Header)+": <sip:evil@203.0.113.9;lr>", "Subject: stays", row.Header+": <sip:more@203.0.113.9>", "Privacy: id")
				s.untrusted(s.sides["x"], m)
				has, want := m.Header(row.Header) != "", degree >= row.Least
				counted := value(t, s.metrics.notTrusted.WithLabelValues("x", row.Header))
				if has != want || (counted == 2) == want || m.Header("Subject") != "stays" || m.Header("Privacy") != "id" || m.Header("From") == "" {
					t.Errorf("there: %t, want %t, counted %v\n%s", has, want, counted, m.Append(nil))
				}
			})
		}
	}
}

// TestRouteToUs: a phone that has us as its outbound proxy does nothing wrong; its Route goes all the same.
func TestRouteToUs(t *testing.T) {
	s, err := New(Config{Sides: []*Side{{Name: "x", Domain: "us.example", Locals: []*Local{{Addr: netip.MustParseAddrPort("192.0.2.1:5060"), Advertise: "192.0.2.1:5060"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	for route, counted := range map[string]float64{"<sip:192.0.2.1:5060;lr>": 0, "<sip:US.example;lr>": 0, "<sip:192.0.2.1;lr>, <sip:203.0.113.9;lr>": 1, "<sip:192.0.2.1:5070>": 2} {
		before := value(t, s.metrics.notTrusted.WithLabelValues("x", "Route"))
		m := invite(t, "Route: "+route)
		if s.untrusted(s.sides["x"], m); m.Has(sip.HdrRoute) {
			t.Errorf("%s stays", route)
		}
		if got := value(t, s.metrics.notTrusted.WithLabelValues("x", "Route")) - before; (got > 0) != (counted > 0) {
			t.Errorf("%s counts %v", route, got)
		}
	}
}

// TestStanding: an address, a name of a certificate or users admit; everybody is admitted where nothing is said.
func TestStanding(t *testing.T) {
	net := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/28")}
	for _, c := range []struct {
		name   string
		side   Side
		source string
		names  []string
		want   standing
	}{
		{"nothing said", Side{}, "198.51.100.1", nil, admitted},
		{"network", Side{Allow: net}, "192.0.2.15", nil, admitted},
		{"beside it", Side{Allow: net}, "192.0.2.16", nil, stranger},
		{"mapped", Side{Allow: net}, "::ffff:192.0.2.1", nil, admitted},
		{"certificate", Side{AllowNames: []string{"pbx.example"}}, "198.51.100.1", []string{"x.example", "pbx.example"}, admitted},
		{"another certificate", Side{AllowNames: []string{"pbx.example"}}, "198.51.100.1", []string{"evilpbx.example"}, stranger},
		{"no certificate", Side{AllowNames: []string{"pbx.example"}}, "198.51.100.1", nil, stranger},
		{"users", Side{Allow: net, AllowUsers: []string{"*"}}, "198.51.100.1", nil, unproven},
		{"users, and the network", Side{Allow: net, AllowUsers: []string{"*"}}, "192.0.2.1", nil, admitted},
	} {
		m := &sip.Message{Source: netip.AddrPortFrom(netip.MustParseAddr(c.source), 5060), Names: c.names}
		if got := c.side.standing(m); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// TestGuesses: ten wrong answers at once, then one every six seconds; others are not held back, and there is nothing that grows.
func TestGuesses(t *testing.T) {
	var g guesses
	bad, good := netip.MustParseAddr("192.0.2.66"), netip.MustParseAddr("192.0.2.1")
	now := time.Hour
	tries := 0
	for range 100 {
		if !g.spent(bad, now) {
			tries++
			g.add(bad, now)
		}
	}
	if tries != 10 || g.spent(good, now) {
		t.Errorf("%d guesses, want 10; the other one is held back: %t", tries, g.spent(good, now))
	}
	for range 600 {
		if now += 100 * time.Millisecond; !g.spent(bad, now) {
			tries++
			g.add(bad, now)
		}
	}
	if tries < 19 || tries > 21 {
		t.Errorf("%d guesses after a minute, want 20", tries)
	}
}

// value reads a counter.
func value(t *testing.T, c prometheus.Counter) float64 {
	t.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

// TestAdmits: a side that knows its peers by their networks alone, and says nothing to others, gives others no connection.
func TestAdmits(t *testing.T) {
	networks := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	for name, c := range map[string]struct {
		side Side
		want bool // of a stranger
	}{
		"networks":               {Side{Allow: networks}, false},
		"networks, 403":          {Side{Allow: networks, RefuseStrangers: true}, true},
		"networks, certificates": {Side{Allow: networks, AllowNames: []string{"a.example"}}, true},
		"networks, users":        {Side{Allow: networks, AllowUsers: []string{"*"}}, true},
		"everybody":              {Side{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			c.side.Locals = []*Local{{Addr: netip.MustParseAddrPort("192.0.2.1:5060"), Advertise: "192.0.2.1:5060"}}
			s := &Server{cfg: Config{Sides: []*Side{&c.side}}}
			c.side.Locals[0].side = &c.side
			admits := s.Admits(c.side.Locals[0])
			if got := admits(netip.MustParseAddr("198.51.100.1")); got != c.want || !admits(netip.MustParseAddr("::ffff:192.0.2.9")) {
				t.Errorf("a stranger: %v, want %v", got, c.want)
			}
		})
	}
}
