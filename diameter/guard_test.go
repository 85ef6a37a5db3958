package diameter

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/datatype"

	"github.com/bifrons/bifrons/diameter/dict"
)

// rawMessage builds a message from bytes, so that it may be as wrong as a test wants.
func rawMessage(flags byte, code, app uint32, avps []byte) []byte {
	b := []byte{1, 0, 0, 0, flags, byte(code >> 16), byte(code >> 8), byte(code)}
	b = binary.BigEndian.AppendUint32(b, app)
	b = append(b, 0, 0, 0, 7, 0, 0, 0, 9)
	b = append(b, avps...)
	putUint24(b[1:], len(b))
	return b
}

// rawAVPBytes builds an AVP with any header.
func rawAVPBytes(code uint32, flags byte, vendor uint32, data []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, code)
	n := 8 + len(data)
	if flags&avpVendor != 0 {
		n += 4
	}
	b = append(b, flags, byte(n>>16), byte(n>>8), byte(n))
	if flags&avpVendor != 0 {
		b = binary.BigEndian.AppendUint32(b, vendor)
	}
	return pad(append(b, data...), n)
}

func concat(bs ...[]byte) []byte { return bytes.Join(bs, nil) }

var (
	sessionAVP = rawAVPBytes(dict.SessionID, avpMandatory, 0, []byte("s;1;2"))
	proxyAVP   = rawAVPBytes(dict.ProxyInfo, avpMandatory, 0, concat(
		rawAVPBytes(dict.ProxyHost, avpMandatory, 0, []byte("relay")),
		rawAVPBytes(dict.ProxyState, avpMandatory, 0, []byte("abc"))))
)

// rawPeer is a peer made of bytes: it dials, exchanges capabilities and then says what the test wants.
type rawPeer struct {
	t testing.TB
	net.Conn
	e *Endpoint // only for its dictionary and its message builders
}

func dialRaw(t testing.TB, addr string) *rawPeer {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	p := rawConn(t, c)
	m := p.e.baseRequest(dict.CapabilitiesExchange)
	p.e.addCapabilities(m, c.LocalAddr())
	p.send(m)
	if code, _ := Number(p.read().AVP, 0, dict.ResultCode); ResultCode(code) != Success {
		t.Fatalf("CEA with %d", code)
	}
	return p
}

func rawConn(t testing.TB, c net.Conn) *rawPeer {
	cfg := DefaultConfig()
	cfg.OriginHost, cfg.OriginRealm = "raw.ims.example", realm
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	return &rawPeer{t, c, endpoint(t, cfg, nil)}
}

func (p *rawPeer) send(m *diam.Message) {
	p.t.Helper()
	raw, err := serialize(m)
	if err != nil {
		p.t.Fatal(err)
	}
	p.write(raw)
}

