package b2bua

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"regexp"
	"time"

	"github.com/bifrons/bifrons/b2bua/audit"
	"github.com/bifrons/bifrons/b2bua/cdr"
	"github.com/bifrons/bifrons/b2bua/trace"
	"github.com/bifrons/bifrons/internal/leak"
	"github.com/bifrons/bifrons/media"
	"github.com/bifrons/bifrons/sip"
	"github.com/bifrons/bifrons/sip/digest"
	"github.com/bifrons/bifrons/sip/locate"
	"github.com/bifrons/bifrons/sip/registrar"
)

// Config is what a Server is made of. DefaultConfig gives the values of the standards.
type Config struct {
	Sides    []*Side
	Routes   []Route
	Policies []Pair  // the first that fits a pair of sides; none: Home between home sides, else untrusted
	Home     *Policy // nil: trusted

	Apps map[string]Link // what the chains of the sides name

	Users     map[string]User      // who may prove by digest who they are, by name
	Registrar *registrar.Registrar // nil: no side has one

	Timers      sip.Timers
	MaxForwards int      // of requests of our own, and of an INVITE that has none
	Calls       Bound    // of all calls; one more gets 503
	Emergency   []string // numbers whose calls are exempt from limits
	Priority    []string // values and namespaces of Resource-Priority that are, from a side at home
	Overload    Overload
	StepLimit   time.Duration // how long an App may hold the call's goroutine
	Audit       leak.Mode     // of every message that goes out

	Resolver Resolver // of names of next hops, Routes and Contacts; nil finds none

	Anchor bool // media through our own ports; else descriptions cross with the parties' addresses
	Media  Media
	CDR    cdr.Sink
	Trace  *trace.Buffer // keeps the last messages; nil keeps none
	Copies Copies        // gets a copy of every message of a call; nil sends none
	Store  Store         // nil keeps no snapshots

	Elder  *Server  // that this one takes the place of, with its key, clock and counters; nil: none
	Key    [16]byte // of the identifiers; a restored call needs the key it was made with
	Node   uint16
	Clock  Clock
	Random func() uint64
	Log    *slog.Logger
	Detail *slog.Logger // of calls that somebody looks for (Spot), at level Debug; nil tells nothing
}

// DefaultConfig returns the standards' values, without sides.
func DefaultConfig() Config {
	return Config{Timers: sip.DefaultTimers(), MaxForwards: 70, StepLimit: 500 * time.Millisecond, Audit: leak.Count}
}

// Media is what carries speech: a relay of port pairs. Commands never block and are obeyed in order per port.
type Media interface {
	// Open takes a pair of ports.
	Open(media.Place) (media.Port, error)
	Do(media.Command)
	Close(media.PortID) media.Stats
}

// Copies takes messages of calls, for a collector; it must not block, nor keep the message.
type Copies interface{ Note(*trace.Message) }

// Clock tells the time; it is injected so that hours pass in a test at once.
type Clock interface {
	// Now is monotonic, from any start.
	Now() time.Duration
	// Wall is for people and for other nodes.
	Wall() time.Time
}

// Trust is how far the network of a side may be believed.
type Trust uint8

// The degrees of trust.
const (
	Untrusted Trust = iota
	Partner
	Home
)

// Conn sends datagrams from one local address; it never blocks.
type Conn interface {
	Send(b []byte, to netip.AddrPort) error
}

// NamedConn is a Conn that makes sure of a server's name, as one over TLS does.
type NamedConn interface {
	SendTo(b []byte, to netip.AddrPort, name string) error
}

// send sends a message to a server that was found by a name, or ("") is known by its address.
func (l *Local) send(b []byte, to netip.AddrPort, name string) error {
	if name != "" && l.Transport == sip.TLS {
		if n, ok := l.Conn.(NamedConn); ok {
			return n.SendTo(b, to, name)
		}
	}
	return l.Send(b, to)
}

// Local is one address of ours on a side.
type Local struct {
	Conn
	Addr      netip.AddrPort
	Advertise string // host:port that stands in Via and Contact
	Transport sip.Transport

	side   *Side
	number uint8
	lag    lag
}

