package b2bua

import "time"

// Effect is what an App asks for: one of the structs of effectTypes, by value.
type Effect any

// Dial opens a branch: one leg and one walk of the Apps after the dialling one. The zero value dials as the routes say.
type Dial struct {
	URI     string        // Request-URI, "" as in the draft
	Side    string        // "" as the routes say
	NextHop string        // address:port, a name, name:port, or a sip: URI with transport=; "" that of the side or of the URI
	Routes  []string      // Route values, byte for byte; none: what remains of the caller's
	Contact string        // one of the callee's where he is registered; "" the best, and beside it those of the same q
	Timeout time.Duration // until a final answer; the branch then fails with 408; 0 is Timer C alone
	Park    bool          // the callee's answer is not joined: Bifrons is its other end until Connect
}

// Ring sends the caller a provisional response of Bifrons' own, 101 to 199. With Media it answers the caller's offer: what is
// played is heard before the call is answered; Status 0 then is 183.
type Ring struct {
	Status  int
	Media   bool
	Headers []Field
}

// Accept answers the caller: Bifrons itself is the other end (the leg's link is own), until a callee answers. Codecs come too late where
// an answer was given before, in a provisional response.
type Accept struct {
	Codecs []string // that may be answered, in the order of preference; none: what the side says
	Mixed  bool     // a codec that a room can mix goes before one that it cannot
}

// Label sets headers of every provisional response above 100 and every 2xx to the caller's request that has none of that name: of
// Bifrons' own, and of those that cross. It replaces an earlier Label of that name; an empty value takes it back.
type Label struct{ Headers []Field }

// Reject answers the caller's INVITE with a final failure and ends the call.
type Reject struct {
	Status   int
	Reason   string   // for the record, never on the wire
	Contacts []string // URIs that a 3xx sends the caller to
	Headers  []Field
}

// End hangs up all parties.
type End struct{ Cause Cause }

// Send sends a request with a body inside the dialog of a leg: INFO or MESSAGE.
type Send struct {
	Leg         int
	Method      string
	ContentType string
	Body        []byte
}

// Alarm starts a timer of the App, replacing one of the same name; 0 stops it.
type Alarm struct {
	Name  string
	After time.Duration
}

// Follow replaces the rest of the chain: the applications, by catalogue name, that come after this one. A chain may so be
// chosen by the first App, which knows the subscriber.
type Follow struct{ Apps []string }

// Watch changes how a leg is watched: what is 0 stays as it is, what is less than 0 is switched off. Leg -1 is every leg, also
// those still to come.
type Watch struct {
	Leg int
	Liveness
}

// ChooseTransfer chooses what becomes of the transfers of this call's parties: "terminate", "pass" or "reject", whatever their sides say. For the
// REFER at hand an App says so at its event.
type ChooseTransfer struct{ Mode string }

// Originate makes another call, of its own.
type Originate struct{ Origination }

// Move lets a leg talk with a leg of another call, or of this one; with whom they talked is hung up.
type Move struct {
	Leg  int
	Call uint64
	With int
}

// effectTypes is the one table of names: logs, JSON, scripts and remote programs use it alike.
var effectTypes = named{
	"dial":      func() any { return &Dial{} },
	"ring":      func() any { return &Ring{} },
	"accept":    func() any { return &Accept{} },
	"reject":    func() any { return &Reject{} },
	"end":       func() any { return &End{} },
	"send":      func() any { return &Send{} },
	"alarm":     func() any { return &Alarm{} },
	"follow":    func() any { return &Follow{} },
	"watch":     func() any { return &Watch{} },
	"transfer":  func() any { return &ChooseTransfer{} },
	"originate": func() any { return &Originate{} },
	"move":      func() any { return &Move{} },
	"label":     func() any { return &Label{} },

	"play":    func() any { return &Play{} },
	"say":     func() any { return &Say{} },
	"collect": func() any { return &Collect{} },
	"record":  func() any { return &Record{} },
	"pause":   func() any { return &Pause{} },
	"digits":  func() any { return &SendDigits{} },
	"halt":    func() any { return &Halt{} },
	"connect": func() any { return &Connect{} },
	"release": func() any { return &Release{} },
}
