package locate_test

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/bifrons/bifrons/sip"
	"github.com/bifrons/bifrons/sip/locate"
	"github.com/bifrons/bifrons/sip/locate/locatetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	all4 = 1<<sip.UDP | 1<<sip.TCP | 1<<sip.TLS
	all6 = all4 << 3
)

// clock is a clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// resolver makes one that asks a test's server, with a clock of the test's.
func resolver(t testing.TB, s *locatetest.Server, change func(*locate.Config)) (*locate.Resolver, *clock) {
	t.Helper()
	c := &clock{now: time.Unix(1e9, 0)}
	cfg := locate.DefaultConfig()
	cfg.Servers, cfg.Hosts, cfg.Now, cfg.Timeout = []netip.AddrPort{s.Addr}, "", c.Now, 200*time.Millisecond
	if change != nil {
		change(&cfg)
	}
	r, err := locate.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r, c
}

func question(t testing.TB, uri string, served locate.Served) locate.Question {
	t.Helper()
	u, err := sip.ParseURI([]byte(uri))
	if err != nil {
		t.Fatal(err)
	}
	return locate.Ask(&u, sip.UDP, served)
}

func words(places []locate.Place) string {
	out := make([]string, len(places))
	for i, p := range places {
		out[i] = p.String()
	}
	return strings.Join(out, " ")
}

const zone = `
full.example.            300 IN NAPTR 50 50 "s" "SIPS+D2T" "" _sips._tcp.full.example.
full.example.            300 IN NAPTR 90 50 "s" "SIP+D2T"  "" _sip._tcp.full.example.
full.example.            300 IN NAPTR 100 50 "s" "SIP+D2U" "" _sip._udp.full.example.
full.example.            300 IN NAPTR 10 50 "s" "SIP+D2S"  "" _sip._sctp.full.example.
full.example.            300 IN NAPTR 10 50 "u" "E2U+sip"  "!^.*$!sip:x@y!" .
_sips._tcp.full.example. 300 IN SRV 0 1 5061 a.full.example.
_sip._tcp.full.example.  300 IN SRV 0 1 5060 a.full.example.
_sip._tcp.full.example.  300 IN SRV 5 1 5070 b.full.example.
_sip._udp.full.example.  300 IN SRV 0 1 5060 b.full.example.
a.full.example.          300 IN A    192.0.2.1
a.full.example.          300 IN AAAA 2001:db8::1
b.full.example.          300 IN A    192.0.2.2
b.full.example.          300 IN A    192.0.2.3
full.example.            300 IN A    192.0.2.99
srv.example.             300 IN A    192.0.2.98
_sip._udp.srv.example.   300 IN SRV 10 0 5080 a.full.example.
_sip._tcp.srv.example.   300 IN SRV 10 0 5081 b.full.example.
bare.example.            300 IN A    192.0.2.4
bare.example.            300 IN AAAA 2001:db8::4
alias.example.           300 IN CNAME bare.example.
flag.example.            300 IN NAPTR 1 1 "a" "SIP+D2T" "" bare.example.
_sip._udp.gone.example.  300 IN SRV 0 0 0 .
gone.example.            300 IN A    192.0.2.97
half.example.            300 IN NAPTR 1 1 "s" "SIP+D2U" "" _sip._udp.nowhere.example.
half.example.            300 IN NAPTR 2 1 "s" "SIP+D2T" "" _sip._tcp.full.example.
loop.example.            300 IN CNAME pool.example.
pool.example.            300 IN CNAME loop.example.
mixed.example.           300 IN A    0.0.0.0
mixed.example.           300 IN A    224.0.0.1
`

