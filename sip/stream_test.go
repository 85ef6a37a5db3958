package sip

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func onStream(n int, body string) string {
	return fmt.Sprintf("OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK%d\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: c%d\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nl: %d\r\n\r\n%s",
		n, n, len(body), body)
}

// TestFrame: messages, pings and mistakes, however the bytes arrive.
func TestFrame(t *testing.T) {
	one, two := onStream(1, ""), onStream(2, "body")
	for _, c := range []struct {
		name, text string
		want       []string
		pings      int
		err        error
	}{
		{name: "nothing"},
		{name: "one", text: one, want: []string{one}},
		{name: "two", text: one + two, want: []string{one, two}},
		{name: "blanks between", text: "\r\n" + one + "\r\n" + two + "\r\n", want: []string{one, two}},
		{name: "a ping", text: "\r\n\r\n", pings: 1},
		{name: "pings and messages", text: "\r\n\r\n" + one + "\r\n\r\n\r\n\r\n" + two, want: []string{one, two}, pings: 3},
		{name: "half a ping and half another, a message between", text: "\r\n" + one + "\r\n", want: []string{one}},
		{name: "no length", text: "OPTIONS sip:a SIP/2.0\r\nTo: b\r\n\r\nrest", want: []string{"OPTIONS sip:a SIP/2.0\r\nTo: b\r\n\r\n"}, err: errNoLength},
		{name: "a length that is none", text: "OPTIONS sip:a SIP/2.0\r\nContent-Length: -1\r\n\r\n", want: []string{"OPTIONS sip:a SIP/2.0\r\nContent-Length: -1\r\n\r\n"}, err: errNoLength},
		{name: "two lengths", text: "OPTIONS sip:a SIP/2.0\r\nl: 1\r\nContent-Length: 2\r\n\r\n", want: []string{"OPTIONS sip:a SIP/2.0\r\nl: 1\r\nContent-Length: 2\r\n\r\n"}, err: errFraming},
		{name: "too long a body", text: "OPTIONS sip:a SIP/2.0\r\nl: 900000\r\n\r\n", want: []string{"OPTIONS sip:a SIP/2.0\r\nl: 900000\r\n\r\n"}, err: errBody},
		{name: "no end", text: strings.Repeat("x", maxHead+10), want: []string{strings.Repeat("x", maxHead)}, err: errHead},
		{name: "too long a head", text: "OPTIONS sip:a SIP/2.0\r\nX: " + strings.Repeat("x", maxHead) + "\r\n\r\n", want: []string{"OPTIONS sip:a SIP/2.0\r\nX: " + strings.Repeat("x", maxHead-26)}, err: errHead},
		{name: "the same length twice", text: "OPTIONS sip:a SIP/2.0\r\nl: 0\r\nContent-Length: 0\r\n\r\n", want: []string{"OPTIONS sip:a SIP/2.0\r\nl: 0\r\nContent-Length: 0\r\n\r\n"}, err: errFraming},
		{name: "a length in a fold", text: "OPTIONS sip:a SIP/2.0\r\nX: y\r\n l: 1\r\n\r\n", want: []string{"OPTIONS sip:a SIP/2.0\r\nX: y\r\n l: 1\r\n\r\n"}, err: errNoLength},
		{name: "a length that is folded", text: "OPTIONS sip:a SIP/2.0\r\nl: 1\r\n 2\r\n\r\n", want: []string{"OPTIONS sip:a SIP/2.0\r\nl: 1\r\n 2\r\n\r\n"}, err: errFraming},
		{name: "a length behind a bare LF", text: "OPTIONS sip:a SIP/2.0\r\nX: y\nl: 1\r\n\r\n", want: []string{"OPTIONS sip:a SIP/2.0\r\nX: y\nl: 1\r\n\r\n"}, err: errFraming},
		{name: "a length behind a bare CR", text: "OPTIONS sip:a SIP/2.0\r\nX: y\rl: 1\r\nl: 0\r\n\r\n", want: []string{"OPTIONS sip:a SIP/2.0\r\nX: y\rl: 1\r\nl: 0\r\n\r\n"}, err: errFraming},
		{name: "not yet", text: one + two[:len(two)-1], want: []string{one}},
	} {
		for _, piece := range []int{1, 7, 4000, 1 << 20} {
			var f frame
			var got []string
			pings := 0
			var err error
			for text := []byte(c.text); len(text) > 0 && err == nil; {
				n := copy(f.room(), text[:min(piece, len(text))])
				f.filled(n)
				text = text[n:]
				for err == nil {
					var b []byte
					var p int
					b, p, err = f.next()
					pings += p
					if b == nil {
						break
					}
					got = append(got, string(b))
				}
			}
			if !slices.Equal(got, c.want) || pings != c.pings || !errors.Is(err, c.err) {
				t.Errorf("%s in pieces of %d: got %q, %d pings, %v", c.name, piece, got, pings, err)
			}
		}
	}
}

