package diameter

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/bifrons/bifrons/diameter/dict"
)

// stream is a connection that yields given bytes and swallows what is written.
type stream struct {
	net.Conn
	r   io.Reader
	out bytes.Buffer
}

func (s *stream) Read(p []byte) (int, error)       { return s.r.Read(p) }
func (s *stream) Write(p []byte) (int, error)      { return s.out.Write(p) }
func (s *stream) SetWriteDeadline(time.Time) error { return nil }
func (s *stream) SetDeadline(time.Time) error      { return nil }
func (s *stream) LocalAddr() net.Addr              { return nil }

func seeds(f *testing.F) {
	cfg := DefaultConfig()
	cfg.OriginHost, cfg.OriginRealm = "x.ims.example", realm
	e, err := New(cfg, nil, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		f.Fatal(err)
	}
	cer := e.baseRequest(dict.CapabilitiesExchange)
	e.addCapabilities(cer, nil)
	one, err := serialize(cer)
	if err != nil {
		f.Fatal(err)
	}
	two, err := serialize(e.NewRequest(dict.Sh, dict.UserDataCommand, Route{Realm: realm}))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(one)
	f.Add(append(bytes.Clone(one), two...))
	f.Add(two)
	f.Add(withProxy(rawMessage(0x40, 306, dict.Sh, sessionAVP)))
	f.Add([]byte{1, 0, 0, 4})
	f.Add(rawMessage(0xc0, 306, dict.Sh, rawAVPBytes(dict.UserIdentity, 0xc0, dict.Vendor3GPP,
		rawAVPBytes(dict.RedirectHost, 0x40, 0, []byte("aaa://x:1")))))
}

// FuzzGuard lets bytes in as from either role: whatever they are, what the guard lets through is read by the codec,
// and what it answers is Diameter again.
func FuzzGuard(f *testing.F) {
	seeds(f)
	cfg := DefaultConfig()
	cfg.OriginHost, cfg.OriginRealm, cfg.AcceptUnknown = "hss.ims.example", realm, true
	e, err := New(cfg, Handlers{udr: named}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &stream{r: bytes.NewReader(b)}
		g := e.guard(s)
		for {
			m, err := g.message(e.dict.Parser())
			if err != nil {
				break
			}
			if _, err := serialize(m); err != nil {
				t.Fatalf("cannot write what was read: %v", err)
			}
		}
		if cap(g.buf) > cfg.MaxMessage {
			t.Fatalf("buffer of %d bytes", cap(g.buf))
		}
		again := e.guard(&stream{r: bytes.NewReader(s.out.Bytes())})
		again.refused = func(reason string) {
			if reason == "length" || reason == "version" {
				t.Fatalf("we answered what is no Diameter: %s", reason)
			}
		}
		for {
			if _, err := again.message(e.dict.Parser()); err != nil {
				break
			}
		}
		// The exchange of capabilities on the same bytes, as server and as client.
		_, _ = e.respond(e.guard(&stream{r: bytes.NewReader(b)}))
		_, _ = e.initiate(e.guard(&stream{r: bytes.NewReader(b)}), PeerConfig{})
	})
}
