package b2bua_test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/sip"
)

// phone is a bare UDP socket.
type phone struct {
	t *testing.T
	*net.UDPConn
}

func newPhone(t *testing.T) phone {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return phone{t, c}
}

func (p phone) addr() netip.AddrPort { return p.LocalAddr().(*net.UDPAddr).AddrPort() }

// await reads until a message begins with one of the texts.
func (p phone) await(starts ...string) string {
	p.t.Helper()
	buf := make([]byte, 65536)
	_ = p.SetReadDeadline(time.Now().Add(5 * time.Second))
	for {
		n, err := p.Read(buf)
		if err != nil {
			p.t.Fatalf("no %v: %v", starts, err)
		}
		for _, s := range starts {
			if strings.HasPrefix(string(buf[:n]), s) {
				return string(buf[:n])
			}
		}
	}
}

func (p phone) invite(to netip.AddrPort, user, id string) {
	_, _ = p.WriteToUDPAddrPort(fmt.Appendf(nil, "INVITE sip:%s@home.example SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s\r\n"+
		"From: <sip:a@home.example>;tag=%s\r\nTo: <sip:%s@home.example>\r\nCall-ID: %s\r\nCSeq: 1 INVITE\r\nContact: <sip:a@%s>\r\n"+
		"Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n", user, p.addr(), id, id, user, id, p.addr()), to)
}

// overUDP runs a server with one side on the loopback interface whose calls go to a phone.
func overUDP(t *testing.T, callee netip.AddrPort, set func(*b2bua.Config)) (*b2bua.Server, netip.AddrPort) {
	l, err := sip.ListenUDP(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	local := &b2bua.Local{Conn: l, Addr: l.Local, Advertise: l.Local.String()}
	cfg := b2bua.DefaultConfig()
	cfg.StepLimit = 100 * time.Millisecond
	cfg.Sides = []*b2bua.Side{{Name: "core", Locals: []*b2bua.Local{local}, Domain: "home.example", Trust: b2bua.Home,
		NextHop: b2bua.NextHop{Host: callee.String(), Addr: callee}, Apps: []string{"hangs"}}}
	set(&cfg)
	srv, err := b2bua.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l.Serve(srv.Handler(local))
	srv.Start()
	t.Cleanup(func() {
		l.Close()
		srv.Close()
	})
	return srv, l.Local
}

// TestHungApp: an App that hangs costs its own call a moment and nobody else anything; what it asks for when it comes back
// is dropped; after five times it is switched off.
func TestHungApp(t *testing.T) {
	release := make(chan struct{})
	hangs := app{"hangs", func(s *b2bua.Step, ev b2bua.Event) b2bua.Verdict {
		inv, ok := ev.(b2bua.Invite)
		if !ok || !strings.Contains(inv.RequestURI, "hang") {
			return b2bua.Pass
		}
		<-release
		inv.Set("Subject", "too late")
		s.Do(b2bua.Reject{Status: 603})
		s.Save(1)
		if s.CallID() != 0 {
			t.Error("a dead step tells its call")
		}
		return b2bua.Stop
	}}
	caller, callee := newPhone(t), newPhone(t)
	srv, at := overUDP(t, callee.addr(), func(c *b2bua.Config) { c.Apps = map[string]b2bua.Link{"hangs": {App: hangs}} })
	defer close(release)

	for i := range 5 {
		id := fmt.Sprintf("hung%d", i)
		start := time.Now()
		caller.invite(at, "hang", id)
		caller.await("SIP/2.0 100")
		other := fmt.Sprintf("free%d", i)
		caller.invite(at, "bob", other)
		got := callee.await("INVITE sip:bob@", "INVITE sip:hang@")
		if !strings.HasPrefix(got, "INVITE sip:bob@") && time.Since(start) < 80*time.Millisecond {
			t.Errorf("the hung call went on before its time:\n%s", got)
		}
		if strings.HasPrefix(got, "INVITE sip:bob@") { // the free call was not held up; the hung one follows
			if got = callee.await("INVITE sip:hang@"); strings.Contains(got, "too late") {
				t.Errorf("what a dead step set is sent:\n%s", got)
			}
		} else {
			callee.await("INVITE sip:bob@")
		}
	}
	caller.invite(at, "hang", "sixth") // nobody waits for it any more, or there would be a sixth failure
	callee.await("INVITE sip:hang@")
	if n := srv.Active(); n != 11 {
		t.Errorf("%d calls, want 11", n)
	}
	if n := counted(t, srv, "bifrons_b2bua_app_failures_total"); n != 5 {
		t.Errorf("%v failures counted, want 5", n)
	}
}

// counted sums a counter over its labels.
func counted(t *testing.T, srv *b2bua.Server, name string) (sum float64) {
	reg := prometheus.NewRegistry()
	reg.MustRegister(srv.Metrics())
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += value(m)
			}
		}
	}
	return sum
}

func value(m *dto.Metric) float64 { return m.GetCounter().GetValue() + m.GetGauge().GetValue() }