// Side is a network we face.
type Side struct {
	Name            string
	Locals          []*Local
	Domain          string // host of From and To of our own
	Trust           Trust
	NextHop         NextHop
	Apps            []string       // the chain of calls that come in here
	FollowRedirect  bool           // dial the Contact of a 3xx of this side, else it is a failure
	Allow           []netip.Prefix // who may send: these networks, peers with a certificate of these names, and those users;
	AllowNames      []string       // in lower case;
	AllowUsers      []string       // "*" is every user; none of the three: everybody
	RefuseStrangers bool           // others get 403, once a second at most; else nothing
	In, Out         Bound          // of the calls that come from the side, and of those that go there
	Digest          Digest
	Registers       bool // REGISTER is obeyed here
	Trunks          []Trunk
	Logins          []Login // who we are for those that challenge us
	UDPOnly         bool    // no request changes to TCP because it is large
	MaxDatagram     int     // bytes from which on one does; 0: as the MTU of the path says, else 1300 (RFC 3261 18.1.1)
	Media           netip.Addr
	MediaAdvertise  netip.Addr // shown in descriptions instead of Media when valid
	MediaLatch      media.Latch
	MediaDSCP       uint8        // marks what is sent to the parties
	allow           string       // the Allow line
	Transfer        TransferMode // of its parties' REFER, and INVITE with Replaces
	Keys            Keys
	Codecs          []string      // that Bifrons answers with, best first; none: all that it speaks, in the party's order
	Liveness        Liveness      // of confirmed legs; the zero value watches nothing
	Targets         []Target      // several next hops; NextHop then is not used
	Outside         Outside       // answers what belongs to no call; nil: the server
	Subscribes      bool          // Outside takes SUBSCRIBE
	Originator      Originator    // in whose name our own calls leave; nil: they have a From, and go by the routes
	FirstWord       time.Duration // how long Apps together may hold an INVITE before anything above 100 was said; 0 is no bound
	Health          Health        // of the targets

	served locate.Served // transports and IP versions of the Locals
	goals  []*goal
	in     *gate
	out    *gate
	trunks []*trunk
	names  leak.Set // of ours, that are no secret there
	common leak.Set // those of them that all sides know

	verifier *digest.Verifier // of its users
	public   audit.Public     // what of its parties' headers is no secret anywhere
}

// Liveness is how a confirmed leg is watched. 0 switches a part off; in a Watch effect it leaves the part as it is, and less
// than 0 switches it off.
type Liveness struct {
	Every   time.Duration // between OPTIONS in the dialog
	Timeout time.Duration // of one
	Strikes int           // that end the leg

	Expires    time.Duration // session interval to ask for (RFC 4028); 0 runs no session timer
	MinExpires time.Duration // shortest one to agree to
	Refresher  Refresher
	Refresh    Refresh

	Silence     time.Duration // without RTP and RTCP of a party while speech goes both ways
	HoldSilence time.Duration // while it does not
	MaxDuration time.Duration // since the answer
}

// Refresher is who shall refresh a session when the choice is ours (RFC 4028 9).
type Refresher uint8

// The party is the default: behind an S-CSCF it is the telephone's task.
const (
	PreferRemote Refresher = iota + 1
	PreferLocal
)

// Refresh is the request that refreshes a session.
type Refresh uint8

// ByUpdate is the default, and a re-INVITE for those who do not allow UPDATE.
const (
	ByUpdate Refresh = iota + 1
	ByInvite
)

// DefaultLiveness probes every 30 seconds and runs session timers of half an hour; silence and duration end nothing.
func DefaultLiveness() Liveness {
	return Liveness{Every: 30 * time.Second, Timeout: 2 * time.Second, Strikes: 3, Expires: 30 * time.Minute, MinExpires: 90 * time.Second,
		Refresher: PreferRemote, Refresh: ByUpdate}
}

// Target is one of several next hops of a side. The lowest priority goes first; targets of the same share calls by weight, as in
// RFC 2782.
type Target struct {
	NextHop
	Priority, Weight int
}

// Health is how targets are judged. DefaultHealth gives the values of every day.
type Health struct {
	Try     time.Duration // without any response the next target gets the INVITE; behind an S-CSCF it ends there
	Ping    time.Duration // between OPTIONS to each of several targets; 0 sends none
	Timeout time.Duration // of one
	Strikes int           // failures in a row that put a target down
	Recover time.Duration // from the first sign of life to a full share of calls
}