// TestFrameForgets: what a large message needed does not stay with its connection.
func TestFrameForgets(t *testing.T) {
	var f frame
	for text := []byte(onStream(1, strings.Repeat("x", 200<<10))); len(text) > 0; {
		n := copy(f.room(), text)
		f.filled(n)
		text = text[n:]
	}
	if m, _, err := f.next(); len(m) < 200<<10 || err != nil {
		t.Fatalf("%d bytes, %v", len(m), err)
	}
	if f.room(); cap(f.buf) > 64<<10 {
		t.Errorf("%d bytes stay", cap(f.buf))
	}
}

func FuzzFrame(f *testing.F) {
	for _, s := range frameSeeds {
		f.Add([]byte(s), 5)
	}
	f.Fuzz(tryFrame)
}

var frameSeeds = []string{onStream(1, "x") + "\r\n\r\n" + onStream(2, ""), "OPTIONS sip:a SIP/2.0\r\nl: 1\r\nl: 2\r\n\r\n", "X y z\r\na: b\r\n l: 3\r\nl : 5\r\n\r\nabcde\r\n\r\n"}

// tryFrame cuts a stream at once and in pieces: the messages are the same, and each has the length that its parser sees.
func tryFrame(t *testing.T, text []byte, piece int) {
	cut := func(piece int) (out []string, lost bool) {
		var fr frame
		for in := text; len(in) > 0; {
			n := copy(fr.room(), in[:min(piece, len(in))])
			fr.filled(n)
			in = in[n:]
			for {
				b, _, err := fr.next()
				if b != nil {
					out = append(out, string(b))
				}
				if err != nil {
					return out, true
				}
				if b == nil {
					break
				}
				var m Message
				if head := bytes.Index(b, []byte("\r\n\r\n")) + 4; m.Parse(bytes.Clone(b)) == nil && (len(m.Body) != len(b)-head || !m.Has(HdrContentLength)) {
					t.Fatalf("framed with a body of %d bytes, parsed with %d: %q", len(b)-head, len(m.Body), b)
				}
			}
		}
		return out, false
	}
	if piece < 1 || piece > len(text) {
		piece = 1
	}
	a, aLost := cut(piece)
	b, bLost := cut(len(text) + 1)
	if !slices.Equal(a, b) || aLost != bLost {
		t.Errorf("in pieces of %d: %q %v, at once: %q %v", piece, a, aLost, b, bLost)
	}
}

// inbox is a handler that keeps what came.
type inbox struct {
	mu   sync.Mutex
	got  []string
	errs []error
	from []netip.AddrPort
	news chan struct{}
	each func(*Message)
}

func newInbox() *inbox { return &inbox{news: make(chan struct{}, 1000)} }

func (i *inbox) handle(_ *Reader, m *Message, err error) {
	i.mu.Lock()
	i.got, i.errs, i.from = append(i.got, string(m.Get(HdrCallID))), append(i.errs, err), append(i.from, m.Source)
	i.mu.Unlock()
	if i.each != nil {
		i.each(m)
	}
	i.news <- struct{}{}
}

