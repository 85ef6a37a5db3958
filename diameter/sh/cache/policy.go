package cache

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bifrons/bifrons/diameter/sh"
)

// Policy is what a caller gets when the HSS does not answer.
type Policy struct {
	// MaxStale: data up to this age will do; zero means none.
	MaxStale time.Duration
	// Default is given when there are no such data; nil means an error.
	Default *sh.Data
	// Wait bounds how long the caller waits for the HSS before its policy applies; zero leaves it to the context.
	Wait time.Duration
}

// Stale lets data serve up to an age.
func Stale(d time.Duration) Policy { return Policy{MaxStale: d} }

// Default lets a default serve.
func Default(d *sh.Data) Policy { return Policy{Default: d} }

// Reject lets nothing serve but what the HSS said.
func Reject() Policy { return Policy{} }

// ParsePolicy reads "stale 10m", "default" or "reject", as it stands in a configuration. The default itself is the
// caller's.
func ParsePolicy(s string, def *sh.Data) (Policy, error) {
	word, rest, _ := strings.Cut(strings.TrimSpace(s), " ")
	switch word {
	case "stale":
		d, err := time.ParseDuration(strings.TrimSpace(rest))
		if err != nil || d <= 0 {
			return Policy{}, fmt.Errorf("policy %q: stale needs a time, such as stale 10m", s)
		}
		return Stale(d), nil
	case "default":
		if rest != "" || def == nil {
			return Policy{}, fmt.Errorf("policy %q: there is no default", s)
		}
		return Default(def), nil
	case "reject":
		if rest == "" {
			return Reject(), nil
		}
	}
	return Policy{}, fmt.Errorf("policy %q is none of stale TIME, default, reject", s)
}

// Config is the cache's settings.
type Config struct {
	// Size bounds the entries; the least recently used one goes.
	Size int `yaml:"size"`
	// TTL is how long data stay fresh that no subscription keeps fresh.
	TTL time.Duration `yaml:"ttl"`
	// NegativeTTL is how long an unknown user stays unknown.
	NegativeTTL time.Duration `yaml:"negative_ttl"`
	// RetryAfter is how long a failed fetch is not repeated.
	RetryAfter time.Duration `yaml:"retry_after"`
	// FetchTimeout bounds a fetch, whoever waits for it.
	FetchTimeout time.Duration `yaml:"fetch_timeout"`
	// Subscribe keeps what can be notified fresh by notifications.
	Subscribe bool `yaml:"subscribe"`
	// SubscribeFor is the expiry asked for; zero asks for none.
	SubscribeFor time.Duration `yaml:"subscribe_for"`
	// Features are sent with every request.
	Features []sh.Features `yaml:"-"`
}

// DefaultConfig returns settings for a server of some hundred thousand users.
func DefaultConfig() Config {
	return Config{
		Size: 200_000, TTL: 30 * time.Second, NegativeTTL: 10 * time.Second, RetryAfter: time.Second,
		FetchTimeout: 5 * time.Second, Subscribe: true, SubscribeFor: time.Hour,
	}
}

// Validate tells the first setting that cannot work.
func (c *Config) Validate() error {
	if c.Size < 1 {
		return errors.New("cache size must be at least 1")
	}
	for _, d := range []time.Duration{c.TTL, c.NegativeTTL, c.RetryAfter, c.FetchTimeout} {
		if d <= 0 {
			return errors.New("cache times must be more than zero")
		}
	}
	if c.SubscribeFor != 0 && c.SubscribeFor < time.Minute {
		return errors.New("subscribe_for must be zero or at least 1m")
	}
	return nil
}
