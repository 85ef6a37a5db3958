package cache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/sh"
)

// TestMain runs the tests, or the simulator that a benchmark wants in a process of its own.
func TestMain(m *testing.M) {
	if os.Getenv(simulatorEnv) == "" {
		goleak.VerifyTestMain(m)
	}
	if err := simulate(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func ptr[T any](v T) *T { return &v }

// fakeHSS is a client that answers from a few fields.
type fakeHSS struct {
	mu      sync.Mutex
	state   sh.IMSUserState
	err     error         // for everything
	snrErr  error         // for SNR alone
	delay   time.Duration // before each answer
	expiry  time.Duration // of subscriptions; zero: none
	noData  bool          // the SNA has no data
	wild    string
	udrs    int
	snrs    int
	before  func() // called before an SNR is answered
	lastUDR *sh.UDR
	lastSNR *sh.SNR
}

func (f *fakeHSS) data() *sh.Data { return &sh.Data{IMS: &sh.IMSData{UserState: ptr(f.state)}} }

func (f *fakeHSS) UDR(ctx context.Context, q *sh.UDR) (*sh.UDA, error) {
	if err := f.pause(ctx); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.udrs++
	f.lastUDR = q
	if f.err != nil {
		return nil, f.err
	}
	return &sh.UDA{Data: f.data(), Wildcards: sh.Wildcards{PSI: f.wild}}, nil
}

func (f *fakeHSS) SNR(ctx context.Context, q *sh.SNR) (*sh.SNA, error) {
	if err := f.pause(ctx); err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.snrs++
	f.lastSNR = q
	err := errors.Join(f.err, f.snrErr)
	a := &sh.SNA{Wildcards: sh.Wildcards{PSI: f.wild}}
	if !f.noData {
		a.Data = f.data()
	}
	if f.expiry != 0 {
		a.Expiry = time.Now().Add(f.expiry)
	}
	before := f.before
	f.mu.Unlock()
	if before != nil {
		before()
	}
	if err != nil {
		return nil, err
	}
	return a, nil
}

func (f *fakeHSS) pause(ctx context.Context) error {
	f.mu.Lock()
	d := f.delay
	f.mu.Unlock()
	if d == 0 {
		return nil
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("send UDR: %w", diameter.ErrTimeout)
	}
}

func (f *fakeHSS) set(do func()) {
	f.mu.Lock()
	do()
	f.mu.Unlock()
}

func (f *fakeHSS) asked() (udrs, snrs int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.udrs, f.snrs
}

var (
	aliceKey   = Key{Identity: sh.Public("sip:alice@ims.example"), Ref: sh.RefIMSUserState}
	unknown    = &sh.Error{Experimental: true, Code: sh.UserUnknown}
	errNoPeer  = fmt.Errorf("send UDR: %w", diameter.ErrNoPeer)
	registered = &sh.Data{IMS: &sh.IMSData{UserState: ptr(sh.Registered)}}
)

func newCache(t testing.TB, f Client, change func(*Config)) *Cache {
	t.Helper()
	cfg := DefaultConfig()
	if change != nil {
		change(&cfg)
	}
	c, err := New(cfg, f, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// look gets the state of a key.
func look(t *testing.T, c *Cache, k Key, p Policy) (sh.IMSUserState, Value) {
	t.Helper()
	v, err := c.Get(t.Context(), k, p)
	if err != nil {
		t.Fatal(err)
	}
	return *v.Data.IMS.UserState, v
}

func wantAsked(t *testing.T, f *fakeHSS, udrs, snrs int) {
	t.Helper()
	if u, s := f.asked(); u != udrs || s != snrs {
		t.Errorf("asked with %d UDR and %d SNR, want %d and %d", u, s, udrs, snrs)
	}
}

func note(id string, s sh.IMSUserState) *sh.PNR {
	return &sh.PNR{Identity: sh.Identity{Public: id}, Data: &sh.Data{IMS: &sh.IMSData{UserState: &s}}}
}

func TestReadThroughAndNotified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeHSS{state: sh.Registered, expiry: time.Hour}
		c := newCache(t, f, nil)
		defer c.Close()
		for range 3 {
			if s, _ := look(t, c, aliceKey, Reject()); s != sh.Registered {
				t.Errorf("state %v", s)
			}
		}
		wantAsked(t, f, 0, 1) // one SNR with Send-Data-Indication does it all
		if !f.lastSNR.SendData || time.Until(f.lastSNR.Expiry) > time.Hour {
			t.Errorf("SNR %+v", f.lastSNR)
		}
		watch, stop := c.Watch(aliceKey)
		defer stop()
		time.Sleep(time.Minute)
		if err := c.Notify(note("sip:alice@IMS.example;user=phone", sh.NotRegistered)); err != nil {
			t.Fatal(err)
		}
		s, v := look(t, c, aliceKey, Reject())
		if s != sh.NotRegistered || v.Age != 0 {
			t.Errorf("state %v of age %s", s, v.Age)
		}
		if d := <-watch; *d.IMS.UserState != sh.NotRegistered {
			t.Error("the watcher saw something else")
		}
		wantAsked(t, f, 0, 1)
	})
}

func TestStrayNotification(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeHSS{}
		c := newCache(t, f, nil)
		defer c.Close()
		stray := &sh.Error{Experimental: true, Code: sh.NoSubscriptionToData}
		if err := c.Notify(note("sip:alice@ims.example", 1)); !errors.Is(err, stray) {
			t.Errorf("err = %v, want 5107", err)
		}
		look(t, c, aliceKey, Reject())
		other := &sh.PNR{Identity: aliceKey.Identity, Data: &sh.Data{IMS: &sh.IMSData{SCSCFName: ptr("sip:s")}}}
		if err := c.Notify(other); !errors.Is(err, stray) {
			t.Errorf("err = %v, want 5107 for a reference that nobody reads", err)
		}
		c.Clear()
		if err := c.Notify(note("sip:alice@ims.example", 1)); !errors.Is(err, stray) {
			t.Errorf("err = %v, want 5107 after Clear", err)
		}
		look(t, c, aliceKey, Reject())
		wantAsked(t, f, 0, 2) // a wiped cache is only misses
	})
}

func TestSingleFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeHSS{state: sh.Registered, delay: time.Second}
		c := newCache(t, f, nil)
		defer c.Close()
		first, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := c.Get(first, aliceKey, Reject()); !errors.Is(err, context.Canceled) {
				t.Errorf("err = %v, want Canceled", err)
			}
		})
		synctest.Wait()
		leave() // the others are not hurt by the first one's leaving
		for range 20 {
			wg.Go(func() {
				if v, err := c.Get(t.Context(), aliceKey, Reject()); err != nil || *v.Data.IMS.UserState != sh.Registered {
					t.Errorf("%+v, %v", v, err)
				}
			})
		}
		wg.Wait()
		wantAsked(t, f, 0, 1)
	})
}

func TestPrefetchWaitsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeHSS{state: sh.Registered, delay: time.Second}
		c := newCache(t, f, nil)
		defer c.Close()
		keys := []Key{aliceKey, {Identity: aliceKey.Identity, Ref: sh.RefIMSI}, {Identity: aliceKey.Identity, Ref: sh.RefMSISDN}}
		start := time.Now()
		c.Prefetch(keys...)
		for _, k := range keys {
			look(t, c, k, Reject())
		}
		if d := time.Since(start); d != time.Second {
			t.Errorf("three keys took %s", d)
		}
		wantAsked(t, f, 2, 1)
	})
}

func TestUnknownUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeHSS{err: fmt.Errorf("SNR: %w", unknown)}
		c := newCache(t, f, nil)
		defer c.Close()
		for range 3 {
			_, err := c.Get(t.Context(), aliceKey, Default(registered))
			if e, ok := errors.AsType[*sh.Error](err); !ok || !e.UserUnknown() {
				t.Errorf("err = %v", err)
			}
		}
		wantAsked(t, f, 0, 1)
		f.set(func() { f.err = nil })
		time.Sleep(11 * time.Second)
		look(t, c, aliceKey, Reject())
		wantAsked(t, f, 0, 2)
	})
}

func TestPolicyWhenTheHSSIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeHSS{state: sh.Registered}
		c := newCache(t, f, nil)
		defer c.Close()
		look(t, c, aliceKey, Reject())
		f.set(func() { f.err = errNoPeer })
		c.PeerChanged(diameter.PeerEvent{}) // the connection is gone: nothing is certain any more
		time.Sleep(5 * time.Minute)
		if s, v := look(t, c, aliceKey, Stale(10*time.Minute)); s != sh.Registered || !v.Stale || v.Age != 5*time.Minute {
			t.Errorf("%v %+v", s, v)
		}
		standard := &sh.Data{IMS: &sh.IMSData{UserState: ptr(sh.NotRegistered)}}
		if s, v := look(t, c, aliceKey, Default(standard)); s != sh.NotRegistered || !v.Default {
			t.Errorf("%v %+v", s, v)
		}
		if _, err := c.Get(t.Context(), aliceKey, Reject()); !errors.Is(err, diameter.ErrNoPeer) && !errors.Is(err, errSilent) {
			t.Errorf("err = %v", err)
		}
		if _, err := c.Get(t.Context(), aliceKey, Stale(time.Minute)); err == nil {
			t.Error("data of 5 minutes served as data of one")
		}
		both := Policy{MaxStale: time.Minute, Default: standard}
		if _, v := look(t, c, aliceKey, both); !v.Default {
			t.Errorf("%+v", v)
		}
	})
}

func TestPolicyComesInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeHSS{delay: time.Hour} // takes requests and answers none
		c := newCache(t, f, nil)
		defer c.Close()
		p := Policy{Default: registered, Wait: 200 * time.Millisecond}
		start := time.Now()
		if _, v := look(t, c, aliceKey, p); !v.Default || time.Since(start) != 200*time.Millisecond {
			t.Errorf("%+v after %s", v, time.Since(start))
		}
		// After some fetches without an answer nobody waits at all, but once a second somebody tries.
		for i := range 6 {
			k := aliceKey
			k.Identity.Public = fmt.Sprintf("sip:u%d@ims.example", i)
			look(t, c, k, p)
		}
		time.Sleep(5 * time.Second)
		start = time.Now()
		look(t, c, aliceKey, p)
		if d := time.Since(start); d != 0 {
			t.Errorf("waited %s for a silent HSS", d)
		}
	})
}

func TestRenewedBeforeExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeHSS{expiry: 2 * time.Minute}
		c := newCache(t, f, nil)
		defer c.Close()
		start := time.Now()
		for time.Since(start) < 20*time.Minute {
			look(t, c, aliceKey, Reject())
			time.Sleep(10 * time.Second)
			synctest.Wait()
		}
		_, snrs := f.asked()
		if snrs < 10 || snrs > 12 {
			t.Errorf("%d subscriptions of 2 minutes in 20", snrs)
		}
		c.mu.Lock()
		if left := time.Until(c.entries[aliceKey].expiry); left < 0 {
			t.Errorf("expired %s ago", -left)
		}
		c.mu.Unlock()
		// What nobody uses is left to expire.
		time.Sleep(time.Hour)
		synctest.Wait()
		_, later := f.asked()
		if later > snrs+7 {
			t.Errorf("renewed %d times without use", later-snrs)
		}
	})
}

func TestSubscribedAgainAfterReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeHSS{state: sh.Registered}
		c := newCache(t, f, nil)
		defer c.Close()
		look(t, c, aliceKey, Reject())
		f.set(func() { f.state = sh.NotRegistered }) // a change that nobody told us about
		c.PeerChanged(diameter.PeerEvent{Host: "hss", Up: true})
		time.Sleep(time.Second)
		synctest.Wait()
		wantAsked(t, f, 0, 2) // without anybody asking
		if s, _ := look(t, c, aliceKey, Reject()); s != sh.NotRegistered {
			t.Errorf("state %v", s)
		}
	})
}

func TestManyAreSubscribedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const users = 2000
		f := &fakeHSS{}
		c := newCache(t, f, nil)
		defer c.Close()
		for i := range users {
			look(t, c, Key{Identity: sh.Public(fmt.Sprintf("sip:u%d@ims.example", i)), Ref: sh.RefIMSUserState}, Reject())
		}
		f.set(func() { f.err = errNoPeer })
		c.PeerChanged(diameter.PeerEvent{})
		time.Sleep(time.Minute)
		synctest.Wait()
		if _, snrs := f.asked(); snrs > users+60*(renewAtOnce+silentAfter) {
			t.Errorf("%d requests to an HSS that is down for a minute", snrs-users)
		}
		f.set(func() { f.err, f.snrs = nil, 0 })
		c.PeerChanged(diameter.PeerEvent{Up: true})
		time.Sleep(5 * time.Second)
		synctest.Wait()
		wantAsked(t, f, 0, users)
	})
}

func TestNotificationDuringFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeHSS{state: sh.Registered}
		c := newCache(t, f, nil)
		defer c.Close()
		f.before = func() { // the notification overtakes the answer
			f.set(func() { f.state = sh.NotRegistered })
			if err := c.Notify(note("sip:alice@ims.example", sh.NotRegistered)); err != nil {
				t.Error(err)
			}
		}
		if s, _ := look(t, c, aliceKey, Reject()); s != sh.NotRegistered {
			t.Errorf("state %v: the older answer won", s)
		}
		wantAsked(t, f, 1, 1)
	})
}

