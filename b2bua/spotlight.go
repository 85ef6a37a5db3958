package b2bua

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bifrons/bifrons/sip"
)

// maxSpotlights bounds the numbers whose calls are told in detail.
const maxSpotlights = 64

// Spotlight is a number whose new calls tell what they do, message by message, until a time.
type Spotlight struct {
	Number string    `json:"number"` // user part of From, To or the Request-URI, or a tel number
	Until  time.Time `json:"until"`
}

// spotlights are those of all generations.
type spotlights struct {
	mu  sync.Mutex
	on  []Spotlight
	any atomic.Bool
}

// Spot switches the detail of a number's calls on for some time, or off with 0. It returns false when too many are on.
func (s *Server) Spot(number string, d time.Duration) bool {
	now := s.cfg.Clock.Wall()
	l := s.spots
	l.mu.Lock()
	defer l.mu.Unlock()
	l.on = slices.DeleteFunc(l.on, func(o Spotlight) bool { return o.Number == number || !now.Before(o.Until) })
	defer func() { l.any.Store(len(l.on) > 0) }()
	if d <= 0 {
		return true
	}
	if len(l.on) >= maxSpotlights {
		return false
	}
	l.on = append(l.on, Spotlight{Number: number, Until: now.Add(d)})
	return true
}

// Spotlights returns the numbers whose calls are told in detail now.
func (s *Server) Spotlights() []Spotlight {
	now := s.cfg.Clock.Wall()
	s.spots.mu.Lock()
	defer s.spots.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.spots.on), func(o Spotlight) bool { return !now.Before(o.Until) })
}

// spot lets a new call tell what it does if its caller or callee is looked for.
func (c *Call) spot(m *sip.Message) {
	if !c.srv.spots.any.Load() || c.srv.cfg.Detail == nil {
		return
	}
	users := []string{userOf(m.RequestURI)}
	for _, id := range []sip.HeaderID{sip.HdrFrom, sip.HdrTo} {
		if a, err := sip.ParseAddress(m.Get(id)); err == nil {
			users = append(users, userOf(a.URI))
		}
	}
	for _, o := range c.srv.Spotlights() {
		if slices.Contains(users, o.Number) {
			c.detail = c.srv.cfg.Detail.With("call", c.ID, "callid", string(m.Get(sip.HdrCallID)), "icid", icid(m.Get(sip.HdrPChargingVector)))
			return
		}
	}
}

// userOf is the user part of a SIP URI, or the number of a tel URI.
func userOf(uri []byte) string {
	u, err := sip.ParseURI(uri)
	if err != nil {
		return ""
	}
	if u.IsSIP() {
		user, _, _ := strings.Cut(string(u.User), ";")
		return user
	}
	user, _, _ := cutParams(u.Opaque)
	return string(user)
}

// detailed logs a step of a call that is told in detail.
func (c *Call) detailed(what string, attrs ...any) {
	if c.detail != nil {
		c.detail.Log(c.srv.ctx, slog.LevelDebug, what, attrs...)
	}
}

// firstLine of a message, for people.
func firstLine(b []byte) string {
	line, _, _ := strings.Cut(string(b[:min(len(b), 300)]), "\r\n")
	return line
}
