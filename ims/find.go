package ims

import (
	"context"
	"errors"
	"net/netip"
	"strings"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/sip"
)

// Found is the event that a look-up of Find brings. A nil Subscriber says that no source knows the user.
type Found struct {
	Query      Query
	Subscriber *Subscriber
}

// Find looks a subscriber of the call up, beside the call: return b2bua.Hold with it. Found then comes to the same App, and
// Pass sends the held event on. When the sources fail there is no Found: the App gets its default handling from the
// catalogue. What later events need of the Subscriber the App keeps with Step.Save.
func Find(s *b2bua.Step, from Source, q Query) {
	s.Go(func(ctx context.Context) b2bua.Event {
		sub, err := from.Load(ctx, q)
		switch {
		case errors.Is(err, ErrNotFound):
			return Found{Query: q}
		case err != nil:
			return nil
		}
		return Found{q, sub}
	})
}

// Callee returns the identity that is called: the Request-URI, or To where the Request-URI only tells an address, as that of
// a phone that sends its calls to us does.
func Callee(d *b2bua.Draft) Query {
	q := Query{By: ByIMPU, Value: d.RequestURI}
	u, err := sip.ParseURI([]byte(d.RequestURI))
	if err != nil || !u.IsSIP() {
		return q
	}
	if _, err := netip.ParseAddr(strings.Trim(string(u.Host), "[]")); err != nil {
		return q
	}
	if to, err := sip.ParseAddress([]byte(d.Header("To"))); err == nil {
		q.Value = string(to.URI)
	}
	return q
}
