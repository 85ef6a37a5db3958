package media

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/bifrons/bifrons/internal/leak"
)

// Config are the settings of a Relay.
type Config struct {
	// Min and Max bound the local ports of every address, both inclusive: RTP on even, RTCP on odd numbers.
	Min, Max uint16
	// Most bounds the ports of all addresses together, those in quarantine and spare ones too: each takes up to three descriptors
	// of the process, and others need some. 0 leaves it to the range.
	Most int
	// Threads is the number of relay threads.
	Threads int
	// Nice is the scheduling priority of the relay threads, -20 (first) to 19. Below 0 it needs CAP_SYS_NICE; without it
	// the threads run as all others do. A packet that waits for its turn is heard, a message is not.
	Nice int
	// Quarantine is how long a closed port stays bound and drains, so that a new call never hears an old one.
	Quarantine time.Duration
	// Silence posts an event after that time without a packet from a party that may send; 0 never does.
	Silence time.Duration
	// Audit searches the RTCP that goes to one party for what the RTCP of the other has told.
	Audit leak.Mode
	// Prompts is where players get what they play; nil plays nothing.
	Prompts Prompts
	// Recordings is the directory that relative names of recordings lie in; empty is the process's own.
	Recordings string
	// Events gets what happens on ports. It is called from relay threads and beside them, and must only post. Nil drops events.
	Events func(Event)
	// Forwarder is offered streams that are steady; nil relays them all.
	Forwarder Forwarder
	// Metrics counts packets; nil counts nothing.
	Metrics *Metrics
	// Rand is the source of SSRCs, offsets, secrets and port numbers; nil is the system's secure generator.
	Rand io.Reader
}

// DefaultConfig returns one thread with priority -10, ports 16384 to 32767, two seconds of quarantine and no silence events.
func DefaultConfig() Config {
	return Config{Min: 16384, Max: 32767, Threads: 1, Nice: -10, Quarantine: 2 * time.Second}
}

// Validate tells what is wrong with the settings.
func (c *Config) Validate() error {
	switch {
	case c.Min < 1024:
		return fmt.Errorf("media: lowest port %d is below 1024", c.Min)
	case c.pairs() < 1:
		return fmt.Errorf("media: no pair of ports between %d and %d", c.Min, c.Max)
	case c.Most < 0:
		return fmt.Errorf("media: %d ports at most", c.Most)
	case c.Threads < 1 || c.Threads > 64:
		return fmt.Errorf("media: %d relay threads, want 1 to 64", c.Threads)
	case c.Nice < -20 || c.Nice > 19:
		return fmt.Errorf("media: nice %d, want -20 to 19", c.Nice)
	case c.Quarantine < 0 || c.Quarantine > time.Hour:
		return errors.New("media: quarantine must be between 0 and an hour")
	case c.Silence < 0 || c.Silence > 0 && c.Silence < 10*time.Millisecond:
		return errors.New("media: silence must be 0 or at least 10ms")
	}
	return nil
}

// first returns the lowest even port of the range.
func (c *Config) first() int { return int(c.Min) + int(c.Min)&1 }

// pairs returns how many even/odd pairs lie in the range.
func (c *Config) pairs() int { return (int(c.Max) - c.first() + 1) / 2 }
