package configs

import (
	"log/slog"
	"net/netip"
	"regexp"
	"time"

	"github.com/bifrons/bifrons/ims"
	"github.com/bifrons/bifrons/media/prompt"
)

// Config is one configuration file, complete: what the file left out has its
// default.
type Config struct {
	Sides       []Side             // in the order of the file
	Routes      []Route            // the first that matches wins
	Policies    []Pair             // only the pairs the file names
	Definitions []PolicyDefinition // policies of the file's own
	Audit       Audit
	Media       Media
	Prompts     prompt.Config
	Timers      Timers
	Calls       Calls
	Admin       Admin
	CDR         CDR
	Trace       Trace
	Log         Log
	DNS         DNS
	Users       []User // who can prove by digest who they are
	Diameter    Diameter
	Sh          Sh
	Subscribers []Source // asked in this order
	Menus       []Menu   // applications for callers
	IMS         ims.Config
}

// Side is a network we face.
type Side struct {
	Name      string
	Listen    []Listener
	Advertise netip.AddrPort // what stands in Via and Contact; zero: the listener's address; port 0: the listener's port
	Domain    string         // host of the From and To we write on this side
	Trust     Trust
	NextHop   Hop      // where a call goes that has neither a route nor a Route header; zero: nowhere
	Targets   []Target // several next hops; NextHop then is the first
	Health    Health
	Liveness  Liveness
	TLS       TLS
	UDPOnly   bool // send requests of any size over UDP, against RFC 3261 18.1.1
	Datagram  int  // the largest request that goes in one; 0: as the MTU of the path says
	Apps      []string
	Redirect  Redirect
	Calls     SideCalls
	Transfer  Transfer // what becomes of REFER
	Media     SideMedia
	Allow     Allow     // who may send to us
	Strangers Strangers // what others get
	Digest    Digest    // how users are asked who they are
	Registrar bool      // users and others who may send can register here

	Credentials []Credential // who we are for those that challenge us
	Trunks      []Trunk      // our registrations with others
}

// TLS has the files of a side that speaks TLS. They are read again when they change.
type TLS struct {
	Cert, Key string // our certificate with its chain, and its key (PEM)
	CA        string // authorities that may have signed those of peers; empty: those of the system
	Mutual    bool   // who connects to us must show a certificate, too
	Name      string // that the certificate of a next hop must have; empty: its address
}

// Target is one of several next hops: the lowest priority goes first, those of the same share calls by weight.
type Target struct {
	Hop
	Priority, Weight int
}

// Health says how targets are judged.
type Health struct {
	Try     time.Duration // silence that moves an INVITE on
	Ping    time.Duration // between OPTIONS to each; 0: none
	Timeout time.Duration // of one
	Strikes int           // failures in a row that put a target down
	Recover time.Duration // from the first answer to a full share of calls
}

// Liveness says how the legs of a side are watched. A duration of 0 switches its part off.
type Liveness struct {
	Probe struct {
		Every, Timeout time.Duration
		Strikes        int
	}
	Session struct {
		Expires, Min time.Duration // RFC 4028
		Refresher    Refresher
		Method       RefreshMethod
	}
	Silence     time.Duration // of a party while speech goes both ways
	HoldSilence time.Duration // while it does not
	MaxDuration time.Duration
}

// Refresher says who refreshes a session when the choice is ours.
type Refresher string

// The two refreshers.
const (
	PreferRemote Refresher = "prefer-remote"
	PreferLocal  Refresher = "prefer-local"
)

// RefreshMethod says with what we refresh a session.
type RefreshMethod string

// Update is used where the party allows it, a re-INVITE elsewhere.
const (
	Update RefreshMethod = "UPDATE"
	Invite RefreshMethod = "INVITE"
)

// Listener is one address a side receives on, written udp:192.0.2.1:5060.
type Listener struct {
	Network string         // "udp", "tcp" or "tls"
	Addr    netip.AddrPort // port 0: the kernel picks one
}

// String gives the listener as the file has it.
func (l Listener) String() string { return l.Network + ":" + l.Addr.String() }

// SideMedia says which address carries the speech of a side.
type SideMedia struct {
	Address   netip.Addr // where ports are opened
	Advertise netip.Addr // what stands in SDP
	Latch     Latch
	DTMF      DTMF
	Codecs    []string
	DSCP      int // marks packets of speech (RFC 2474)
}

// Latch says how the source of a party's speech is learnt.
type Latch string

// The three policies.
const (
	Relatch   Latch = "relatch"
	LatchOnce Latch = "latch-once"
	Strict    Latch = "strict"
)