func (p *rawPeer) write(b []byte) {
	p.t.Helper()
	if _, err := p.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

func (p *rawPeer) read() *diam.Message {
	p.t.Helper()
	raw := make([]byte, headerLength)
	if _, err := io.ReadFull(p, raw); err != nil {
		p.t.Fatal(err)
	}
	raw = append(raw, make([]byte, uint24(raw[1:])-headerLength)...)
	if _, err := io.ReadFull(p, raw[headerLength:]); err != nil {
		p.t.Fatal(err)
	}
	app, code := binary.BigEndian.Uint32(raw[8:]), uint32(uint24(raw[5:]))
	if _, ok := p.e.dict.Command(app, code); !ok {
		// An answer to a command that the codec does not know is read as one that it knows.
		binary.BigEndian.PutUint32(raw[8:], dict.Sh)
		putUint24(raw[5:], int(dict.UserDataCommand))
	}
	m, err := diam.ReadMessage(bytes.NewReader(raw), p.e.dict.Parser())
	if err != nil {
		p.t.Fatal(err)
	}
	return m
}

func TestGuardRefusesRequests(t *testing.T) {
	_, addr := server(t, "hss.ims.example", Handlers{udr: named})
	unknownM := rawAVPBytes(999, avpMandatory|avpVendor, 9, []byte("what?"))
	foreign := rawAVPBytes(dict.UserIdentity, avpVendor, 9, []byte{1, 2, 3}) // code of ours, another vendor
	tests := []struct {
		name   string
		msg    []byte
		want   ResultCode
		failed []byte
	}{
		{"unknown command", rawMessage(0xc0, 777, dict.Sh, sessionAVP), CommandUnsupported, nil},
		{"unknown application", rawMessage(0xc0, 306, 16777216, sessionAVP), ApplicationUnsupported, nil},
		{"E bit in a request", rawMessage(0xe0, 306, dict.Sh, sessionAVP), InvalidHeaderBits, nil},
		{"unknown mandatory AVP", rawMessage(0xc0, 306, dict.Sh, concat(sessionAVP, unknownM)), AVPUnsupported, unknownM},
		{"unknown mandatory AVP in a group",
			rawMessage(0xc0, 306, dict.Sh, rawAVPBytes(dict.UserIdentity, 0xc0, dict.Vendor3GPP, unknownM)), AVPUnsupported, unknownM},
		{"unknown optional AVP", rawMessage(0xc0, 306, dict.Sh, concat(foreign, sessionAVP)), Success, nil},
		{"AVP longer than the message", rawMessage(0xc0, 306, dict.Sh, []byte{0, 0, 1, 7, 0x40, 0, 0, 200}), InvalidAVPLength,
			[]byte{0, 0, 1, 7, 0x40, 0, 0, 8}},
		{"AVP of length zero", rawMessage(0xc0, 306, dict.Sh, make([]byte, 8)), InvalidAVPLength, []byte{0, 0, 0, 0, 0, 0, 0, 8}},
		{"number of three bytes", rawMessage(0xc0, 306, dict.Sh, rawAVPBytes(dict.DataReference, 0xc0, dict.Vendor3GPP, []byte{1, 2, 3})),
			InvalidAVPLength, rawAVPBytes(dict.DataReference, 0xc0, dict.Vendor3GPP, []byte{1, 2, 3})},
		{"server that serves no PUR", rawMessage(0xc0, 307, dict.Sh, sessionAVP), CommandUnsupported, nil},
		{"longer than we take", rawMessage(0xc0, 306, dict.Sh, make([]byte, 2<<20)), InvalidMessageLength, nil},
	}
	p := dialRaw(t, addr) // one connection for all: none of them may end it
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p.t = t
			p.write(withProxy(tt.msg))
			a := p.read()
			code, _ := Number(a.AVP, 0, dict.ResultCode)
			if ResultCode(code) != tt.want {
				t.Fatalf("Result-Code %d, want %d", code, tt.want)
			}
			if a.Header.HopByHopID != 7 || a.Header.EndToEndID != 9 || a.Header.CommandFlags&flagProxiable == 0 {
				t.Errorf("header %v", a.Header)
			}
			if e := a.Header.CommandFlags&flagError != 0; e != tt.want.protocolError() {
				t.Errorf("E bit is %v for %d", e, tt.want)
			}
			if got := []byte(Text(a.AVP, 0, dict.FailedAVP)); !bytes.Equal(got, tt.failed) {
				t.Errorf("Failed-AVP % x, want % x", got, tt.failed)
			}
			if Text(a.AVP, 0, dict.OriginHost) != "hss.ims.example" {
				t.Error("no Origin-Host")
			}
			if len(tt.msg) < 1<<20 && tt.want != InvalidAVPLength && Text(Group(Find(a.AVP, 0, dict.ProxyInfo)), 0, dict.ProxyState) != "abc" {
				t.Error("no Proxy-Info")
			}
		})
	}
}

// withProxy puts a Proxy-Info at the front of a message.
func withProxy(msg []byte) []byte {
	out := concat(msg[:headerLength], proxyAVP, msg[headerLength:])
	putUint24(out[1:], len(out))
	return out
}

func TestGuardEndsWhatIsNoDiameter(t *testing.T) {
	_, addr := server(t, "hss.ims.example", Handlers{udr: named})
	tests := []struct {
		name  string
		bytes []byte
		want  ResultCode
	}{
		{"length 4", []byte{1, 0, 0, 4, 0xc0, 0, 1, 50, 1, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 9}, InvalidMessageLength},
		{"length not a multiple of 4", []byte{1, 0, 0, 23, 0xc0, 0, 1, 50, 1, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 9}, InvalidMessageLength},
		{"version 2", []byte{2, 0, 0, 20, 0xc0, 0, 1, 50, 1, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 9}, UnsupportedVersion},
		{"HTTP", []byte("GET / HTTP/1.1\r\nHost: hss\r\n\r\n"), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := dialRaw(t, addr)
			p.write(tt.bytes)
			if tt.want != 0 {
				if code, _ := Number(p.read().AVP, 0, dict.ResultCode); ResultCode(code) != tt.want {
					t.Errorf("Result-Code %d, want %d", code, tt.want)
				}
			}
			if n, err := p.Read(make([]byte, 1)); err == nil {
				t.Errorf("read %d bytes of a connection that should be over", n)
			}
		})
	}
}