func (i *inbox) wait(t *testing.T) {
	t.Helper()
	select {
	case <-i.news:
	case <-time.After(5 * time.Second):
		t.Fatal("nothing came")
	}
}

func streams(t *testing.T, addr string, set func(*StreamConfig), h Handler) *Streams {
	t.Helper()
	cfg := DefaultStreamConfig()
	if set != nil {
		set(&cfg)
	}
	s, err := ListenStream(netip.MustParseAddrPort(addr), cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.Serve(h)
	t.Cleanup(s.Close)
	return s
}

func connect(t *testing.T, s *Streams) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.Local.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	return c
}

// ended tells whether the other end closes the connection.
func ended(c net.Conn) bool {
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	_, err := io.Copy(io.Discard, c)
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

// TestStreamAnswers: a response goes back on the connection of its request, and pings get a pong.
func TestStreamAnswers(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		in := newInbox()
		var s *Streams
		in.each = func(m *Message) { _ = s.Send([]byte("answer to "+string(m.Get(HdrCallID))), m.Source) }
		s = streams(t, addr, nil, in.handle)
		c := connect(t, s)
		if _, err := c.Write([]byte("\r\n\r\n" + onStream(1, "") + onStream(2, "body"))); err != nil {
			t.Fatal(err)
		}
		want := "\r\nanswer to c1answer to c2"
		buf := make([]byte, len(want))
		if _, err := io.ReadFull(c, buf); err != nil || string(buf) != want {
			t.Errorf("%s: got %q, %v", addr, buf, err)
		}
		if s.Conns() != 1 || s.KeepAlives.Load() != 1 || s.Received.Load() != 2 {
			t.Errorf("%s: %d connections, %d pings, %d messages", addr, s.Conns(), s.KeepAlives.Load(), s.Received.Load())
		}
	}
}

// TestStreamDials: a message to a peer makes a connection, from our address, and later ones use it, in both directions.
func TestStreamDials(t *testing.T) {
	a, b := newInbox(), newInbox()
	left, right := streams(t, "127.0.0.1:0", nil, a.handle), streams(t, "127.0.0.2:0", nil, b.handle)
	for i := range 3 {
		if err := left.Send([]byte(onStream(i, "")), right.Local); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		b.wait(t)
	}
	if err := right.Send([]byte(onStream(7, "")), b.from[0]); err != nil {
		t.Fatal(err)
	}
	a.wait(t)
	if !slices.Equal(b.got, []string{"c0", "c1", "c2"}) || a.got[0] != "c7" {
		t.Errorf("right got %q, left %q", b.got, a.got)
	}
	if left.Dialed.Load() != 1 || right.Accepted.Load() != 1 || right.Dialed.Load() != 0 || b.from[0].Addr() != left.Local.Addr() {
		t.Errorf("%d dialed, %d accepted, from %s", left.Dialed.Load(), right.Accepted.Load(), b.from[0])
	}
}

// TestStreamRefused: what nobody takes is told.
func TestStreamRefused(t *testing.T) {
	told := make(chan string, 10)
	s, err := ListenStream(netip.MustParseAddrPort("127.0.0.1:0"), DefaultStreamConfig())
	if err != nil {
		t.Fatal(err)
	}
	s.OnRefused(func(to netip.AddrPort, b []byte) { told <- to.String() + " " + string(b) })
	s.Serve(newInbox().handle)
	defer s.Close()
	free := streams(t, "127.0.0.3:0", nil, nil)
	free.Close()
	if err := s.Send([]byte("hello"), free.Local); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-told:
		if got != free.Local.String()+" hello" {
			t.Errorf("told %q", got)
		}
	case <-time.After(5 * time.Second):
		t.Error("nobody was told")
	}
	if err := s.Send([]byte("x"), netip.MustParseAddrPort("[::1]:5060")); !errors.Is(err, ErrFamily) {
		t.Errorf("to another family: %v", err)
	}
	if err := s.Send(nil, free.Local); !errors.Is(err, ErrEmpty) {
		t.Errorf("nothing: %v", err)
	}
}

