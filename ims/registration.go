package ims

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/bifrons/bifrons/diameter/sh"
)

// Registrations is what S-CSCFs say of users by third-party REGISTER (TS 24.229 5.7.1.1) and, where we subscribe to it, by
// the event package reg (RFC 3680). It is kept by public identity and S-CSCF; what has expired counts as not registered.
//
// It is safe for use by any goroutine and starts none: Tick is to be called every second or so.
type Registrations struct {
	cfg  RegistrationConfig
	send Sender
	tell func(RegistrationChanged)
	now  func() time.Time

	Faults *Faults // counts what cannot be read; may be nil

	mu      sync.Mutex
	all     map[regKey]*record
	of      map[string]map[regKey]bool // by each public identity of a set
	watches map[string]*watch          // subscriptions by Call-ID
}

// RegistrationConfig says what is kept, and how.
type RegistrationConfig struct {
	Subscribe bool          // to the event package reg, after a REGISTER
	Identity  string        // ours, as a URI, for that; "" is the side's domain
	Max       int           // registrations kept
	Forget    time.Duration // how long somebody who has left is remembered
	IOI       string        // as that of Config
}

// DefaultRegistrationConfig keeps a million registrations, and remembers for an hour that somebody has left.
func DefaultRegistrationConfig() RegistrationConfig {
	return RegistrationConfig{Max: 1_000_000, Forget: time.Hour}
}

// regKey names a registration, whatever the spelling of its identity.
type regKey struct{ user, scscf string }

func keyOf(user, scscf string) regKey { return regKey{sh.Canonical(user), scscf} }

// Contact is a phone of a registered user.
type Contact struct {
	ID       string    `json:"-"` // in documents of the event package reg
	URI      string    `json:"uri"`
	Event    string    `json:"event,omitempty"` // why it is as it is: registered, refreshed, expired ...
	Expires  time.Time `json:"expires,omitzero"`
	Instance string    `json:"instance,omitempty"`
	Features string    `json:"features,omitempty"` // media feature tags, as written
}

// Registration is what is known of a user's registration at one S-CSCF.
type Registration struct {
	User       string    `json:"user"`
	SCSCF      string    `json:"scscf"`
	Registered bool      `json:"registered"`
	By         string    `json:"by"` // who said so last: REGISTER or reg
	Since      time.Time `json:"since"`
	Told       time.Time `json:"told"`
	Expires    time.Time `json:"expires,omitzero"`

	Identities []string  `json:"identities,omitempty"` // of the implicit set
	Contacts   []Contact `json:"contacts,omitempty"`

	Access      string `json:"access,omitempty"`  // P-Access-Network-Info
	Visited     string `json:"visited,omitempty"` // P-Visited-Network-ID
	ICID        string `json:"icid,omitempty"`
	Charging    string `json:"charging,omitempty"` // P-Charging-Function-Addresses
	ServiceInfo string `json:"service_info,omitempty"`

	Subscription string `json:"subscription,omitempty"` // pending, active, terminated; to the event package reg
	Version      int    `json:"version,omitempty"`      // of the last document
}

// RegistrationChanged is the event that Apps hear of: a user has registered, refreshed, or left.
type RegistrationChanged struct {
	Registration
	Was bool   // registered before
	Why string // register, deregister, notify, expired
}

// DataChanged is the event that Apps hear of when the HSS has told of new data by itself (a PNR of TS 29.328).
type DataChanged struct {
	Identity string
	Data     *sh.Data
}

// record is a registration with what only we need.
type record struct {
	Registration
	watch  *watch
	callID string // of the last REGISTER
	cseq   uint32
}

// NewRegistrations returns an empty store. Send sends our subscriptions and may be nil when there are none; tell hears of each
// change and must not block.
func NewRegistrations(cfg RegistrationConfig, send Sender, tell func(RegistrationChanged)) *Registrations {
	if tell == nil {
		tell = func(RegistrationChanged) {}
	}
	return &Registrations{cfg: cfg, send: send, tell: tell, now: time.Now, all: map[regKey]*record{}, of: map[string]map[regKey]bool{}, watches: map[string]*watch{}}
}

