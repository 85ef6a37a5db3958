package diameter

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/datatype"
	"go.uber.org/goleak"

	"github.com/bifrons/bifrons/diameter/dict"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const realm = "ims.example"

var udr = Command{dict.Sh, dict.UserDataCommand}

// server starts an endpoint that listens on loopback and ends with the test.
func server(t testing.TB, host string, h Handlers) (*Endpoint, string) {
	t.Helper()
	cfg := DefaultConfig()
	cfg.OriginHost, cfg.OriginRealm, cfg.AcceptUnknown = host, realm, true
	return serverWith(t, cfg, h, "127.0.0.1:0")
}

func serverWith(t testing.TB, cfg Config, h Handlers, address string) (*Endpoint, string) {
	t.Helper()
	e := endpoint(t, cfg, h)
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, e, l)
	return e, l.Addr().String()
}

func serve(t testing.TB, e *Endpoint, l net.Listener) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := e.Serve(l); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Serve: %v", err)
		}
	}()
	t.Cleanup(func() {
		e.Close(t.Context(), Rebooting)
		<-done
	})
}

func endpoint(t testing.TB, cfg Config, h Handlers) *Endpoint {
	t.Helper()
	e, err := New(cfg, h, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// client starts an endpoint with these peers and waits until the realm can be asked.
func client(t testing.TB, peers ...PeerConfig) *Endpoint {
	t.Helper()
	cfg := DefaultConfig()
	cfg.OriginHost, cfg.OriginRealm, cfg.Peers = "as.ims.example", realm, peers
	return clientWith(t, cfg, nil)
}

func clientWith(t testing.TB, cfg Config, h Handlers) *Endpoint {
	t.Helper()
	e := endpoint(t, cfg, h)
	e.Start()
	t.Cleanup(func() { e.Close(context.Background(), Rebooting) })
	ready(t, e)
	return e
}

func ready(t testing.TB, e *Endpoint) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := e.Ready(ctx, dict.Sh, Route{Realm: realm}); err != nil {
		t.Fatal(err)
	}
}

// named answers with the server's own name in Origin-Host, which Answer adds.
func named(r *Request) { _ = r.Reply(r.Answer(Success)) }

func ask(ctx context.Context, e *Endpoint, to Route) (string, ResultCode, error) {
	m := e.NewRequest(dict.Sh, dict.UserDataCommand, to)
	a, err := e.Do(ctx, m)
	if err != nil {
		return "", 0, err
	}
	code, _ := Number(a.AVP, 0, dict.ResultCode)
	return Text(a.AVP, 0, dict.OriginHost), ResultCode(code), nil
}

func TestRequestAndAnswerBothWays(t *testing.T) {
	hss, addr := server(t, "hss.ims.example", Handlers{udr: func(r *Request) {
		a := r.Answer(Success)
		a.AVP = append(a.AVP, diam.NewAVP(dict.UserData, 0xc0, dict.Vendor3GPP, datatype.OctetString("<Sh-Data/>")))
		_ = r.Reply(a)
	}})
	cfg := DefaultConfig()
	cfg.OriginHost, cfg.OriginRealm = "as.ims.example", realm
	cfg.Peers = []PeerConfig{{Host: "hss.ims.example", Address: addr}}
	as := clientWith(t, cfg, Handlers{{dict.Sh, dict.PushNotification}: named})

	m := as.NewRequest(dict.Sh, dict.UserDataCommand, Route{Realm: realm})
	m.AVP = append(m.AVP, AVP(dict.ProxyInfo, &diam.GroupedAVP{AVP: []*diam.AVP{
		AVP(dict.ProxyHost, datatype.DiameterIdentity("p1")), AVP(dict.ProxyState, datatype.OctetString("s1")),
	}}))
	a, err := as.Do(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	if got := Text(a.AVP, dict.Vendor3GPP, dict.UserData); got != "<Sh-Data/>" {
		t.Errorf("User-Data = %q", got)
	}
	if got, want := Text(a.AVP, 0, dict.SessionID), Text(m.AVP, 0, dict.SessionID); got != want {
		t.Errorf("Session-Id = %q, want %q", got, want)
	}
	if g := Group(Find(a.AVP, 0, dict.ProxyInfo)); Text(g, 0, dict.ProxyState) != "s1" {
		t.Errorf("Proxy-Info = %v", g)
	}
	if n, _ := Number(a.AVP, 0, dict.AuthSessionState); n != 1 {
		t.Errorf("Auth-Session-State = %d", n)
	}
	if a.Header.CommandFlags != flagProxiable {
		t.Errorf("flags = %x", a.Header.CommandFlags)
	}

	// The HSS speaks first, over the connection that the AS opened.
	push := hss.NewRequest(dict.Sh, dict.PushNotification, Route{Realm: realm, Host: "as.ims.example"})
	if a, err = hss.Do(t.Context(), push); err != nil {
		t.Fatal(err)
	}
	if got := Text(a.AVP, 0, dict.OriginHost); got != "as.ims.example" {
		t.Errorf("Origin-Host = %q", got)
	}
	// What the AS does not serve is refused, and the link stays.
	if _, code, err := ask(t.Context(), hss, Route{Realm: realm, Host: "as.ims.example"}); err != nil || code != CommandUnsupported {
		t.Errorf("UDR to the AS: %v, %v", code, err)
	}
	s := as.Status()[0]
	if s.State != "okay" || s.Answers != 1 || s.P50 <= 0 || s.Realm != realm {
		t.Errorf("status = %+v", s)
	}
}

func TestWriteStatus(t *testing.T) {
	var b strings.Builder
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if err := WriteStatus(&b, []PeerStatus{
		{Host: "hss.ims.example", Address: "192.0.2.1:3868", State: "okay", Since: at, Answers: 7, P50: 451 * time.Microsecond, P99: 2 * time.Millisecond},
		{Address: "192.0.2.2:3868", State: "waiting", Since: at, LastError: "connection refused", Relay: true},
	}); err != nil {
		t.Fatal(err)
	}
	want := `PEER             ADDRESS         STATE    SINCE                IN FLIGHT  ANSWERS  P50    P99  LAST ERROR
hss.ims.example  192.0.2.1:3868  okay     2026-01-02 03:04:05  0          7        451µs  2ms  -
? (relay)        192.0.2.2:3868  waiting  2026-01-02 03:04:05  0          0        0s     0s   connection refused
`
	if b.String() != want {
		t.Errorf("got\n%s", b.String())
	}
}

func TestManyRequestsNoneCrossed(t *testing.T) {
	_, addr := server(t, "hss.ims.example", Handlers{udr: func(r *Request) {
		a := r.Answer(Success)
		a.AVP = append(a.AVP, diam.NewAVP(dict.UserData, 0xc0, dict.Vendor3GPP,
			datatype.OctetString(Text(r.Message.AVP, 0, dict.SessionID))))
		go func() { _ = r.Reply(a) }() // answers in any order
	}})
	as := client(t, PeerConfig{Address: addr})
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range 50 {
				m := as.NewRequest(dict.Sh, dict.UserDataCommand, Route{Realm: realm})
				a, err := as.Do(t.Context(), m)
				if err != nil {
					t.Error(err)
					return
				}
				if got, want := Text(a.AVP, dict.Vendor3GPP, dict.UserData), Text(m.AVP, 0, dict.SessionID); got != want {
					t.Errorf("answer of %s for %s", got, want)
				}
			}
		})
	}
	wg.Wait()
}