// TestStreamNothingLost: of many messages to peers that refuse at once, each is told or its sender gets an error.
func TestStreamNothingLost(t *testing.T) {
	told := make(chan struct{}, 1000)
	s, err := ListenStream(netip.MustParseAddrPort("127.0.0.1:0"), DefaultStreamConfig())
	if err != nil {
		t.Fatal(err)
	}
	s.OnRefused(func(netip.AddrPort, []byte) { told <- struct{}{} })
	s.Serve(newInbox().handle)
	defer s.Close()
	free := streams(t, "127.0.0.3:0", nil, nil)
	free.Close()
	const n = 500
	refused := 0
	for range n {
		if s.Send([]byte("hello"), free.Local) != nil {
			refused++
		}
	}
	for i := refused; i < n; i++ {
		select {
		case <-told:
		case <-time.After(5 * time.Second):
			t.Fatalf("%d of %d messages are lost without a word", n-i, n)
		}
	}
}

// TestStreamBounds: too many connections, too slow a message, a peer that reads nothing, and silence cost a bounded amount.
func TestStreamBounds(t *testing.T) {
	in := newInbox()
	s := streams(t, "127.0.0.1:0", func(c *StreamConfig) {
		c.PerSource, c.Message, c.Write, c.Queue, c.Idle = 2, 200*time.Millisecond, 200*time.Millisecond, 1<<20, time.Hour
	}, in.handle)
	slow, mute := connect(t, s), connect(t, s)
	if _, err := slow.Write([]byte(onStream(1, "") + "OPTIONS sip:a")); err != nil {
		t.Fatal(err)
	}
	in.wait(t)
	if !ended(connect(t, s)) || s.Turned.Load() != 1 {
		t.Errorf("a third connection stays; %d turned away", s.Turned.Load())
	}
	if !ended(slow) {
		t.Error("a message may take for ever")
	}
	if _, err := mute.Write([]byte(onStream(2, ""))); err != nil {
		t.Fatal(err)
	}
	in.wait(t)
	big := bytes.Repeat([]byte("x"), 100<<10)
	var err error
	for end := time.Now().Add(5 * time.Second); err == nil && time.Now().Before(end); {
		err = s.Send(big, in.from[1])
	}
	if err == nil {
		t.Error("a peer that reads nothing takes everything")
	}
}

// TestStreamBadMessage: a message that is wrong costs itself; one whose end cannot be known costs the connection.
func TestStreamBadMessage(t *testing.T) {
	in := newInbox()
	var s *Streams
	in.each = func(m *Message) { _ = s.Send([]byte("seen"), m.Source) }
	s = streams(t, "127.0.0.1:0", nil, in.handle)
	c := connect(t, s)
	if _, err := c.Write([]byte("OPTIONS sip:a@b SIP/2.0\r\nl: 0\r\n\r\n" + onStream(2, ""))); err != nil {
		t.Fatal(err)
	}
	in.wait(t)
	in.wait(t)
	if in.errs[0] == nil || in.errs[1] != nil {
		t.Errorf("errors %v", in.errs)
	}
	if _, err := c.Write([]byte(strings.Replace(onStream(3, ""), "l: 0\r\n", "", 1))); err != nil {
		t.Fatal(err)
	}
	in.wait(t)
	var pe *ParseError
	if !errors.As(in.errs[2], &pe) || pe.Status != 400 {
		t.Errorf("without a length: %v", in.errs[2])
	}
	all, err := io.ReadAll(c)
	if err != nil || string(all) != "seenseenseen" {
		t.Errorf("the connection said %q and ended with %v", all, err)
	}
}

