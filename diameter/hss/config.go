package hss

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/sh"
)

// Config is the simulator's configuration file.
type Config struct {
	OriginHost  string `yaml:"origin_host"`
	OriginRealm string `yaml:"origin_realm"`
	// Listen is the Diameter address; TLS makes it a TLS listener.
	Listen string              `yaml:"listen"`
	TLS    *diameter.TLSConfig `yaml:"tls"`
	// HTTP is the address of the API; empty for none. It has no authentication: keep it on loopback.
	HTTP string `yaml:"http"`
	// Watchdog is Tw of RFC 3539.
	Watchdog time.Duration `yaml:"watchdog"`
	// Peers are relays to dial; application servers dial us.
	Peers []diameter.PeerConfig `yaml:"peers"`
	// ApplicationServers is the permission list; empty lets any application server do anything.
	ApplicationServers []ApplicationServer `yaml:"application_servers"`
	// MaxServiceData is the largest transparent data of one service; more is 5008.
	MaxServiceData int `yaml:"max_service_data"`
	// MaxSubscription bounds how long a subscription lasts; zero leaves it to the application server.
	MaxSubscription time.Duration `yaml:"max_subscription"`
	Subscribers     []*Subscriber `yaml:"subscribers"`
	Faults          []Fault       `yaml:"faults"`
}

// ApplicationServer says what one application server may do (TS 29.328 annex E: the AS permissions list).
type ApplicationServer struct {
	// Host is the Origin-Host, or "*" for every other one.
	Host string `yaml:"host"`
	// Read, Update and Notify list references by name or number, or hold "all".
	Read   []string `yaml:"read"`
	Update []string `yaml:"update"`
	Notify []string `yaml:"notify"`
}

// DefaultConfig returns a simulator for a machine of one's own: loopback, everything permitted, no subscribers.
func DefaultConfig() Config {
	return Config{
		OriginHost: "hss.ims.example", OriginRealm: "ims.example", Listen: "127.0.0.1:3868", HTTP: "127.0.0.1:8092",
		Watchdog: diameter.DefaultConfig().Watchdog, MaxServiceData: 64 << 10,
	}
}

//go:embed sample.yaml
var sample []byte

// Sample returns a simulator with a few subscribers, as docs/hss.md shows it: alice, bob, a conference and rooms.
func Sample() Config {
	c, err := Parse(sample)
	if err != nil {
		panic(fmt.Sprintf("hss sample: %v", err)) // a test reads it
	}
	return c
}

// Load reads a configuration file; what it does not say is as in DefaultConfig.
func Load(path string) (Config, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("read hss configuration: %w", err)
	}
	c, err := Parse(b)
	if err != nil {
		return Config{}, fmt.Errorf("read %s: %w", path, err)
	}
	return c, nil
}

// Parse reads a configuration. An unknown key is an error.
func Parse(b []byte) (Config, error) {
	c := DefaultConfig()
	if err := yaml.UnmarshalWithOptions(b, &c, yaml.Strict()); err != nil {
		return Config{}, errors.New(yaml.FormatError(err, false, true))
	}
	return c, c.Validate()
}

// Validate tells the first setting that cannot work.
func (c *Config) Validate() error {
	if c.OriginHost == "" || c.OriginRealm == "" {
		return errors.New("hss needs origin_host and origin_realm")
	}
	if c.MaxServiceData < 1 {
		return errors.New("max_service_data must be at least 1")
	}
	if _, err := newPermissions(c.ApplicationServers); err != nil {
		return err
	}
	s := newStore()
	for i, sub := range c.Subscribers {
		if err := s.put(sub); err != nil {
			return fmt.Errorf("subscriber %d: %w", i+1, err)
		}
	}
	for i := range c.Faults {
		if err := c.Faults[i].validate(); err != nil {
			return fmt.Errorf("fault %d: %w", i+1, err)
		}
	}
	return nil
}

// permissions is the permission list by host; nil permits everything.
type permissions map[string]map[sh.Reference]sh.Operation

func newPermissions(list []ApplicationServer) (permissions, error) {
	if len(list) == 0 {
		return nil, nil
	}
	p := make(permissions)
	for _, as := range list {
		may := make(map[sh.Reference]sh.Operation)
		for _, o := range []struct {
			op    sh.Operation
			names []string
		}{{sh.Read, as.Read}, {sh.Update, as.Update}, {sh.Notify, as.Notify}} {
			for _, n := range o.names {
				if n == "all" {
					for _, r := range sh.References() {
						may[r] |= o.op
					}
					continue
				}
				r, ok := sh.ParseReference(n)
				if !ok {
					return nil, fmt.Errorf("application server %s: %q is no data reference", as.Host, n)
				}
				may[r] |= o.op
			}
		}
		p[as.Host] = may
	}
	return p, nil
}

// check answers with the code for reading, updating or subscribing what is not permitted.
func (p permissions) check(host string, op sh.Operation, refs []sh.Reference) error {
	if p == nil {
		return nil
	}
	may, ok := p[host]
	if !ok {
		may = p["*"]
	}
	for _, r := range refs {
		if may[r]&op == 0 {
			code := map[sh.Operation]uint32{
				sh.Read: sh.UserDataCannotBeRead, sh.Update: sh.UserDataCannotBeModified, sh.Notify: sh.UserDataCannotBeNotified,
			}[op]
			return experimental(code, r.String())
		}
	}
	return nil
}

func experimental(code uint32, message string) *sh.Error {
	return &sh.Error{Experimental: true, Code: code, Message: message}
}