// TestProcedure: what RFC 3263 4.1 and 4.2 say of every kind of URI and zone.
func TestProcedure(t *testing.T) {
	t.Parallel()
	r, _ := resolver(t, locatetest.Start(t, zone), nil)
	const udp4, tcp4, tls4 = 1 << sip.UDP, 1 << sip.TCP, 1 << sip.TLS
	for _, c := range []struct {
		uri    string
		served locate.Served
		want   string // "" is none
	}{
		{"sip:192.0.2.7", udp4, "udp:192.0.2.7:5060"},
		{"sip:[2001:db8::7]:5070;transport=tcp", all6, "tcp:[2001:db8::7]:5070"},
		{"sips:192.0.2.7", all4, "tls:192.0.2.7:5061"},
		{"sip:full.example", all4, "tls:192.0.2.1:5061 tcp:192.0.2.1:5060 tcp:192.0.2.2:5070 tcp:192.0.2.3:5070 udp:192.0.2.2:5060 udp:192.0.2.3:5060"},
		{"sip:Full.Example.", udp4, "udp:192.0.2.2:5060 udp:192.0.2.3:5060"},
		{"sip:full.example", udp4 | tcp4, "tcp:192.0.2.1:5060 tcp:192.0.2.2:5070 tcp:192.0.2.3:5070 udp:192.0.2.2:5060 udp:192.0.2.3:5060"},
		{"sips:full.example", all4, "tls:192.0.2.1:5061"},
		{"sip:full.example;transport=tcp", all4, "tcp:192.0.2.1:5060 tcp:192.0.2.2:5070 tcp:192.0.2.3:5070"},
		{"sip:full.example:5090", all4, "udp:192.0.2.99:5090"},
		{"sip:full.example:5090;transport=tls", all4, "tls:192.0.2.99:5090"},
		{"sip:full.example;transport=tls", udp4, ""},
		{"sips:full.example", udp4, ""},
		{"sip:srv.example", udp4 | tcp4, "udp:192.0.2.1:5080 tcp:192.0.2.2:5081 tcp:192.0.2.3:5081"},
		{"sip:srv.example", tls4, "tls:192.0.2.98:5061"},
		{"sip:bare.example", udp4, "udp:192.0.2.4:5060"},
		{"sip:bare.example", all6, "udp:[2001:db8::4]:5060"},
		{"sip:bare.example", locate.Served(0).With(sip.UDP, netip.IPv6Loopback()).With(sip.UDP, netip.AddrFrom4([4]byte{127, 0, 0, 1})), "udp:[2001:db8::4]:5060 udp:192.0.2.4:5060"},
		{"sip:bare.example", udp4 | udp4<<3, "udp:192.0.2.4:5060 udp:[2001:db8::4]:5060"},
		{"sip:alias.example", udp4, "udp:192.0.2.4:5060"},
		{"sip:flag.example", all4, "tcp:192.0.2.4:5060"},
		{"sip:gone.example", udp4, ""},
		{"sip:half.example", all4, "tcp:192.0.2.1:5060 tcp:192.0.2.2:5070 tcp:192.0.2.3:5070"},
		{"sip:loop.example", udp4, ""},
		{"sip:mixed.example", udp4, ""},
		{"sip:nobody.example", all4, ""},
		{"sip:nobody.invalid", all4, ""},
		{"sip:x;maddr=bare.example", udp4, "udp:192.0.2.4:5060"},
		{"sip:localhost", udp4, "udp:127.0.0.1:5060"},
	} {
		q := question(t, c.uri, c.served)
		got, err := r.Find(context.Background(), q, 1)
		if words(got) != c.want || (err == nil) != (c.want != "") || err != nil && !errors.Is(err, locate.ErrNone) {
			t.Errorf("%s by %b: got %q, %v, want %q", c.uri, c.served, words(got), err, c.want)
		}
		again, ok, err2 := r.Cached(nil, q, 1)
		if !ok || (err2 == nil) != (err == nil) || words(again) != c.want && c.want != "" {
			t.Errorf("%s from memory: %q, %v, %v", c.uri, words(again), ok, err2)
		}
		heard := 0
		if aloud, _ := r.Explain(context.Background(), q, 1, func(string) { heard++ }); words(aloud) != c.want || heard == 0 && !strings.Contains(c.uri, "invalid") {
			t.Errorf("%s aloud: %q in %d steps", c.uri, words(aloud), heard)
		}
	}
}

