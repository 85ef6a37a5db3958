package demo

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// proxy is an application server that is a mere proxy: all it gets goes back to where it came from, less its own Route. Its HSS
// tells what it is told.
type proxy struct {
	conn net.PacketConn
	wg   sync.WaitGroup

	mu    sync.Mutex
	state string
	twist func(string) string // of a request on its way back
}

func startProxy(twist func(string) string) StartAS {
	return func(context.Context) (AS, error) {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		p := &proxy{conn: conn, state: "REGISTERED", twist: twist}
		p.wg.Go(p.serve)
		return p, nil
	}
}

func (p *proxy) serve() {
	b := make([]byte, 65536)
	for {
		n, from, err := p.conn.ReadFrom(b)
		if err != nil {
			return
		}
		text := string(b[:n])
		m := Message{Raw: []byte(text)}
		switch {
		case m.Status() != 0:
			text = without(text, "Via")
		default:
			text = dropRoute(text, routeValues(m))
			if m.Method() == "INVITE" {
				text = with(text, "Record-Route: <sip:"+p.conn.LocalAddr().String()+";lr>\r\n")
			}
			text = with(p.twist(text), "Via: SIP/2.0/UDP "+p.conn.LocalAddr().String()+";branch="+viaBranch(m.Header("Via"))+"-p\r\n")
		}
		if _, err := p.conn.WriteTo([]byte(text), from); err != nil {
			return
		}
	}
}

func (p *proxy) Addresses() (caller, callee netip.AddrPort) { return local(p.conn), local(p.conn) }
func (p *proxy) Calls() int                                 { return 0 }
func (p *proxy) HSS() (uint64, time.Duration)               { return 1, 0 }

func (p *proxy) Subscriber(context.Context, string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state, nil
}

func (p *proxy) Deregister(string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = "NOT_REGISTERED"
	return nil
}

func (p *proxy) Close() error {
	err := p.conn.Close()
	p.wg.Wait()
	return err
}

// TestRunIMSTellsWhatIsWrong: a proxy passes the first call, which is heard, and what it does not do is named; a Route that is not
// byte for byte what it was ends the call.
func TestRunIMSTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		twist func(string) string
		want  []string
		show  string
	}{
		"a proxy": {func(text string) string { return text },
			[]string{"P-Served-User: ", "Call-ID: ", `Request-URI: "sip:bob@home.example" became "sip:bob@home.example"`}, "Bob hears 440 Hz"},
		"another Route": {func(text string) string { return strings.Replace(text, "odi-1000@", "odi-1000%40", 1) },
			[]string{"came back with a Route that is none of ours", "Alice: call bob"}, "Alice calls bob"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := quick()
			opts.Limit = 8 * time.Second
			var out bytes.Buffer
			err := RunIMS(t.Context(), &out, startProxy(c.twist), opts)
			if err == nil {
				t.Fatalf("passed as true:\n%s", &out)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("missing %q in: %v", want, err)
				}
			}
			if !strings.Contains(out.String(), c.show) || !strings.Contains(out.String(), "Not proved") {
				t.Errorf("%s", &out)
			}
		})
	}
}

func TestRouteIsReadAndCut(t *testing.T) {
	text := "INVITE sip:b SIP/2.0\r\nRoute: <sip:a;lr>, <sip:b;lr>;x=\"1, 2>\"\r\nTo: <sip:b>\r\nRoute: \"c, d\" <sip:c,d@e>\r\n\r\nbody"
	routes := routeValues(Message{Raw: []byte(text)})
	if d := cmp.Diff([]string{"<sip:a;lr>", `<sip:b;lr>;x="1, 2>"`, `"c, d" <sip:c,d@e>`}, routes); d != "" {
		t.Error(d)
	}
	want := "INVITE sip:b SIP/2.0\r\nRoute: <sip:b;lr>;x=\"1, 2>\"\r\nRoute: \"c, d\" <sip:c,d@e>\r\nTo: <sip:b>\r\n\r\nbody"
	if d := cmp.Diff(want, dropRoute(text, routes)); d != "" {
		t.Error(d)
	}
}
