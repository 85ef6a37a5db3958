package hss

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/bifrons/bifrons/diameter/sh"
)

// store finds subscribers by any of their identities. The Server's lock guards it.
type store struct {
	public    map[string]*record
	msisdn    map[string]*record
	external  map[string]*record
	wildcards []wildcard
	all       []*record
}

// wildcard is a wildcarded identity, ready to match.
type wildcard struct {
	id string
	re *regexp.Regexp
	r  *record
}

func newStore() *store {
	return &store{public: make(map[string]*record), msisdn: make(map[string]*record), external: make(map[string]*record)}
}

// found is what an identity leads to.
type found struct {
	*record
	// id is the public identity that the data belong to: the wildcard's for an identity that matches one.
	id    string
	wilds sh.Wildcards
}

// find looks an identity up, a distinct one before a wildcard.
func (s *store) find(i sh.Identity) (found, bool) {
	switch {
	case i.MSISDN != "":
		r := s.msisdn[i.MSISDN]
		return found{record: r, id: first(r)}, r != nil
	case i.External != "":
		r := s.external[i.External]
		return found{record: r, id: first(r)}, r != nil
	}
	id := sh.Canonical(i.Public)
	if r := s.public[id]; r != nil {
		return found{record: r, id: id}, true
	}
	for _, w := range s.wildcards {
		if w.re.MatchString(id) || w.id == i.Public {
			f := found{record: w.r, id: w.id}
			if w.r.Kind == WildcardedPSI {
				f.wilds.PSI = w.id
			} else {
				f.wilds.IMPU = w.id
			}
			return f, true
		}
	}
	return found{}, false
}

func first(r *record) string {
	if r == nil {
		return ""
	}
	return r.Public[0].ID
}

// put adds a subscriber; none of its identities may belong to another.
func (s *store) put(sub *Subscriber) error {
	r, err := newRecord(sub)
	if err != nil {
		return err
	}
	return s.insert(r)
}

func (s *store) insert(r *record) error {
	for _, p := range r.Public {
		if _, ok := s.public[p.ID]; ok {
			return fmt.Errorf("%s belongs to another subscriber", p.ID)
		}
	}
	for _, n := range r.MSISDN {
		if _, ok := s.msisdn[n]; ok {
			return fmt.Errorf("MSISDN %s belongs to another subscriber", n)
		}
	}
	for _, p := range r.Public {
		if !r.Kind.wildcarded() {
			s.public[p.ID] = r
			continue
		}
		re, err := wildcardPattern(p.ID)
		if err != nil {
			return err
		}
		s.wildcards = append(s.wildcards, wildcard{p.ID, re, r})
	}
	for _, n := range r.MSISDN {
		s.msisdn[n] = r
	}
	for _, x := range r.External {
		s.external[x] = r
	}
	s.all = append(s.all, r)
	return nil
}

func (s *store) remove(r *record) {
	for _, p := range r.Public {
		delete(s.public, p.ID)
	}
	for _, n := range r.MSISDN {
		delete(s.msisdn, n)
	}
	for _, x := range r.External {
		delete(s.external, x)
	}
	s.wildcards = slices.DeleteFunc(s.wildcards, func(w wildcard) bool { return w.r == r })
	s.all = slices.DeleteFunc(s.all, func(o *record) bool { return o == r })
}

// wildcardPattern makes an expression of an identity with a part between exclamation marks (TS 23.003 13.5).
func wildcardPattern(id string) (*regexp.Regexp, error) {
	parts := strings.Split(id, "!")
	if len(parts) != 3 {
		return nil, fmt.Errorf("wildcarded identity %q needs an expression between two exclamation marks", id)
	}
	re, err := regexp.Compile("^" + regexp.QuoteMeta(parts[0]) + "(?:" + parts[1] + ")" + regexp.QuoteMeta(parts[2]) + "$")
	if err != nil {
		return nil, fmt.Errorf("wildcarded identity %q: %w", id, err)
	}
	return re, nil
}
