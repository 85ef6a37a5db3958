package ims

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bifrons/bifrons/diameter/sh"
	"github.com/bifrons/bifrons/diameter/sh/cache"
)

// frozen is a cache before an HSS that does not answer: it has one reference, and for the others it waits as long as it may.
type frozen struct{ has sh.Reference }

func (frozen) Prefetch(...cache.Key) {}

func (f frozen) Get(_ context.Context, k cache.Key, p cache.Policy) (cache.Value, error) {
	state := sh.Registered
	if k.Ref == f.has {
		return cache.Value{Data: &sh.Data{IMS: &sh.IMSData{UserState: &state}}}, nil
	}
	<-time.After(p.Wait)
	if p.Default != nil {
		return cache.Value{Data: p.Default, Default: true}, nil
	}
	return cache.Value{}, errors.New("the HSS takes too long")
}

// TestShFrozen: five references wait for a frozen HSS at the same time, and the policy says what comes of it.
func TestShFrozen(t *testing.T) {
	for _, c := range []struct {
		name   string
		has    sh.Reference
		policy cache.Policy
		ok     bool
	}{
		{"nothing, and nothing serves", 0, cache.Stale(time.Minute), false},
		{"a part, which serves", sh.RefIMSUserState, cache.Stale(time.Minute), true},
		{"a part, which does not", sh.RefIMSUserState, cache.Reject(), false},
		{"a default", 0, cache.Default(&sh.Data{}), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := DefaultShConfig()
				cfg.Policy, cfg.Policy.Wait = c.policy, 2*time.Second
				began := time.Now()
				s, err := NewSh(cfg, frozen{c.has}).Load(t.Context(), Query{ByIMPU, "sip:alice@ims.example"})
				if took := time.Since(began); took < 2*time.Second || took > 2*time.Second+time.Millisecond {
					t.Errorf("it took %v, and may take 2s", took)
				}
				if (err == nil) != c.ok || err == nil && !s.Stale {
					t.Errorf("%+v, %v", s, err)
				}
			})
		})
	}
}

// TestShPSI: the kind of an identity tells a service from a user.
func TestShPSI(t *testing.T) {
	for kind, want := range map[sh.IdentityType]bool{sh.PublicUserIdentity: false, sh.DistinctPSI: true, sh.WildcardedPSIType: true, sh.WildcardedIMPUType: false} {
		s := &Subscriber{}
		s.take(cache.Key{Ref: sh.RefIMSPublicIdentity}, &sh.Data{PublicIdentifiers: &sh.Identities{Public: []string{"sip:news@ims.example"}, IdentityType: &kind}})
		if s.PSI != want || len(s.Public) != 1 {
			t.Errorf("%v: %+v", kind, s)
		}
	}
}
