package diameter

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/bifrons/bifrons/diameter/dict"
)

// Config is everything an Endpoint needs to know.
type Config struct {
	// OriginHost is our Diameter identity: a name, whole and stable; it is the key of everything a peer keeps about us.
	OriginHost  string `yaml:"origin_host"`
	OriginRealm string `yaml:"origin_realm"`
	// Product is the Product-Name of CER and CEA.
	Product string `yaml:"product"`
	// HostAddresses are told as Host-IP-Address; empty means the local address of each connection.
	HostAddresses []netip.Addr  `yaml:"host_addresses"`
	Applications  []Application `yaml:"applications"`
	// Peers are dialled. A peer that dials us needs no entry when AcceptUnknown is set.
	Peers         []PeerConfig `yaml:"peers"`
	AcceptUnknown bool         `yaml:"accept_unknown"`

	// Watchdog is Tw of RFC 3539 3.4.1, at least 6 s; each period has a jitter of 2 s.
	Watchdog time.Duration `yaml:"watchdog"`
	// ConnectTimeout bounds TCP, TLS and the capabilities exchange together.
	ConnectTimeout time.Duration `yaml:"connect_timeout"`
	// RequestTimeout is for a request whose context has no deadline of its own.
	RequestTimeout time.Duration `yaml:"request_timeout"`
	// AttemptTimeout is how long one peer may be silent about a request before another peer is asked too.
	AttemptTimeout time.Duration `yaml:"attempt_timeout"`
	WriteTimeout   time.Duration `yaml:"write_timeout"`
	// ReconnectMin and ReconnectMax bound the back-off between two dials.
	ReconnectMin time.Duration `yaml:"reconnect_min"`
	ReconnectMax time.Duration `yaml:"reconnect_max"`

	// MaxMessage is the largest message read; a larger one is skipped and refused.
	MaxMessage int `yaml:"max_message"`
	// MaxInFlight bounds, per connection, our unanswered requests and the peer's.
	MaxInFlight int `yaml:"max_in_flight"`
	// MaxConnections bounds the connections that peers may open to us.
	MaxConnections int `yaml:"max_connections"`

	// Dial opens the connection to a peer; nil means TCP. Tests put a network of their own here.
	Dial func(ctx context.Context, network, address string) (net.Conn, error) `yaml:"-"`
	// PeerChanged is told each time a peer becomes usable or ceases to be; it must not block.
	PeerChanged func(PeerEvent) `yaml:"-"`
}

// Application is one that we advertise and accept.
type Application struct {
	ID     uint32 `yaml:"id"`
	Vendor uint32 `yaml:"vendor"`
}

// PeerConfig is a peer that we dial.
type PeerConfig struct {
	// Host is the peer's Origin-Host; empty accepts whoever answers at the address.
	Host    string `yaml:"host"`
	Address string `yaml:"address"`
	// Realms are served by the peer besides the one that it tells in its CEA.
	Realms []string `yaml:"realms"`
	// TLS is nil for plain TCP. Certificates are always verified.
	TLS *TLSConfig `yaml:"tls"`
	// Priority: the lowest is asked first. Weight: the share among peers of one priority.
	Priority int `yaml:"priority"`
	Weight   int `yaml:"weight"`
}

// PeerEvent tells that a peer's state changed.
type PeerEvent struct {
	Host string
	// Up: requests go there from now on.
	Up bool
	// Restarted: its Origin-State-Id grew, so it has lost the state it had (RFC 6733 8.16).
	Restarted bool
}

// DefaultConfig returns the settings that need no thought; identity, realm and peers are to be added.
func DefaultConfig() Config {
	return Config{
		Product:        "Bifrons",
		Applications:   []Application{{ID: dict.Sh, Vendor: dict.Vendor3GPP}},
		Watchdog:       30 * time.Second,
		ConnectTimeout: 5 * time.Second,
		RequestTimeout: 5 * time.Second,
		AttemptTimeout: 1500 * time.Millisecond,
		WriteTimeout:   5 * time.Second,
		ReconnectMin:   500 * time.Millisecond,
		ReconnectMax:   30 * time.Second,
		MaxMessage:     1 << 20,
		MaxInFlight:    2048,
		MaxConnections: 256,
	}
}

// Validate tells the first setting that cannot work.
func (c *Config) Validate() error {
	if c.OriginHost == "" || c.OriginRealm == "" {
		return errors.New("diameter needs origin_host and origin_realm")
	}
	if len(c.Applications) == 0 {
		return errors.New("diameter needs an application")
	}
	// RFC 3539 3.4.1: Tw must not be set lower than 6 seconds.
	if c.Watchdog < 6*time.Second {
		return fmt.Errorf("watchdog %s is below the 6s of RFC 3539", c.Watchdog)
	}
	for _, d := range []struct {
		name string
		d    time.Duration
	}{
		{"connect_timeout", c.ConnectTimeout}, {"request_timeout", c.RequestTimeout},
		{"attempt_timeout", c.AttemptTimeout}, {"write_timeout", c.WriteTimeout},
		{"reconnect_min", c.ReconnectMin}, {"reconnect_max", c.ReconnectMax},
	} {
		if d.d <= 0 {
			return fmt.Errorf("%s must be more than zero", d.name)
		}
	}
	if c.ReconnectMax < c.ReconnectMin {
		return errors.New("reconnect_max is below reconnect_min")
	}
	if c.MaxMessage < 1024 || c.MaxMessage > maxLength {
		return fmt.Errorf("max_message must be between 1024 and %d", maxLength)
	}
	if c.MaxInFlight < 1 || c.MaxConnections < 1 {
		return errors.New("max_in_flight and max_connections must be at least 1")
	}
	seen := make(map[string]bool)
	for i, p := range c.Peers {
		if err := p.validate(); err != nil {
			return fmt.Errorf("peer %d: %w", i+1, err)
		}
		if p.Host != "" && seen[p.Host] {
			return fmt.Errorf("peer %d: host %s stands twice; one peer has one connection", i+1, p.Host)
		}
		seen[p.Host] = true
	}
	return nil
}

func (p *PeerConfig) validate() error {
	if _, _, err := net.SplitHostPort(p.Address); err != nil {
		return fmt.Errorf("address %q: %w", p.Address, err)
	}
	if p.Weight < 0 {
		return errors.New("weight is negative")
	}
	if p.TLS != nil && p.TLS.ServerName == "" && p.Host == "" {
		return errors.New("tls needs host or server_name to verify the certificate")
	}
	return nil
}