func TestFirstMessageMustBeCER(t *testing.T) {
	_, addr := server(t, "hss.ims.example", Handlers{udr: named})
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	p := rawConn(t, c)
	p.write(rawMessage(0xc0, 306, dict.Sh, sessionAVP))
	if _, err := p.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("err = %v, want EOF", err)
	}
}

func TestGuardOnAnswers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	peers := make(chan *rawPeer, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		p := rawConn(t, c)
		p.send(p.e.capabilitiesAnswer(p.read(), Success, c.LocalAddr(), ""))
		peers <- p
	}()
	as := client(t, PeerConfig{Address: l.Addr().String()})
	p := <-peers
	good := appendAVP(nil, dict.ResultCode, avpMandatory, []byte{0, 0, 7, 209})
	tests := []struct {
		name string
		avps []byte
		code ResultCode
		fail bool
	}{
		{"plain", good, Success, false},
		{"unknown mandatory AVP is ignored", concat(rawAVPBytes(999, 0xc0, 9, []byte{1}), good), Success, false},
		{"Failed-AVP with a broken AVP in it", concat(good, rawAVPBytes(dict.FailedAVP, 0x40, 0, make([]byte, 8))), Success, false},
		{"broken AVP", concat(good, make([]byte, 8)), 0, true},
		{"IPv4-mapped address", concat(good, rawAVPBytes(dict.HostIPAddress, 0x40, 0,
			append([]byte{0, 2}, net.IPv4(1, 2, 3, 4).To16()...))), Success, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, code, err := ask(t.Context(), as, Route{Realm: realm})
				if code != tt.code || (err != nil) != tt.fail {
					t.Errorf("got %v, %v", code, err)
				}
			}()
			m := p.read()
			raw := rawMessage(0x40, 306, dict.Sh, tt.avps)
			binary.BigEndian.PutUint32(raw[12:], m.Header.HopByHopID)
			binary.BigEndian.PutUint32(raw[16:], m.Header.EndToEndID)
			// An answer nobody waits for and a second CEA go first; neither may disturb.
			p.write(concat(rawMessage(0x40, 306, dict.Sh, good), rawMessage(0, 257, 0, good), raw))
			<-done
		})
	}
	p.Close()
}

func TestCapabilitiesRefused(t *testing.T) {
	cfg := DefaultConfig()
	cfg.OriginHost, cfg.OriginRealm = "hss.ims.example", realm
	_, addr := serverWith(t, cfg, nil, "127.0.0.1:0") // admits nobody it was not told of
	c := DefaultConfig()
	c.OriginHost, c.OriginRealm, c.Peers = "as.ims.example", realm, []PeerConfig{{Address: addr}}
	as := endpoint(t, c, nil)
	_, err := (*as.peers.Load())[0].connect(t.Context())
	refused, ok := errors.AsType[*HandshakeError](err)
	if !ok || refused.Code != UnknownPeer {
		t.Errorf("err = %v, want 3010", err)
	}
	as.Close(t.Context(), Rebooting)
}

func TestCapabilitiesOfOldPeers(t *testing.T) {
	_, addr := server(t, "hss.ims.example", nil)
	bare := appendAVP(nil, dict.AuthApplicationID, avpMandatory, binary.BigEndian.AppendUint32(nil, dict.Sh))
	relay := appendAVP(nil, dict.AuthApplicationID, avpMandatory, binary.BigEndian.AppendUint32(nil, dict.Relay))
	other := appendAVP(nil, dict.AuthApplicationID, avpMandatory, binary.BigEndian.AppendUint32(nil, 16777251))
	tests := []struct {
		name string
		apps []byte
		want ResultCode
	}{
		{"Sh as a bare Auth-Application-Id", bare, Success},
		{"relay", relay, Success},
		{"Sh among others", concat(other, bare), Success},
		{"no common application", other, NoCommonApplication},
		{"no application at all", nil, NoCommonApplication},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			p := rawConn(t, c)
			m := p.e.baseRequest(dict.CapabilitiesExchange)
			Add(m, dict.VendorID, datatype.Unsigned32(0))
			raw, err := serialize(m)
			if err != nil {
				t.Fatal(err)
			}
			raw = append(raw, tt.apps...)
			putUint24(raw[1:], len(raw))
			p.write(raw)
			if code, _ := Number(p.read().AVP, 0, dict.ResultCode); ResultCode(code) != tt.want {
				t.Errorf("CEA %d, want %d", code, tt.want)
			}
		})
	}
}