// TestWeights: servers of one priority share questions by weight (RFC 2782), the rest follows, and one seed gives one order.
func TestWeights(t *testing.T) {
	t.Parallel()
	r, _ := resolver(t, locatetest.Start(t, `
_sip._udp.w.example. 300 IN SRV 1 60 5060 a.w.example.
_sip._udp.w.example. 300 IN SRV 1 30 5060 b.w.example.
_sip._udp.w.example. 300 IN SRV 1 10 5060 c.w.example.
_sip._udp.w.example. 300 IN SRV 1 0 5060 z.w.example.
_sip._udp.w.example. 300 IN SRV 2 1 5060 last.w.example.
a.w.example. 300 IN A 192.0.2.1
b.w.example. 300 IN A 192.0.2.2
c.w.example. 300 IN A 192.0.2.3
z.w.example. 300 IN A 192.0.2.4
last.w.example. 300 IN A 192.0.2.5
`), nil)
	q := question(t, "sip:w.example", all4)
	first := map[string]int{}
	const n = 10000
	for seed := range uint64(n) {
		got, err := r.Find(context.Background(), q, seed)
		if err != nil || len(got) != 5 || got[4].Addr.Addr().String() != "192.0.2.5" {
			t.Fatalf("%v, %v", got, err)
		}
		if again, _ := r.Find(context.Background(), q, seed); !cmp.Equal(words(got), words(again)) {
			t.Fatalf("seed %d gives %v and %v", seed, got, again)
		}
		first[got[0].Addr.Addr().String()]++
	}
	for addr, want := range map[string]int{"192.0.2.1": 60, "192.0.2.2": 30, "192.0.2.3": 10, "192.0.2.4": 1} {
		if got := first[addr] * 100 / n; got < want-3 || got > want+2 {
			t.Errorf("%s is first in %d %%, want %d", addr, got, want)
		}
	}
}

// TestTime: records live as long as they say; then the old answer serves while it is asked for again, and while nobody answers.
func TestTime(t *testing.T) {
	t.Parallel()
	s := locatetest.Start(t, "t.example. 10 IN A 192.0.2.1\n")
	r, c := resolver(t, s, nil)
	q := question(t, "sip:t.example:5060", all4)
	find := func() string {
		t.Helper()
		got, err := r.Find(context.Background(), q, 1)
		if err != nil {
			return err.Error()
		}
		return words(got)
	}
	const one, two = "udp:192.0.2.1:5060", "udp:192.0.2.2:5060"
	if got := find(); got != one {
		t.Fatal(got)
	}
	s.Set("t.example. 10 IN A 192.0.2.2\n")
	if c.pass(9 * time.Second); find() != one || len(s.Asked()) != 1 {
		t.Error("a record is asked for before its time")
	}
	c.pass(2 * time.Second)
	if got := find(); got != one {
		t.Errorf("stale: got %s", got)
	}
	until(t, "the answer is renewed beside", func() bool { return find() == two })
	if n := len(s.Asked()); n != 1 {
		t.Errorf("asked %d times", n)
	}
	// Nobody answers: the old answer serves for the hour of Stale.
	s.Reply(func(dns.ResponseWriter, *dns.Msg) bool { return true })
	for range 3 {
		if c.pass(15 * time.Minute); find() != two {
			t.Error("no answer while the server is silent")
		}
		until(t, "the server was asked", func() bool {
			if _, _, queries := r.Sizes(); queries > 0 {
				return false
			}
			if len(s.Asked()) > 0 {
				return true
			}
			c.pass(time.Second) // a busy machine gave the query up before it was sent
			find()
			return false
		})
	}
	c.pass(time.Hour)
	if got := find(); got != locate.ErrSilent.Error() {
		t.Errorf("after the hour: %s", got)
	}
	asked := len(s.Asked())
	if find(); asked == 0 || len(s.Asked()) != 0 {
		t.Error("a dead server is asked for every question")
	}
	s.Reply(nil)
	if c.pass(3 * time.Second); find() != two {
		t.Error("the server is back, and not asked")
	}
	// What does not exist is remembered for as long as the zone says, within bounds, and then comes at once.
	q = question(t, "sip:new.example:5060", all4)
	if got := find(); got != locate.ErrNone.Error() {
		t.Error(got)
	}
	s.Set("new.example. 10 IN A 192.0.2.1\n")
	if c.pass(19 * time.Second); find() != locate.ErrNone.Error() {
		t.Error("that there is none was not remembered")
	}
	if c.pass(2 * time.Second); find() != one {
		t.Error("that there is none was remembered for too long")
	}
}