// List returns what is known, by user; with a user only his.
func (r *Registrations) List(user string) []Registration {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := []Registration{}
	if user != "" {
		for k := range r.of[sh.Canonical(user)] {
			out = append(out, r.all[k].at(r.now()))
		}
	} else {
		for _, rec := range r.all {
			out = append(out, rec.at(r.now()))
		}
	}
	slices.SortFunc(out, func(a, b Registration) int {
		if c := compare(a.User, b.User); c != 0 {
			return c
		}
		return compare(a.SCSCF, b.SCSCF)
	})
	return out
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Find returns the registration that counts for an identity: at the S-CSCF that has him registered, the newest of several; else the
// newest that says that he is not.
func (r *Registrations) Find(identity string) (best Registration, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k := range r.of[sh.Canonical(identity)] {
		one := r.all[k].at(r.now())
		if !ok || one.Registered != best.Registered && one.Registered || one.Registered == best.Registered && one.Told.After(best.Told) {
			best, ok = one, true
		}
	}
	return best, ok
}

// at is the registration as it is at a time.
func (rec *record) at(now time.Time) Registration {
	g := rec.Registration
	g.Identities, g.Contacts = slices.Clone(g.Identities), slices.Clone(g.Contacts)
	if g.Registered && !g.Expires.IsZero() && !now.Before(g.Expires) {
		g.Registered, g.Since, g.Told = false, g.Expires, g.Expires
	}
	if w := rec.watch; w != nil {
		g.Subscription, g.Version = w.state, w.version
	}
	return g
}

// file enters a record under its identities. The lock is held.
func (r *Registrations) file(rec *record) {
	k := keyOf(rec.User, rec.SCSCF)
	r.all[k] = rec
	for _, id := range append([]string{rec.User}, rec.Identities...) {
		id = sh.Canonical(id)
		if r.of[id] == nil {
			r.of[id] = map[regKey]bool{}
		}
		r.of[id][k] = true
	}
}

// unfile takes a record out. The lock is held.
func (r *Registrations) unfile(rec *record) {
	k := keyOf(rec.User, rec.SCSCF)
	delete(r.all, k)
	for _, id := range append([]string{rec.User}, rec.Identities...) {
		id = sh.Canonical(id)
		if delete(r.of[id], k); len(r.of[id]) == 0 {
			delete(r.of, id)
		}
	}
}

// put replaces what is known by a change of it, and says so. The lock is held; what is returned is to be told after it.
func (r *Registrations) put(rec *record, why string, change func(*Registration)) RegistrationChanged {
	before, known := rec.at(r.now()), r.all[keyOf(rec.User, rec.SCSCF)] == rec
	if known {
		r.unfile(rec)
	}
	change(&rec.Registration)
	rec.Told = r.now()
	if rec.Registered != before.Registered || !known {
		rec.Since = rec.Told
	}
	r.file(rec)
	return RegistrationChanged{rec.at(r.now()), before.Registered, why}
}

// Tick ends what has expired, forgets who left long ago, and keeps the subscriptions alive.
func (r *Registrations) Tick() {
	r.mu.Lock()
	now := r.now()
	var news []RegistrationChanged
	for _, rec := range slices.Collect(maps.Values(r.all)) {
		switch {
		case rec.Registered && !rec.Expires.IsZero() && !now.Before(rec.Expires):
			news = append(news, r.put(rec, "expired", func(g *Registration) { g.Registered, g.Contacts = false, nil }))
		case !rec.Registered && now.Sub(rec.Told) > r.cfg.Forget:
			r.drop(rec.watch)
			r.unfile(rec)
		}
	}
	due := r.dueWatches(now)
	r.mu.Unlock()
	for _, n := range news {
		r.tell(n)
	}
	for _, w := range due {
		r.subscribe(w)
	}
}
