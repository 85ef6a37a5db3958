package hss

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/sh"
)

// Fault makes answers wrong, late or missing. The first fault that fits a request is the one that happens.
type Fault struct {
	// Command is UDR, PUR, SNR or empty for all.
	Command string `yaml:"command" json:"command,omitempty"`
	// Identity and Host are patterns with * for the user and the application server; empty fits all.
	Identity string `yaml:"identity" json:"identity,omitempty"`
	Host     string `yaml:"host" json:"host,omitempty"`
	// Times is how often it happens; zero is for ever.
	Times int `yaml:"times" json:"times,omitempty"`

	// Delay holds the answer back.
	Delay Duration `yaml:"delay" json:"delay,omitempty"`
	// Drop sends none, Close ends the connection.
	Drop  bool `yaml:"drop" json:"drop,omitempty"`
	Close bool `yaml:"close" json:"close,omitempty"`
	// Result is answered in Result-Code, Experimental in Experimental-Result.
	Result       uint32 `yaml:"result" json:"result,omitempty"`
	Experimental uint32 `yaml:"experimental" json:"experimental,omitempty"`
}

// Duration is a time.Duration that is text in YAML and JSON.
type Duration time.Duration

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalYAML implements yaml.InterfaceUnmarshaler, for speed; see PublicIdentity.
func (d *Duration) UnmarshalYAML(read func(any) error) error { return readText(read, d) }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(b []byte) error {
	x, err := time.ParseDuration(string(b))
	*d = Duration(x)
	return err
}

func (f *Fault) validate() error {
	switch f.Command {
	case "", "UDR", "PUR", "SNR":
	default:
		return fmt.Errorf("command %q is none of UDR, PUR, SNR", f.Command)
	}
	for _, p := range []string{f.Identity, f.Host} {
		if _, err := path.Match(p, ""); err != nil {
			return fmt.Errorf("pattern %q: %w", p, err)
		}
	}
	if f.Times < 0 || f.Delay < 0 {
		return errors.New("times and delay cannot be negative")
	}
	if f.Delay == 0 && !f.Drop && !f.Close && f.Result == 0 && f.Experimental == 0 {
		return errors.New("nothing is to happen")
	}
	return nil
}

func (f *Fault) fits(command string, id sh.Identity, host string) bool {
	return (f.Command == "" || f.Command == command) && matches(f.Identity, id.String()) && matches(f.Host, host)
}

// matches is path.Match with a * that goes over slashes: identities have parameters with any character.
func matches(pattern, s string) bool {
	if pattern == "" || pattern == "*" {
		return true
	}
	ok, _ := path.Match(pattern, strings.ReplaceAll(s, "/", "_"))
	return ok
}

// faults are the scripted faults; they have a lock of their own.
type faults struct {
	mu   sync.Mutex
	list []Fault
}

func (s *faults) set(list []Fault) {
	s.mu.Lock()
	s.list = append([]Fault(nil), list...)
	s.mu.Unlock()
}

func (s *faults) get() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Fault{}, s.list...)
}

// take returns the fault that happens to a request, and counts it.
func (s *faults) take(command string, id sh.Identity, host string) (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.list {
		f := s.list[i]
		if !f.fits(command, id, host) {
			continue
		}
		if f.Times > 0 {
			if s.list[i].Times--; s.list[i].Times == 0 {
				s.list = append(s.list[:i], s.list[i+1:]...)
			}
		}
		return f, true
	}
	return Fault{}, false
}

// error returns the result that the fault answers with, nil if it only delays.
func (f *Fault) error() error {
	switch {
	case f.Experimental != 0:
		return experimental(f.Experimental, "scripted fault")
	case f.Result != 0 && f.Result != uint32(diameter.Success):
		return &sh.Error{Code: f.Result, Message: "scripted fault"}
	}
	return nil
}