// TestStreamReplace: a handler that hangs costs its connection's reader, and another goes on.
func TestStreamReplace(t *testing.T) {
	hung, release, second := make(chan *Reader), make(chan struct{}), make(chan string, 1)
	s := streams(t, "127.0.0.1:0", nil, func(r *Reader, m *Message, _ error) {
		if string(m.Get(HdrCallID)) == "c1" {
			hung <- r
			<-release
			return
		}
		second <- string(m.Get(HdrCallID))
	})
	c := connect(t, s)
	if _, err := c.Write([]byte(onStream(1, "") + onStream(2, ""))); err != nil {
		t.Fatal(err)
	}
	r := <-hung
	r.Replace()
	if got := <-second; got != "c2" {
		t.Errorf("after it came %q", got)
	}
	s.Close()
	close(release)
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{pool: x509.NewCertPool()}
	a.cert, a.key = a.sign(t, "authority", nil)
	a.pool.AddCert(a.cert)
	return a
}

func (a *authority) sign(t *testing.T, name string, ip net.IP) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{name}, IsCA: a.cert == nil, BasicConstraintsValid: true}
	if ip != nil {
		c.IPAddresses = []net.IP{ip}
	}
	parent, signer := c, key
	if a.cert != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return c, key
}

func (a *authority) config(t *testing.T, name string) *tls.Config {
	c, key := a.sign(t, name, nil)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{c.Raw}, PrivateKey: key}}, RootCAs: a.pool, ClientCAs: a.pool,
		ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12}
}

// chainless leaves the certificates of servers to somebody who looks at no name, as cmd does.
func chainless(c *tls.Config) *tls.Config {
	c.InsecureSkipVerify = true
	return c
}

// TestStreamTLS: both ends show certificates; a name that is not the peer's, or another authority, ends it.
func TestStreamTLS(t *testing.T) {
	ours, others := newAuthority(t), newAuthority(t)
	for _, c := range []struct {
		name   string
		client *tls.Config
		expect string
		ok     bool
	}{
		{"as it should be", ours.config(t, "left.example"), "right.example", true},
		{"another name", ours.config(t, "left.example"), "wrong.example", false},
		{"another authority", others.config(t, "left.example"), "right.example", false},
		{"no name", ours.config(t, "left.example"), "", false},
		{"no name, and another who looks at the chain", chainless(ours.config(t, "left.example")), "", false},
		{"another name, and another who looks at the chain", chainless(ours.config(t, "left.example")), "wrong.example", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			in, told := newInbox(), make(chan struct{}, 1)
			right := streams(t, "127.0.0.2:0", func(s *StreamConfig) { s.TLS = ours.config(t, "right.example") }, in.handle)
			cfg := DefaultStreamConfig()
			cfg.TLS, cfg.Name = c.client, func(netip.AddrPort) string { return c.expect }
			left, err := ListenStream(netip.MustParseAddrPort("127.0.0.1:0"), cfg)
			if err != nil {
				t.Fatal(err)
			}
			left.OnRefused(func(netip.AddrPort, []byte) { told <- struct{}{} })
			left.Serve(newInbox().handle)
			defer left.Close()
			if err := left.Send([]byte(onStream(1, "")), right.Local); err != nil {
				t.Fatal(err)
			}
			select {
			case <-in.news:
				if !c.ok {
					t.Error("it was delivered")
				}
			case <-told:
				if c.ok {
					t.Error("it was refused")
				}
			case <-time.After(5 * time.Second):
				t.Error("nothing happened")
			}
		})
	}
}

// TestStreamAnswersServer: a server that a name led to asks something on the connection we made: it has its answer there, though without a
// name it would prove nothing.
func TestStreamAnswersServer(t *testing.T) {
	ca, in, out := newAuthority(t), newInbox(), newInbox()
	right := streams(t, "127.0.0.2:0", func(s *StreamConfig) { s.TLS = ca.config(t, "right.example") }, in.handle)
	left := streams(t, "127.0.0.1:0", func(s *StreamConfig) { s.TLS = ca.config(t, "left.example") }, out.handle)
	if err := left.SendTo([]byte(onStream(1, "")), right.Local, "right.example"); err != nil {
		t.Fatal(err)
	}
	in.wait(t)
	if err := right.Send([]byte(onStream(2, "")), in.from[0]); err != nil {
		t.Fatal(err)
	}
	out.wait(t)
	_, fields, _ := strings.Cut(onStream(3, ""), "\r\n")
	if err := left.Send([]byte("SIP/2.0 200 OK\r\n"+fields), out.from[0]); err != nil {
		t.Fatal(err)
	}
	in.wait(t)
	if !slices.Equal(in.got, []string{"c1", "c3"}) || left.Dialed.Load() != 1 || left.Unproved.Load() != 0 {
		t.Errorf("the server got %q, %d dialed, %d unproved", in.got, left.Dialed.Load(), left.Unproved.Load())
	}
}