// Transfer says what becomes of REFER, and of INVITE with Replaces, from the parties of a side.
type Transfer string

// The modes.
const (
	TransferAuto      Transfer = "auto"
	TransferTerminate Transfer = "terminate"
	TransferPass      Transfer = "pass"
	TransferReject    Transfer = "reject"
)

// DTMF says how the parties of a side send and get digits.
type DTMF string

// The ways of digits.
const (
	DTMFAuto DTMF = "auto"
	DTMFPass DTMF = "pass"
	DTMFRTP  DTMF = "rfc4733"
	DTMFInfo DTMF = "info"
)

// Trust says how far we believe what a side tells us, and what we tell it
// (RFC 3325 section 2.3 calls this the trust domain).
type Trust string

// The three grades of trust.
const (
	Home      Trust = "home"
	Partner   Trust = "partner"
	Untrusted Trust = "untrusted"
)

// Audit says what the leak audit does with a message that would tell one party a secret of another.
type Audit string

// The three modes: search nothing, count and log, or do not send and end the call.
const (
	AuditOff   Audit = "off"
	AuditCount Audit = "count"
	AuditBlock Audit = "block"
)

// Strangers says what those get who may not send to us.
type Strangers string

// Ignore sends nothing; Forbid answers requests with 403, each source once a second at most.
const (
	Ignore Strangers = "ignore"
	Forbid Strangers = "forbid"
)

// Redirect says what happens to a 3xx answer.
type Redirect string

// The two ways with a 3xx answer.
const (
	Refuse Redirect = "refuse"
	Follow Redirect = "follow"
)

// Hop is a next hop: a SIP URI as the file has it, and the address or the name in it.
type Hop struct {
	URI     string         // "registered": where the called party is registered here
	Addr    netip.AddrPort // port 5060, or 5061 for TLS, when the URI has none (RFC 3263 4.2); zero: the host is a name
	Name    string         // host, or host:port, to be looked up
	Network string         // "udp", "tcp" or "tls"
	Told    bool           // the URI names it; else DNS may say another one for a name
}

// IsZero says that there is no next hop.
func (h Hop) IsZero() bool { return h.URI == "" }

// Registered says that the way is that of the called party's registration.
func (h Hop) Registered() bool { return h.URI == "registered" }

// Route sends calls of one side to another.
type Route struct {
	From    string // side; "" is every side
	Match   Match
	To      string
	NextHop Hop // zero: the next hop of the side To
	Rewrite Rewrite
	Calls   Bound
}

// Match is what a route asks of a request; all of it must hold. A nil
// expression asks nothing. Expressions match anywhere in the text unless they
// are anchored with ^ and $.
type Match struct {
	User   *regexp.Regexp // user part of the Request-URI
	Host   *regexp.Regexp // host part of the Request-URI
	Header HeaderMatch
}

// HeaderMatch asks for a header field with a value that matches.
type HeaderMatch struct {
	Name  string // "" asks nothing
	Value *regexp.Regexp
}

// Pair names the policy that decides what crosses from one side to another.
type Pair struct {
	From, To string
	Policy   string
}

// Media says how speech is carried.
type Media struct {
	Anchor     bool // false: the parties talk to each other directly
	Ports      PortRange
	Threads    int
	Quarantine time.Duration // how long a port rests before its next call
	Silence    time.Duration // without a packet before it is told; 0: never
	Recordings string        // directory of recordings whose names are relative; "": the process's own
}

// PortRange is a range of UDP ports, both ends included: the first is even (RTP), the
// last odd (RTCP).
type PortRange struct{ First, Last uint16 }

// Timers are those of RFC 3261 section 17 and appendix A, and the limit on ringing.
type Timers struct {
	T1, T2, T4 time.Duration
	NoAnswer   time.Duration
}

// Calls are the limits on calls.
type Calls struct {
	Max         int      // calls at once; 0: no limit
	Rate        int      // new calls in any second; 0: no limit
	Emergency   []string // numbers that no limit refuses
	Priority    []string // values and namespaces of Resource-Priority that none refuses, from sides at home
	Overload    Overload
	MaxForwards int           // what a request gets that came without one
	Drain       time.Duration // how long a stopping server lets calls finish
}

// Admin is the HTTP API for people and monitors. On another address than a loopback one it needs TLS, and a token or Mutual.
type Admin struct {
	Listen    netip.AddrPort // zero: off
	TokenFile string         // file whose first line who asks must show; "": nothing
	TLS       TLS            // without Name
}

// CDR says where the record of an ended call goes.
type CDR struct {
	File     string // "": nowhere; "-": standard output
	Rotate   Rotate
	Postgres Postgres
}