func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 1000 {
		if f() {
			return
		}
		<-tick.C
	}
	t.Fatal("never: " + what)
}

// TestServersInTrouble: the next one is asked, answers to other questions and broken ones count for nothing, long ones come over TCP.
func TestServersInTrouble(t *testing.T) {
	t.Parallel()
	good := locatetest.Start(t, "a.example. 10 IN A 192.0.2.1\n")
	for name, reply := range map[string]func(w dns.ResponseWriter, q *dns.Msg) bool{
		"silent": func(dns.ResponseWriter, *dns.Msg) bool { return true },
		"failing": func(w dns.ResponseWriter, q *dns.Msg) bool {
			return w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeServerFailure)) == nil
		},
		"refusing": func(w dns.ResponseWriter, q *dns.Msg) bool {
			return w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeRefused)) == nil
		},
		"lying": func(w dns.ResponseWriter, q *dns.Msg) bool {
			m := new(dns.Msg).SetReply(q)
			m.Question[0].Name = "b.example."
			rr, _ := dns.NewRR("a.example. 10 IN A 192.0.2.66")
			m.Answer = []dns.RR{rr}
			return w.WriteMsg(m) == nil
		},
		"garbage": func(w dns.ResponseWriter, q *dns.Msg) bool { _, err := w.Write([]byte{0, 1, 2}); return err == nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad := locatetest.Start(t, "")
			bad.Reply(reply)
			r, _ := resolver(t, bad, func(c *locate.Config) { c.Servers = append(c.Servers, good.Addr) })
			got, err := r.Find(context.Background(), question(t, "sip:a.example:5060", all4), 1)
			if words(got) != "udp:192.0.2.1:5060" || err != nil {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	t.Run("slow", func(t *testing.T) { // the answer comes when the next query is out, and to that none does
		t.Parallel()
		s := locatetest.Start(t, "a.example. 10 IN A 192.0.2.1\n")
		var queries atomic.Uint32
		second := make(chan struct{})
		s.Reply(func(dns.ResponseWriter, *dns.Msg) bool {
			switch queries.Add(1) {
			case 1:
				<-second
				return false
			case 2:
				close(second)
			}
			return true
		})
		r, _ := resolver(t, s, func(c *locate.Config) { c.Attempts = 100 })
		got, err := r.Find(context.Background(), question(t, "sip:a.example:5060", all4), 1)
		if words(got) != "udp:192.0.2.1:5060" || err != nil {
			t.Errorf("got %v, %v", got, err)
		}
	})
	t.Run("poison", func(t *testing.T) { // records of other names in an answer are not taken
		t.Parallel()
		s := locatetest.Start(t, "")
		s.Reply(func(w dns.ResponseWriter, q *dns.Msg) bool {
			m := new(dns.Msg).SetReply(q)
			rr, _ := dns.NewRR("other.example. 10 IN A 192.0.2.66")
			m.Answer, m.Extra = []dns.RR{rr}, []dns.RR{rr}
			return w.WriteMsg(m) == nil
		})
		r, _ := resolver(t, s, nil)
		if got, err := r.Find(context.Background(), question(t, "sip:a.example:5060", all4), 1); !errors.Is(err, locate.ErrNone) {
			t.Errorf("got %v, %v", got, err)
		}
	})
	t.Run("many records", func(t *testing.T) {
		t.Parallel()
		var text strings.Builder
		for i := range 200 {
			text.WriteString("big.example. 10 IN A 10.0." + string(rune('0'+i%10)) + "." + string(rune('0'+i/10%10)) + "\n")
		}
		r, _ := resolver(t, locatetest.Start(t, text.String()), nil)
		if got, err := r.Find(context.Background(), question(t, "sip:big.example:5060", all4), 1); len(got) != 32 || err != nil {
			t.Errorf("%d places, %v", len(got), err)
		}
	})
}

// TestAskedOnce: who asks the same at the same time waits for one query, and who leaves takes it from nobody.
func TestAskedOnce(t *testing.T) {
	t.Parallel()
	s := locatetest.Start(t, "a.example. 10 IN A 192.0.2.1\n")
	open := make(chan struct{})
	s.Reply(func(dns.ResponseWriter, *dns.Msg) bool { <-open; return false })
	r, _ := resolver(t, s, func(c *locate.Config) { c.Timeout = 5 * time.Second })
	q := question(t, "sip:a.example:5060", all4)
	hasty, leave := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	wait.Go(func() {
		if _, err := r.Find(hasty, q, 1); err == nil {
			t.Error("who left got an answer")
		}
	})
	for range 50 {
		wait.Go(func() {
			if got, err := r.Find(context.Background(), q, 1); words(got) != "udp:192.0.2.1:5060" {
				t.Error(got, err)
			}
		})
	}
	until(t, "the server is asked", func() bool { return len(s.Asked()) > 0 })
	leave()
	close(open)
	wait.Wait()
	if n := len(s.Asked()); n != 0 {
		t.Errorf("asked %d times more", n)
	}
}

// TestBounds: neither names nor queries at once grow without end.
func TestBounds(t *testing.T) {
	t.Parallel()
	s := locatetest.Start(t, "")
	r, _ := resolver(t, s, func(c *locate.Config) { c.Size, c.Queries = 64, 8 })
	for i := range 1000 {
		q := locate.Question{Host: strings.Repeat("a", i%60+1) + string(rune('a'+i/60)) + ".example", Port: 5060, Served: all4}
		if _, err := r.Find(context.Background(), q, 1); !errors.Is(err, locate.ErrNone) {
			t.Fatal(err)
		}
	}
	if names, questions, _ := r.Sizes(); names > 64 || questions > 64 {
		t.Errorf("%d names, %d questions", names, questions)
	}
	s.Reply(func(dns.ResponseWriter, *dns.Msg) bool { return true })
	var wait sync.WaitGroup
	var mu sync.Mutex
	busy := 0
	for i := range 30 {
		wait.Go(func() {
			if _, err := r.Find(context.Background(), locate.Question{Host: string(rune('a'+i)) + ".busy.example", Port: 5060, Served: all4}, 1); errors.Is(err, locate.ErrBusy) {
				mu.Lock()
				defer mu.Unlock()
				busy++
			}
		})
	}
	wait.Wait()
	if busy < 20 {
		t.Errorf("%d of 30 questions were turned away, want 22", busy)
	}
}

// TestFiles: the system's own names need no name server; a changed resolv.conf is taken up.
func TestFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	hosts := filepath.Join(dir, "hosts")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(hosts, "# ours\n192.0.2.7 SBC.example sbc # near\nnonsense\n2001:db8::7\tsbc.example\nfe80::1%eth0 sbc\n")
	c := &clock{now: time.Unix(1e9, 0)}
	cfg := locate.DefaultConfig()
	cfg.Resolv, cfg.Hosts, cfg.Now = filepath.Join(dir, "resolv.conf"), hosts, c.Now
	r, err := locate.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for uri, want := range map[string]string{"sip:sbc.example": "udp:192.0.2.7:5060 udp:[2001:db8::7]:5060", "sip:sbc": "udp:192.0.2.7:5060",
		"sip:sbc.example;transport=tls": "tls:192.0.2.7:5061 tls:[2001:db8::7]:5061"} {
		if got, err := r.Find(context.Background(), question(t, uri, all4|all6), 1); words(got) != want {
			t.Errorf("%s: %s, %v", uri, words(got), err)
		}
	}
	if _, err := r.Find(context.Background(), question(t, "sip:other.example", all4), 1); !errors.Is(err, locate.ErrSilent) {
		t.Errorf("without a name server: %v", err)
	}
	write(hosts, "192.0.2.8 sbc2.example\n")
	c.pass(time.Minute)
	if got, err := r.Find(context.Background(), question(t, "sip:sbc2.example", all4), 1); words(got) != "udp:192.0.2.8:5060" {
		t.Errorf("a changed file: %s, %v", words(got), err)
	}
}