// TestStreamLastWord: who sends what cannot be framed gets its answer, and then the end, whatever else it sends.
func TestStreamLastWord(t *testing.T) {
	for name, text := range map[string]string{
		"no length":       strings.Replace(onStream(1, ""), "l: 0\r\n", "", 1),
		"too long a body": strings.Replace(onStream(1, ""), "l: 0\r\n", "l: 300000\r\n", 1),
		"too long a head": strings.Replace(onStream(1, ""), "l: 0\r\n", "X: "+strings.Repeat("x", maxHead)+"\r\nl: 0\r\n", 1),
		"short":           onStream(1, "body")[:len(onStream(1, "body"))-1],
	} {
		in := newInbox()
		var s *Streams
		in.each = func(m *Message) { _ = s.Send([]byte("last word"), m.Source) }
		s = streams(t, "127.0.0.1:0", nil, in.handle)
		c := connect(t, s)
		if _, err := io.WriteString(c, text+strings.Repeat("y", map[bool]int{true: 0, false: 20000}[name == "short"])); err != nil {
			t.Fatal(err)
		}
		if name == "short" {
			_ = c.(*net.TCPConn).CloseWrite()
		}
		got, err := io.ReadAll(c)
		if err != nil || string(got) != "last word" {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
		in.wait(t)
		want := map[string]int{"too long a body": 413, "too long a head": 513}[name]
		if pe, ok := errors.AsType[*ParseError](in.errs[0]); !ok || pe.Status != max(want, 400) {
			t.Errorf("%s: %v", name, in.errs[0])
		}
	}
}

// TestStreamBothWays: a peer that connects from the address and port where we connected to it has two connections; both count, and
// both end with Close.
func TestStreamBothWays(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.4:0")
	if err != nil {
		t.Fatal(err)
	}
	in := newInbox()
	s := streams(t, "127.0.0.1:0", func(c *StreamConfig) { c.MaxConns = 2 }, in.handle)
	to := l.Addr().(*net.TCPAddr).AddrPort()
	if err := s.Send([]byte(onStream(1, "")), to); err != nil {
		t.Fatal(err)
	}
	dialed, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer dialed.Close()
	_ = l.Close() // its address is free for a socket that connects
	d := net.Dialer{LocalAddr: l.Addr(), Control: reuse}
	back, err := d.Dial("tcp", s.Local.String())
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	if _, err := back.Write([]byte(onStream(2, ""))); err != nil {
		t.Fatal(err)
	}
	in.wait(t)
	if in.from[0] != to || s.Conns() != 2 {
		t.Errorf("from %s, %d connections, want 2 with %s", in.from[0], s.Conns(), to)
	}
	if !ended(connect(t, s)) || s.Turned.Load() != 1 {
		t.Errorf("a third one stays; %d turned away", s.Turned.Load())
	}
	if err := s.Send([]byte(onStream(3, "")), to); err != nil { // it goes out on the latest
		t.Fatal(err)
	}
	_ = back.SetReadDeadline(time.Now().Add(5 * time.Second))
	buf := make([]byte, len(onStream(3, "")))
	if _, err := io.ReadFull(back, buf); err != nil || string(buf) != onStream(3, "") {
		t.Errorf("got %q, %v", buf, err)
	}
	s.Close()
	if !ended(dialed) || !ended(back) || s.Conns() != 0 {
		t.Errorf("a connection outlives Close; %d are left", s.Conns())
	}
}

func reuse(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1) })
}