func TestWithoutSubscription(t *testing.T) {
	tests := []struct {
		name       string
		f          *fakeHSS
		key        Key
		udrs, snrs int // after two looks, with TTL between
	}{
		{"not permitted: polls, and does not ask again", &fakeHSS{snrErr: &sh.Error{Experimental: true, Code: sh.UserDataCannotBeNotified}}, aliceKey, 2, 1},
		{"not there: polls, and tries to subscribe again", &fakeHSS{snrErr: &sh.Error{Experimental: true, Code: sh.SubsDataAbsent}}, aliceKey, 2, 2},
		{"reference without notifications", &fakeHSS{}, Key{Identity: aliceKey.Identity, Ref: sh.RefIMSI}, 2, 0},
		{"HSS without Send-Data-Indication", &fakeHSS{noData: true}, aliceKey, 1, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCache(t, tt.f, nil)
				defer c.Close()
				for range 2 {
					look(t, c, tt.key, Reject())
					look(t, c, tt.key, Reject())
					time.Sleep(31 * time.Second)
				}
				wantAsked(t, tt.f, tt.udrs, tt.snrs)
			})
		})
	}
}

func TestWildcardedIdentitiesShareOneEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeHSS{state: sh.Registered, wild: "sip:room-!.*!@ims.example"}
		c := newCache(t, f, nil)
		defer c.Close()
		for i := range 5 {
			for range 2 {
				look(t, c, Key{Identity: sh.Public(fmt.Sprintf("sip:room-%d@ims.example", i)), Ref: sh.RefIMSUserState}, Reject())
			}
		}
		wantAsked(t, f, 0, 5)
		if c.Len() != 1 {
			t.Errorf("%d entries, want 1", c.Len())
		}
		n := note("sip:room-3@ims.example", sh.NotRegistered)
		n.Wildcards.PSI = f.wild
		if err := c.Notify(n); err != nil {
			t.Fatal(err)
		}
		if s, _ := look(t, c, Key{Identity: sh.Public("sip:room-1@ims.example"), Ref: sh.RefIMSUserState}, Reject()); s != sh.NotRegistered {
			t.Errorf("state %v", s)
		}
	})
}

func TestSizeIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeHSS{}
		c := newCache(t, f, func(cfg *Config) { cfg.Size = 10 })
		defer c.Close()
		key := func(i int) Key {
			return Key{Identity: sh.Public(fmt.Sprintf("sip:u%d@ims.example", i)), Ref: sh.RefIMSUserState}
		}
		look(t, c, key(0), Reject())
		for i := range 100 {
			look(t, c, key(i), Reject())
			look(t, c, key(0), Reject()) // in use, so it stays
		}
		if c.Len() != 10 || len(c.byIdentity) != 10 || c.order.Len() != 10 {
			t.Errorf("%d entries, %d identities, %d in order", c.Len(), len(c.byIdentity), c.order.Len())
		}
		wantAsked(t, f, 0, 100)
		c.Forget(key(0).Identity)
		if c.Len() != 9 {
			t.Errorf("%d entries after Forget", c.Len())
		}
	})
}

func TestParsePolicy(t *testing.T) {
	tests := []struct {
		in   string
		want Policy
		fail bool
	}{
		{"stale 10m", Stale(10 * time.Minute), false}, {"default", Default(registered), false}, {"reject", Reject(), false},
		{"stale", Policy{}, true}, {"stale -1s", Policy{}, true}, {"reject now", Policy{}, true}, {"", Policy{}, true},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			got, err := ParsePolicy(tt.in, registered)
			if got != tt.want || (err != nil) != tt.fail {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	if _, err := ParsePolicy("default", nil); err == nil {
		t.Error("a default without data was accepted")
	}
}

func BenchmarkHit(b *testing.B) {
	c := newCache(b, &fakeHSS{}, nil)
	defer c.Close()
	for i := range 100_000 {
		k := Key{Identity: sh.Public(fmt.Sprintf("sip:user%d@ims.example", i)), Ref: sh.RefIMSUserState}
		c.mu.Lock()
		e := c.put(k)
		e.data, e.at, e.subscribed = registered, time.Now(), true
		c.mu.Unlock()
	}
	keys := make([]Key, 1024)
	for i := range keys {
		keys[i] = Key{Identity: sh.Public(fmt.Sprintf("sip:user%d@ims.example", i*97)), Ref: sh.RefIMSUserState}
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := c.Get(b.Context(), keys[i%len(keys)], Reject()); err != nil {
			b.Fatal(err)
		}
	}
}
