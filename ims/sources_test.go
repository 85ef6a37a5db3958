package ims

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/dict"
	"github.com/bifrons/bifrons/diameter/hss"
	"github.com/bifrons/bifrons/diameter/sh"
	"github.com/bifrons/bifrons/diameter/sh/cache"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ptr[T any](v T) *T { return &v }

// fake is a source with one subscriber, or with an error.
type fake struct {
	name string
	has  string
	err  error
}

func (f fake) Name() string { return f.name }

func (f fake) Load(_ context.Context, q Query) (*Subscriber, error) {
	if f.err != nil {
		return nil, f.err
	}
	if q.Value != f.has {
		return nil, ErrNotFound
	}
	return &Subscriber{Username: f.name}, nil
}

func TestSourcesInOrder(t *testing.T) {
	down := errors.New("down")
	tests := []struct {
		name    string
		sources Sources
		q       Query
		want    string
		err     error
	}{
		{"the first that knows", Sources{fake{"a", "y", nil}, fake{"b", "x", nil}, fake{"c", "x", nil}}, Query{ByIMPU, "x"}, "b", nil},
		{"nobody knows", Sources{fake{"a", "y", nil}}, Query{ByIMPU, "x"}, "", ErrNotFound},
		{"a failure is passed over", Sources{fake{"a", "", down}, fake{"b", "x", nil}}, Query{ByIMPU, "x"}, "b", nil},
		{"a failure is not an absence", Sources{fake{"a", "", down}, fake{"b", "y", nil}}, Query{ByIMPU, "x"}, "", down},
		{"none at all", nil, Query{ByIMPU, "x"}, "", ErrNotFound},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := tt.sources.Load(t.Context(), tt.q)
			if !errors.Is(err, tt.err) || err == nil && s.Source != tt.want {
				t.Errorf("%+v, %v", s, err)
			}
			if tt.err == down && errors.Is(err, ErrNotFound) {
				t.Error("a failure was told as an absence")
			}
		})
	}
	for _, q := range []Query{{"shoesize", "43"}, {ByIMPU, ""}} {
		if _, err := (Sources{fake{"a", "43", nil}}).Load(t.Context(), q); err == nil || errors.Is(err, ErrNotFound) {
			t.Errorf("%v: err = %v", q, err)
		}
	}
}

// snippet returns the n-th YAML of docs/subscribers.md.
func snippet(t *testing.T, n int) string {
	t.Helper()
	b, err := os.ReadFile("../docs/subscribers.md")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(b), "```")
	return strings.TrimPrefix(parts[2*n+1], "yaml\n")
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "subscribers.yaml")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(snippet(t, 1))
	f, err := NewFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := &Subscriber{
		UUID: "2a1f0c4e-0000-4000-8000-000000000002", Username: "bob", Public: []string{"sip:bob@ims.example", "tel:+15557654321"},
		Private: []string{"bob@ims.example"}, MSISDN: []string{"15557654321"}, IMSI: "001010000000002", State: ptr(sh.Registered),
		SCSCF: "sip:scscf.ims.example:6060", Collection: []string{"aaa://ccf1.ims.example"},
		Services: map[string]string{"mmtel": "<simservs/>"}, Attributes: map[string][]string{"language": {"de"}},
	}
	for _, q := range []Query{
		{ByIMPU, "sip:bob@IMS.example;user=phone"}, {ByIMPU, "tel:+1-555-765-4321"}, {ByIMPI, "bob@ims.example"}, {ByMSISDN, "+15557654321"},
		{ByIMSI, "001010000000002"}, {ByUsername, "bob"}, {ByUUID, want.UUID},
	} {
		got, err := f.Load(t.Context(), q)
		if err != nil {
			t.Fatalf("%v: %v", q, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%v: %s", q, d)
		}
	}
	if _, err := f.Load(t.Context(), Query{ByUsername, "alice"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("err = %v", err)
	}

	// A broken file keeps what was good, and tells whoever finds nothing.
	again := func(text string) {
		write(text)
		f.refresh()
	}
	again("- {username: [}")
	if _, err := f.Load(t.Context(), Query{ByUsername, "bob"}); err != nil {
		t.Errorf("err = %v", err)
	}
	if _, err := f.Load(t.Context(), Query{ByUsername, "alice"}); err == nil || errors.Is(err, ErrNotFound) {
		t.Errorf("err = %v", err)
	}
	again("- {username: alice, public: ['sip:alice@ims.example']}\n")
	if s, err := f.Load(t.Context(), Query{ByIMPU, "sip:alice@ims.example"}); err != nil || s.Username != "alice" {
		t.Errorf("%+v, %v", s, err)
	}
	again("- {username: a, imsi: '1'}\n- {username: b, imsi: '1'}\n")
	if _, err := f.Load(t.Context(), Query{ByUsername, "b"}); err == nil || !strings.Contains(err.Error(), "belongs to another") {
		t.Errorf("err = %v", err)
	}
	if _, err := NewFile(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there was read")
	}
}

func TestSh(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	cfg, err := hss.Load("../diameter/hss/testdata/hss.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cfg.HTTP = ""
	h, err := hss.New(cfg, log, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Start(); err != nil {
		t.Fatal(err)
	}
	defer h.Close(context.Background())
	d := diameter.DefaultConfig()
	d.OriginHost, d.OriginRealm, d.Peers = "as.ims.example", "ims.example", []diameter.PeerConfig{{Address: h.Addr()}}
	e, err := diameter.New(d, nil, log, nil)
	if err != nil {
		t.Fatal(err)
	}
	e.Start()
	defer e.Close(context.Background(), diameter.Rebooting)
	if err := e.Ready(t.Context(), dict.Sh, diameter.Route{Realm: "ims.example"}); err != nil {
		t.Fatal(err)
	}
	c, err := cache.New(cache.DefaultConfig(), sh.NewClient(e, diameter.Route{Realm: "ims.example"}), log, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	sc := DefaultShConfig()
	sc.Services, sc.Username = []string{"mmtel", "none"}, "sip:%s@ims.example"
	s := NewSh(sc, c)

	alice := Subscriber{
		Public: []string{"sip:alice@ims.example", "tel:+15551234567", "sip:alice.work@ims.example"}, MSISDN: []string{"15551234567"},
		State: ptr(sh.Registered), SCSCF: "sip:scscf.ims.example:6060", Collection: []string{"aaa://ccf1.ims.example", "aaa://ccf2.ims.example"},
		Services: map[string]string{"mmtel": `<simservs xmlns="urn:x"/>`},
	}
	byName, byNumber := alice, alice
	byName.Username = "alice"
	// A number has no registration of its own and no transparent data.
	byNumber.State, byNumber.SCSCF, byNumber.Services = nil, "", nil
	tests := []struct {
		q    Query
		want *Subscriber
	}{
		{Query{ByIMPU, "sip:alice@ims.example"}, &alice}, {Query{ByUsername, "alice"}, &byName}, {Query{ByMSISDN, "+15551234567"}, &byNumber},
		{Query{ByIMPU, "sip:nobody@ims.example"}, nil}, {Query{ByIMSI, "001010000000001"}, nil}, {Query{ByUUID, "x"}, nil},
	}
	for _, tt := range tests {
		t.Run(string(tt.q.By)+" "+tt.q.Value, func(t *testing.T) {
			got, err := s.Load(t.Context(), tt.q)
			if tt.want == nil {
				if !errors.Is(err, ErrNotFound) {
					t.Errorf("%+v, %v", got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(Subscriber{}, "Told")); d != "" {
				t.Error(d)
			}
		})
	}
}