// DefaultHealth tries a target for two seconds and pings it every ten.
func DefaultHealth() Health {
	return Health{Try: 2 * time.Second, Ping: 10 * time.Second, Timeout: 2 * time.Second, Strikes: 2, Recover: 30 * time.Second}
}

// NextHop is where requests of a side go when no Route says it: the host that stands in their Request-URI and its address. Without
// one the host is a name, which is looked up (RFC 3263).
type NextHop struct {
	Host      string // host or host:port
	Addr      netip.AddrPort
	Transport sip.Transport
	Told      bool // with a name: the transport is meant; else DNS says it, and Transport is for where that says nothing

	Registered bool // of a route: where the called party is registered; the route fits only who is
}

// Route sends calls of a side on; the first that fits wins.
type Route struct {
	From    string // side, "" any
	User    *regexp.Regexp
	Host    *regexp.Regexp
	Header  string
	Value   *regexp.Regexp
	To      string
	NextHop NextHop  // zero: that of the side
	Rewrite *Rewrite // nil leaves the numbers as they are
	Bound   Bound    // of the calls that go this way

	gate   *gate // nil: no limit
	number uint16
}

// Pair names the policy of what crosses from one side to another; "" fits any side.
type Pair struct {
	From, To string
	Policy   *Policy
}

// Link is an App in the catalogue with its version and default handling.
type Link struct {
	App       App
	Version   string
	OnFailure OnFailure
	Deadline  time.Duration // of a Hold; 0 means 5 s
}

// OnFailure is the default handling of an App that panics, hangs or does not answer, as an S-CSCF does (TS 24.229 5.4.3.2).
type OnFailure uint8

// Continue goes on without the App, Terminate ends the call with a 500.
const (
	Continue OnFailure = iota
	Terminate
)

func (cfg *Config) validate() error {
	if len(cfg.Sides) == 0 {
		return errors.New("b2bua: no side to listen on")
	}
	names, targets, trunks := map[string]bool{}, 0, 0
	for _, s := range cfg.Sides {
		if names[s.Name] || len(s.Locals) == 0 {
			return fmt.Errorf("b2bua: side %q is named twice or has no address", s.Name)
		}
		names[s.Name] = true
		if targets += len(s.Targets); targets > maxTargets {
			return fmt.Errorf("b2bua: side %q: more than %d targets of all sides together", s.Name, maxTargets)
		}
		if trunks += len(s.Trunks); trunks > maxTrunks {
			return fmt.Errorf("b2bua: side %q: more than %d trunks of all sides together", s.Name, maxTrunks)
		}
		for i := range s.Trunks {
			if wrong := validTrunk(&s.Trunks[i]); wrong != "" {
				return fmt.Errorf("b2bua: side %q: trunk %q: %s", s.Name, s.Trunks[i].AOR, wrong)
			}
		}
		for _, app := range s.Apps {
			if _, ok := cfg.Apps[app]; !ok {
				return fmt.Errorf("b2bua: side %q: no application %q", s.Name, app)
			}
		}
	}
	for _, r := range cfg.Routes {
		if r.From != "" && !names[r.From] || !names[r.To] {
			return fmt.Errorf("b2bua: a route from %q to %q names no side", r.From, r.To)
		}
	}
	return nil
}

// via finds the local address that a message to a destination leaves from: one of the same family and transport.
func (s *Side) via(to netip.AddrPort, t sip.Transport) *Local {
	best := s.Locals[0]
	for i, l := range s.Locals {
		switch {
		case l.Addr.Addr().Is4() != to.Addr().Unmap().Is4():
		case l.Transport == t:
			return l
		case i == 0 || best.Addr.Addr().Is4() != to.Addr().Unmap().Is4():
			best = l
		}
	}
	return best
}

// owns tells whether host:port is one of the side's own addresses.
func (s *Side) owns(host []byte, port uint16) bool {
	if port == 0 {
		port = 5060
	}
	addr, _ := netip.ParseAddr(string(trimBrackets(host)))
	for _, l := range s.Locals {
		if addr.IsValid() && netip.AddrPortFrom(addr, port) == l.Addr {
			return true
		}
		if h, p := splitHostPort([]byte(l.Advertise)); p == port && string(h) == string(host) {
			return true
		}
	}
	return false
}
