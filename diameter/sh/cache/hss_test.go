package cache_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/dict"
	"github.com/bifrons/bifrons/diameter/hss"
	"github.com/bifrons/bifrons/diameter/sh"
	"github.com/bifrons/bifrons/diameter/sh/cache"
)

// stack is an application server with a cache before a simulator.
type stack struct {
	hss      *hss.Server
	cfg      hss.Config
	cache    *cache.Cache
	client   *sh.Client
	endpoint *diameter.Endpoint
}

func start(t testing.TB, users int) *stack {
	t.Helper()
	names := make([]string, users)
	for i := range names {
		names[i] = user(i).Public
	}
	return startFor(t, names...)
}

func startFor(t testing.TB, users ...string) *stack {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	cfg := hss.DefaultConfig()
	cfg.Listen, cfg.HTTP = "127.0.0.1:0", ""
	for _, u := range users {
		cfg.Subscribers = append(cfg.Subscribers, &hss.Subscriber{
			Public:     []hss.PublicIdentity{{ID: u, State: hss.State(sh.Registered)}},
			SCSCF:      "sip:scscf.ims.example:6060",
			Repository: map[string]string{"app": "<n>0</n>"},
		})
	}
	s := &stack{}
	s.hss = s.listen(t, cfg)
	cfg.Listen = s.hss.Addr()
	s.cfg = cfg
	t.Cleanup(func() { s.hss.Close(context.Background()) })

	d := diameter.DefaultConfig()
	d.OriginHost, d.OriginRealm, d.ReconnectMin = "as.ims.example", "ims.example", 20*time.Millisecond
	d.Peers = []diameter.PeerConfig{{Address: cfg.Listen}}
	d.PeerChanged = func(ev diameter.PeerEvent) { s.cache.PeerChanged(ev) }
	e, err := diameter.New(d, diameter.Handlers{
		sh.Command(dict.PushNotification): sh.PNRHandler(func(n *sh.PNR) error { return s.cache.Notify(n) }),
	}, log, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.endpoint, s.client = e, sh.NewClient(e, diameter.Route{Realm: "ims.example"})
	if s.cache, err = cache.New(cache.DefaultConfig(), s.client, log, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.cache.Close)
	e.Start()
	t.Cleanup(func() { e.Close(context.Background(), diameter.Rebooting) })
	s.ready(t)
	return s
}

func (s *stack) listen(t testing.TB, cfg hss.Config) *hss.Server {
	t.Helper()
	h, err := hss.New(cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Start(); err != nil {
		t.Fatal(err)
	}
	return h
}

func (s *stack) ready(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.endpoint.Ready(ctx, dict.Sh, diameter.Route{Realm: "ims.example"}); err != nil {
		t.Fatal(err)
	}
}

func user(i int) sh.Identity { return sh.Public(fmt.Sprintf("sip:u%d@ims.example", i)) }

func repositoryKey(i int) cache.Key {
	return cache.Key{Identity: user(i), Ref: sh.RefRepositoryData, Service: "app"}
}

// TestKeptFreshByTheHSS changes data behind the cache's back.
func TestKeptFreshByTheHSS(t *testing.T) {
	s := start(t, 3)
	k := repositoryKey(1)
	get := func() string {
		v, err := s.cache.Get(t.Context(), k, cache.Reject())
		if err != nil {
			t.Fatal(err)
		}
		if len(v.Data.Repository) == 0 {
			return ""
		}
		return string(v.Data.Repository[0].ServiceData)
	}
	if got := get(); got != "<n>0</n>" {
		t.Fatal(got)
	}
	watch, stop := s.cache.Watch(k)
	defer stop()
	for want, change := range []func(sh.RawXML) (sh.RawXML, error){
		func(sh.RawXML) (sh.RawXML, error) { return sh.RawXML("<n>1</n>"), nil },
		func(sh.RawXML) (sh.RawXML, error) { return sh.RawXML("<n>2</n>"), nil },
		func(sh.RawXML) (sh.RawXML, error) { return nil, nil },
	} {
		if _, err := s.client.UpdateRepositoryData(t.Context(), user(1), "app", change); err != nil {
			t.Fatal(err)
		}
		select {
		case <-watch:
		case <-time.After(5 * time.Second):
			t.Fatal("not notified")
		}
		text := fmt.Sprintf("<n>%d</n>", want+1)
		if want == 2 {
			text = ""
		}
		if got := get(); got != text {
			t.Errorf("cached %q, want %q", got, text)
		}
	}
}

// TestHSSGone stops the HSS under load: everybody gets what the policy says, in time.
func TestHSSGone(t *testing.T) {
	s := start(t, 20)
	for i := range 10 {
		if _, err := s.cache.Get(t.Context(), repositoryKey(i), cache.Reject()); err != nil {
			t.Fatal(err)
		}
	}
	s.hss.Close(context.Background())
	var wg sync.WaitGroup
	begin := time.Now()
	for i := range 20 {
		wg.Go(func() {
			standard := &sh.Data{}
			v, err := s.cache.Get(t.Context(), repositoryKey(i), cache.Policy{MaxStale: time.Minute, Default: standard, Wait: time.Second})
			if err != nil {
				t.Error(err)
				return
			}
			if known := i < 10; v.Stale != known && v.Default == known {
				t.Errorf("user %d: %+v", i, v)
			}
		})
	}
	wg.Wait()
	if d := time.Since(begin); d > 10*time.Second {
		t.Errorf("took %s", d)
	}
	// It comes back with other data and knows of no subscription: nobody sees the old data as fresh.
	for _, sub := range s.cfg.Subscribers {
		sub.Repository = map[string]string{"app": "<n>9</n>"}
	}
	again := s.listen(t, s.cfg)
	defer again.Close(context.Background())
	s.ready(t)
	for end := time.Now().Add(5 * time.Second); ; {
		v, err := s.cache.Get(t.Context(), repositoryKey(3), cache.Stale(time.Minute))
		if err == nil && !v.Stale && string(v.Data.Repository[0].ServiceData) == "<n>9</n>" {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%+v, %v", v, err)
		}
		<-time.After(10 * time.Millisecond)
	}
}