// Rotate says when the file of records begins anew, and how many older ones stay; 0 is never, and all.
type Rotate struct {
	Size int64 // bytes
	Age  time.Duration
	Keep int
}

// Postgres is a database that gets the records, too; without URL there is none. Node names this server among those that share
// it; "" is the name of the machine.
type Postgres struct{ URL, Node string }

// Trace says how many of the last messages of calls are kept in memory, and who gets copies.
type Trace struct {
	Memory int64 // bytes for all calls; 0 keeps none
	Failed int64 // bytes for calls that failed
	HEP    HEP
}

// HEP is a collector of copies, such as Homer; without To there is none.
type HEP struct {
	To       string // host:port, over UDP
	Agent    int    // number of this server there
	Password string
}

// Log says what is logged, and how.
type Log struct {
	Level  slog.Level
	Format Format
}

// Format is the form of a log line.
type Format string

// The forms of a log line; Auto is text on a terminal and JSON elsewhere.
const (
	Auto Format = "auto"
	Text Format = "text"
	JSON Format = "json"
)

// DefaultConfig has every default and no side.
func DefaultConfig() Config {
	return Config{
		Audit:   AuditCount,
		Media:   Media{Anchor: true, Ports: PortRange{20000, 39999}, Threads: 1, Quarantine: 2 * time.Second, Silence: 10 * time.Second},
		Prompts: prompt.DefaultConfig(),
		Timers:  Timers{T1: 500 * time.Millisecond, T2: 4 * time.Second, T4: 5 * time.Second, NoAnswer: 3 * time.Minute},
		Calls:   Calls{MaxForwards: 70, Drain: 30 * time.Second, Overload: Overload{Target: 3 * time.Millisecond, Floor: 100}},
		Admin:   Admin{Listen: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 8070)},
		CDR:     CDR{File: "cdr.jsonl"},
		Log:     Log{Level: slog.LevelInfo, Format: Auto},

		Trace: Trace{Memory: 16 << 20, Failed: 4 << 20},

		DNS:      DefaultDNS(),
		Diameter: DefaultDiameter(),
		Sh:       DefaultSh(),
		IMS:      ims.DefaultConfig(),
	}
}

// DefaultSide has every default of a side but its listeners.
func DefaultSide(name string) Side {
	s := Side{Name: name, Trust: Untrusted, Redirect: Refuse, Transfer: TransferAuto, Strangers: Ignore, Digest: DefaultDigest(), Media: SideMedia{Latch: Relatch, DTMF: DTMFAuto},
		Health: Health{Try: 2 * time.Second, Ping: 10 * time.Second, Timeout: 2 * time.Second, Strikes: 2, Recover: 30 * time.Second}}
	l := &s.Liveness
	l.Probe.Every, l.Probe.Timeout, l.Probe.Strikes = 30*time.Second, 2*time.Second, 3
	l.Session.Expires, l.Session.Min = 30*time.Minute, 90*time.Second
	l.Session.Refresher, l.Session.Method = PreferRemote, Update
	return s
}

// Complete fills in what follows from other settings: the domain of a side and its
// media addresses, and what the source sh does not say. Load and Parse have done it.
func (c *Config) Complete() {
	for i := range c.Subscribers {
		if s := c.Subscribers[i].Sh; s != nil {
			s.inherit(c.Sh.Fallback)
		}
	}
	for i := range c.Sides {
		s := &c.Sides[i]
		if len(s.Listen) == 0 || !s.Listen[0].Addr.IsValid() {
			continue
		}
		own := s.Listen[0].Addr.Addr()
		if s.Domain == "" {
			s.Domain = host(or(s.Advertise.Addr(), own))
		}
		s.Media.Address = or(s.Media.Address, own)
		// Behind a one-to-one NAT speech is seen where signalling is seen.
		s.Media.Advertise = or(s.Media.Advertise, or(s.Advertise.Addr(), s.Media.Address))
	}
}

// Side finds a side by its name; nil when there is none.
func (c *Config) Side(name string) *Side {
	for i := range c.Sides {
		if c.Sides[i].Name == name {
			return &c.Sides[i]
		}
	}
	return nil
}

func (m Match) everything() bool { return m == Match{} }

// or gives the first address unless it is missing.
func or(a, b netip.Addr) netip.Addr {
	if a.IsValid() {
		return a
	}
	return b
}

// host writes an address as the host of a URI: IPv6 in brackets.
func host(a netip.Addr) string {
	if a.Is6() {
		return "[" + a.String() + "]"
	}
	return a.String()
}
