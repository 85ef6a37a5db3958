package ims

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/bifrons/bifrons/diameter/sh"
	"github.com/bifrons/bifrons/diameter/sh/cache"
)

// Cache is what the Sh source reads through; a cache.Cache is one.
type Cache interface {
	Prefetch(keys ...cache.Key)
	Get(ctx context.Context, k cache.Key, p cache.Policy) (cache.Value, error)
}

// ShConfig says what is read over Sh for a subscriber.
type ShConfig struct {
	// References are read for each subscriber; what the HSS refuses is left out.
	References []sh.Reference
	// Services are read as transparent data.
	Services []string
	// Username makes a public identity of a user name: %s stands for it. Empty: not by user name.
	Username string
	Policy   cache.Policy
}

// DefaultShConfig returns the references that most services want.
func DefaultShConfig() ShConfig {
	return ShConfig{References: []sh.Reference{
		sh.RefIMSPublicIdentity, sh.RefIMSUserState, sh.RefSCSCFName, sh.RefChargingInformation, sh.RefMSISDN,
	}}
}

// References lists what a subscriber can be made of; others are read with package sh.
func References() []sh.Reference {
	return append(DefaultShConfig().References, sh.RefIMSPrivateUserIdentity, sh.RefIMSI)
}

// Sh is the source that asks the HSS, by public identity, by number, or by a user name that makes a public identity.
type Sh struct {
	cfg   ShConfig
	cache Cache
}

// NewSh returns the source.
func NewSh(cfg ShConfig, c Cache) *Sh { return &Sh{cfg, c} }

// Name implements Source.
func (s *Sh) Name() string { return "sh" }

// Load implements Source. Sh knows no key but these: by private identity, IMSI or uuid it finds nobody.
func (s *Sh) Load(ctx context.Context, q Query) (*Subscriber, error) {
	var id sh.Identity
	switch {
	case q.By == ByIMPU:
		id = sh.Public(q.Value)
	case q.By == ByMSISDN:
		id = sh.Identity{MSISDN: q.normal()}
	case q.By == ByUsername && s.cfg.Username != "":
		id = sh.Public(strings.ReplaceAll(s.cfg.Username, "%s", q.Value))
	default:
		return nil, ErrNotFound
	}
	keys := s.keys(id)
	s.cache.Prefetch(keys...)
	sub := &Subscriber{}
	if q.By == ByUsername {
		sub.Username = q.Value
	}
	var failed error
	got := false
	began := time.Now()
	for _, k := range keys {
		v, err := s.cache.Get(ctx, k, s.rest(began))
		if err == nil {
			got = true
			sub.Stale = sub.Stale || v.Stale || v.Default
			sub.take(k, v.Data)
			if k.Ref == sh.RefIMSUserState && !v.Default {
				sub.Told = ago(v.Age)
			}
			continue
		}
		e, answered := errors.AsType[*sh.Error](err)
		switch {
		case answered && e.UserUnknown():
			return nil, ErrNotFound
		case answered && e.Code == sh.OperationNotAllowed:
			// Not for this kind of identity: a number has no registration, a service no state.
		default:
			failed = err
		}
	}
	if p := s.cfg.Policy; failed != nil && (!got || p.MaxStale == 0 && p.Default == nil) {
		return nil, failed
	}
	sub.Stale = sub.Stale || failed != nil
	if q.By != ByMSISDN && len(sub.Public) == 0 {
		sub.Public = []string{id.Public}
	}
	return sub, nil
}

// rest is the policy for one of several references that are read at the same time: the wait is for all of them together.
func (s *Sh) rest(began time.Time) cache.Policy {
	p := s.cfg.Policy
	if p.Wait > 0 {
		p.Wait = max(p.Wait-time.Since(began), 1)
	}
	return p
}

func (s *Sh) keys(id sh.Identity) []cache.Key {
	keys := make([]cache.Key, 0, len(s.cfg.References)+len(s.cfg.Services))
	for _, ref := range s.cfg.References {
		keys = append(keys, cache.Key{Identity: id, Ref: ref})
	}
	if id.Public != "" {
		for _, service := range s.cfg.Services {
			keys = append(keys, cache.Key{Identity: id, Ref: sh.RefRepositoryData, Service: service})
		}
	}
	return keys
}

// take moves what a reference told into the subscriber.
func (s *Subscriber) take(k cache.Key, d *sh.Data) {
	switch k.Ref {
	case sh.RefIMSPublicIdentity:
		for _, ids := range []*sh.Identities{d.PublicIdentifiers, d.All} {
			if ids != nil {
				s.Public = ids.Public
				if t := ids.IdentityType; t != nil {
					s.PSI = *t == sh.DistinctPSI || *t == sh.WildcardedPSIType
				}
			}
		}
	case sh.RefMSISDN:
		if d.PublicIdentifiers != nil {
			s.MSISDN = d.PublicIdentifiers.MSISDN
		}
	case sh.RefIMSPrivateUserIdentity:
		s.Private = d.PrivateIdentities
	case sh.RefIMSI:
		if d.IMSI != nil {
			s.IMSI = *d.IMSI
		}
	case sh.RefRepositoryData:
		for _, r := range d.Repository {
			if r.ServiceIndication == k.Service && r.ServiceData != nil {
				if s.Services == nil {
					s.Services = make(map[string]string)
				}
				s.Services[k.Service] = string(r.ServiceData)
			}
		}
	}
	if d.IMS != nil {
		s.takeIMS(k.Ref, d.IMS)
	}
}

func (s *Subscriber) takeIMS(ref sh.Reference, d *sh.IMSData) {
	switch ref {
	case sh.RefIMSUserState:
		s.State = d.UserState
	case sh.RefSCSCFName:
		if d.SCSCFName != nil {
			s.SCSCF = *d.SCSCFName
		}
	case sh.RefChargingInformation:
		if c := d.Charging; c != nil {
			s.Collection = texts(c.PrimaryCollection, c.SecondaryCollection)
			s.Event = texts(c.PrimaryEvent, c.SecondaryEvent)
		}
	}
}

func texts(ps ...*string) (out []string) {
	for _, p := range ps {
		if p != nil && *p != "" {
			out = append(out, *p)
		}
	}
	return out
}