func TestRoutes(t *testing.T) {
	h := Handlers{udr: named}
	_, a1 := server(t, "hss1.ims.example", h)
	_, a2 := server(t, "hss2.ims.example", h)
	as := client(t,
		PeerConfig{Host: "hss1.ims.example", Address: a1, Priority: 1},
		PeerConfig{Host: "hss2.ims.example", Address: a2, Priority: 2, Realms: []string{"other.example"}})
	waitFor(t, func() bool { return as.Status()[0].State == "okay" && as.Status()[1].State == "okay" })
	tests := []struct {
		name string
		to   Route
		want string
		err  error
	}{
		{"lower priority number first", Route{Realm: realm}, "hss1.ims.example", nil},
		{"host before priority", Route{Realm: realm, Host: "hss2.ims.example"}, "hss2.ims.example", nil},
		{"case does not matter", Route{Realm: "IMS.example", Host: "HSS2.ims.example"}, "hss2.ims.example", nil},
		{"configured realm", Route{Realm: "other.example"}, "hss2.ims.example", nil},
		{"realm that nobody serves", Route{Realm: "nowhere.example"}, "", ErrNoPeer},
		{"host that is nobody's", Route{Realm: realm, Host: "hss9.ims.example"}, "", ErrNoPeer},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _, err := ask(t.Context(), as, tt.to)
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("got %q, %v; want %q, %v", got, err, tt.want, tt.err)
			}
		})
	}
}

func TestWeightsShareTheLoad(t *testing.T) {
	h := Handlers{udr: named}
	_, a1 := server(t, "hss1.ims.example", h)
	_, a2 := server(t, "hss2.ims.example", h)
	as := client(t,
		PeerConfig{Host: "hss1.ims.example", Address: a1, Weight: 3},
		PeerConfig{Host: "hss2.ims.example", Address: a2, Weight: 1})
	waitFor(t, func() bool { return as.Status()[0].State == "okay" && as.Status()[1].State == "okay" })
	count := make(map[string]int)
	for range 400 {
		who, _, err := ask(t.Context(), as, Route{Realm: realm})
		if err != nil {
			t.Fatal(err)
		}
		count[who]++
	}
	// 300 are expected; 240 is seven standard deviations away.
	if n := count["hss1.ims.example"]; n < 240 || n > 360 {
		t.Errorf("weight 3 of 4 got %d of 400", n)
	}
}

func TestBusyPeerIsFollowedByTheNext(t *testing.T) {
	_, a1 := server(t, "hss1.ims.example", Handlers{udr: func(r *Request) { _ = r.Reply(r.Answer(TooBusy)) }})
	flags := make(chan uint8, 1)
	_, a2 := server(t, "hss2.ims.example", Handlers{udr: func(r *Request) {
		flags <- r.Message.Header.CommandFlags
		named(r)
	}})
	as := client(t,
		PeerConfig{Host: "hss1.ims.example", Address: a1, Priority: 1},
		PeerConfig{Host: "hss2.ims.example", Address: a2, Priority: 2})
	waitFor(t, func() bool { return as.Status()[0].State == "okay" && as.Status()[1].State == "okay" })
	who, code, err := ask(t.Context(), as, Route{Realm: realm})
	if who != "hss2.ims.example" || code != Success || err != nil {
		t.Errorf("got %s %v %v", who, code, err)
	}
	if <-flags&flagRetransmitted != 0 {
		t.Error("T bit on a request that the first peer had refused")
	}
	// With no other peer the refusal is the answer.
	alone := client(t, PeerConfig{Host: "hss1.ims.example", Address: a1})
	if _, code, err := ask(t.Context(), alone, Route{Realm: realm}); code != TooBusy || err != nil {
		t.Errorf("alone: %v %v", code, err)
	}
}

func TestSilentPeerGivesWayToTheNext(t *testing.T) {
	kept := make(chan *Request, 2)
	seen := make(chan *diam.Message, 2)
	_, a1 := server(t, "hss1.ims.example", Handlers{udr: func(r *Request) { kept <- r }})
	_, a2 := server(t, "hss2.ims.example", Handlers{udr: func(r *Request) { seen <- r.Message; named(r) }})
	cfg := DefaultConfig()
	cfg.OriginHost, cfg.OriginRealm, cfg.AttemptTimeout = "as.ims.example", realm, 20*time.Millisecond
	cfg.Peers = []PeerConfig{
		{Host: "hss1.ims.example", Address: a1, Priority: 1}, {Host: "hss2.ims.example", Address: a2, Priority: 2}}
	as := clientWith(t, cfg, nil)
	waitFor(t, func() bool { return as.Status()[0].State == "okay" && as.Status()[1].State == "okay" })
	who, _, err := ask(t.Context(), as, Route{Realm: realm})
	if who != "hss2.ims.example" || err != nil {
		t.Fatalf("got %s %v", who, err)
	}
	late, second := <-kept, <-seen
	first := late.Message
	if second.Header.CommandFlags&flagRetransmitted == 0 {
		t.Error("no T bit on the resent request")
	}
	if first.Header.EndToEndID != second.Header.EndToEndID ||
		Text(first.AVP, 0, dict.SessionID) != Text(second.AVP, 0, dict.SessionID) {
		t.Error("the resent request is not the same request")
	}
	// The late answer finds nobody and hurts nobody.
	named(late)
	if who, _, err := ask(t.Context(), as, Route{Realm: realm, Host: "hss2.ims.example"}); who != "hss2.ims.example" || err != nil {
		t.Errorf("got %s, %v", who, err)
	}
}

func TestOwnDeadline(t *testing.T) {
	_, addr := server(t, "hss.ims.example", Handlers{udr: func(r *Request) {}})
	as := client(t, PeerConfig{Address: addr})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, _, err := ask(ctx, as, Route{Realm: realm}); !errors.Is(err, ErrTimeout) {
		t.Errorf("err = %v, want ErrTimeout", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if _, _, err := ask(ctx, as, Route{Realm: realm}); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want Canceled", err)
	}
	if n := as.Status()[0].InFlight; n != 0 {
		t.Errorf("%d requests still filed", n)
	}
}

func TestInFlightIsBounded(t *testing.T) {
	held := make(chan *Request, 8)
	_, addr := server(t, "hss.ims.example", Handlers{udr: func(r *Request) { held <- r }})
	cfg := DefaultConfig()
	cfg.OriginHost, cfg.OriginRealm, cfg.MaxInFlight = "as.ims.example", realm, 2
	cfg.Peers = []PeerConfig{{Address: addr}}
	as := clientWith(t, cfg, nil)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if _, _, err := ask(t.Context(), as, Route{Realm: realm}); err != nil {
				t.Error(err)
			}
		})
	}
	one, two := <-held, <-held
	if _, _, err := ask(t.Context(), as, Route{Realm: realm}); !errors.Is(err, ErrOverload) {
		t.Errorf("err = %v, want ErrOverload", err)
	}
	named(one)
	named(two)
	wg.Wait()
}

func TestHandlerPanicIsAnswered(t *testing.T) {
	_, addr := server(t, "hss.ims.example", Handlers{udr: func(r *Request) { panic("bug") }})
	as := client(t, PeerConfig{Address: addr})
	for range 2 {
		if _, code, err := ask(t.Context(), as, Route{Realm: realm}); code != UnableToComply || err != nil {
			t.Errorf("got %v, %v", code, err)
		}
	}
}

// waitFor polls what other goroutines bring about; a test against real sockets has no other way.
func waitFor(t testing.TB, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		if ok() {
			return
		}
		<-time.After(2 * time.Millisecond)
	}
	t.Fatal("did not come about in 10s")
}
