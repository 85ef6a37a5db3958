package b2bua

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bifrons/bifrons/media/sdp"
	"github.com/bifrons/bifrons/sip"
)

// Action is what a policy does with a header or body on its way from leg to leg.
type Action uint8

// The actions. Own means the engine writes the field itself, whatever came; Map translates the dialog identifiers in it to
// those of the other leg and drops what names no dialog of ours; Filter lets only the named parameters cross; Host puts our
// own domain in the place of every host name.
const (
	Drop Action = iota
	Carry
	Own
	Map
	Filter
	Host
)

// actionNames are what configuration and documentation call them, in their order.
var actionNames = [...]string{"drop", "carry", "own", "map", "filter", "host"}

// String returns the word for the action.
func (a Action) String() string { return actionNames[a] }

// ActionNamed finds an action by its word.
func ActionNamed(word string) (Action, bool) {
	i := slices.Index(actionNames[:], word)
	return Action(max(i, 0)), i >= 0
}

// Rule is what a policy does with one header.
type Rule struct {
	Action Action
	Only   []string // of Filter: the parameters that cross
}

// String writes the rule as documentation has it.
func (r Rule) String() string {
	if r.Action == Filter {
		return "only " + strings.Join(r.Only, ", ")
	}
	return r.Action.String()
}

// Naming is how display names and user parts of From and To cross.
type Naming uint8

// AsReceived changes nothing. Normalised leaves what a person reads or dials: no control characters, passwords, visual
// separators or user parameters. Anonymous hides who it is, always.
const (
	AsReceived Naming = iota
	Normalised
	Anonymous
)

var namingNames = [...]string{"received", "normalised", "anonymous"}

// String returns the word for it.
func (n Naming) String() string { return namingNames[n] }

// NamingNamed finds a way of naming by its word.
func NamingNamed(word string) (Naming, bool) {
	i := slices.Index(namingNames[:], word)
	return Naming(max(i, 0)), i >= 0
}

// BodyRule is what a policy does with bodies of a type; Own keeps of a message/sipfrag its status alone.
type BodyRule struct {
	Type   string // lower case
	Action Action
}

// Policy is what crosses from one side to another. It is data, belongs to a pair of sides, and must not be changed once a
// Server has it.
type Policy struct {
	Name            string
	Version         int // rises with every change of what crosses
	Headers         [sip.NumHeaders]Rule
	Others          map[string]Rule // headers without an identity that have their own rule, by lower-case name
	Rest            Action          // the other headers without an identity
	Bodies          []BodyRule      // besides SDP
	RestBodies      Action
	Display         Naming
	User            Naming
	Privacy         bool // a Privacy header is obeyed (RFC 3323, RFC 3325): the far side is outside the trust domain
	Names           bool // host names in From, To and Request-URI cross; addresses never do
	ContactTags     bool // media feature tags of the far Contact cross to ours (RFC 3840)
	StripExtensions bool // of RTP headers (RFC 8285)
	SDP             *sdp.Policy
}

// String returns name and version.
func (p *Policy) String() string { return p.Name + "@" + strconv.Itoa(p.Version) }

// Derive returns a copy under another name, to be changed.
func (p *Policy) Derive(name string, version int) *Policy {
	d := *p
	d.Name, d.Version = name, version
	d.Others = map[string]Rule{}
	for k, r := range p.Others {
		d.Others[k] = r
	}
	d.Bodies = slices.Clone(p.Bodies)
	d.SDP = p.SDP.Derive(name)
	return &d
}

// ErrOwned says that a field is written by the engine, whatever a policy says.
var ErrOwned = errors.New("is written by the engine itself, whatever the policy")

// SetHeader gives a header another rule; "rest" are all headers that have none.
func (p *Policy) SetHeader(name string, r Rule) error {
	id := sip.HeaderIDOf([]byte(name))
	switch {
	case name == "rest":
		if r.Action != Drop && r.Action != Carry {
			return errors.New("can be drop or carry for the rest")
		}
		p.Rest = r.Action
	case sessionHeader(id): // they go together
		if r.Action != Own && r.Action != Carry {
			return errors.New("can be own (each leg has a session timer of its own) or carry (the parties agree on one)")
		}
		p.Headers[sip.HdrSessionExpires], p.Headers[sip.HdrMinSE] = r, r
	case Owned(name):
		return ErrOwned
	case r.Action == Own:
		return errors.New("is nothing the engine writes")
	case r.Action == Map && !Mapped(name):
		return errors.New("has no dialog identifiers to map")
	case r.Action != Map && r.Action != Drop && Mapped(name):
		return errors.New("names dialogs of the other party, so it can be map or drop")
	case r.Action == Filter && len(r.Only) == 0:
		return errors.New("needs the parameters that cross")
	case !isToken(name):
		return errors.New("is not the name of a header")
	case id != sip.HdrOther:
		p.Headers[id] = r
	default:
		p.Others[strings.ToLower(name)] = r
	}
	return nil
}

// SetBody gives bodies of a type another action; "rest" are all types that have none.
func (p *Policy) SetBody(contentType string, a Action) error {
	t := strings.ToLower(contentType)
	switch {
	case t == sdpType || strings.HasPrefix(t, "multipart/"):
		return ErrOwned
	case a != Drop && a != Carry && (a != Own || t != sipfragType):
		return errors.New("can be drop or carry")
	case t == "rest":
		p.RestBodies = a
	default:
		p.Bodies = slices.DeleteFunc(p.Bodies, func(b BodyRule) bool { return b.Type == t })
		p.Bodies = append(p.Bodies, BodyRule{t, a})
	}
	return nil
}

// Owned tells whether a header is written by the engine, whatever a policy says.
func Owned(name string) bool {
	id := sip.HeaderIDOf([]byte(name))
	return id != sip.HdrOther && !sessionHeader(id) && slices.Contains(engineOwned[:], id)
}

// sessionHeader tells whether a header is of the session timer (RFC 4028). The engine writes it, in carried ones what the far
// party says.
func sessionHeader(id sip.HeaderID) bool { return id == sip.HdrSessionExpires || id == sip.HdrMinSE }

// Mapped tells whether a header names dialogs.
func Mapped(name string) bool {
	return slices.Contains(dialogHeaders[:], sip.HeaderIDOf([]byte(name)))
}

// rule returns what happens to a header.
func (p *Policy) rule(h *sip.Header) Rule {
	if h.ID != sip.HdrOther {
		return p.Headers[h.ID]
	}
	if len(p.Others) > 0 {
		if r, ok := p.Others[strings.ToLower(string(h.Name))]; ok {
			return r
		}
	}
	return Rule{Action: p.Rest}
}

// RuleFor returns what the policy does with a header of that name.
func (p *Policy) RuleFor(name string) Rule {
	return p.rule(&sip.Header{ID: sip.HeaderIDOf([]byte(name)), Name: []byte(name)})
}

// body returns what happens to a body.
func (p *Policy) body(contentType []byte) Action {
	t := mediaType(contentType)
	for _, b := range p.Bodies {
		if sip.EqualFold(t, b.Type) {
			return b.Action
		}
	}
	return p.RestBodies
}

// Exposure is one thing that a policy lets cross, and how.
type Exposure struct {
	Field string `json:"field"`
	How   string `json:"how"`
}

// Exposures lists every header, attribute, body type and trait of the policy with what it does: the one view that show,
// diff and the documentation share.
func (p *Policy) Exposures() (out []Exposure) {
	for id := sip.HdrOther + 1; id < sip.NumHeaders; id++ {
		out = append(out, Exposure{id.String(), p.Headers[id].String()})
	}
	for _, name := range sortedKeys(p.Others) {
		out = append(out, Exposure{name, p.Others[name].String()})
	}
	out = append(out, Exposure{"other headers", p.Rest.String()})
	for _, a := range p.SDP.Attributes() {
		out = append(out, Exposure{"a=" + a.Name, a.Action.String()})
	}
	bodies := slices.SortedFunc(slices.Values(p.Bodies), func(a, b BodyRule) int { return strings.Compare(a.Type, b.Type) })
	for _, b := range bodies {
		out = append(out, Exposure{"body " + b.Type, b.Action.String()})
	}
	word := map[bool]string{true: "carry", false: "drop"}
	return append(out, Exposure{"other bodies", p.RestBodies.String()},
		Exposure{"display names", p.Display.String()}, Exposure{"user parts", p.User.String()},
		Exposure{"host names of From, To, Request-URI", map[bool]string{true: "carry", false: "own"}[p.Names]},
		Exposure{"feature tags of Contact", word[p.ContactTags]},
		Exposure{"RTP header extensions", word[!p.StripExtensions]}, Exposure{"SRTP with its keys", p.SDP.Secure.String()},
		Exposure{"T.38 fax", p.SDP.Fax.String()}, Exposure{"MSRP and other streams, not anchored", p.SDP.Streams.String()},
		Exposure{"what Privacy asks for", map[bool]string{true: "obeyed", false: "left to the next hop"}[p.Privacy]})
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// PolicyNamed finds a ready policy by name or name@version, nil if there is none.
func PolicyNamed(name string) *Policy {
	for _, p := range [...]*Policy{UntrustedPolicy(), TrustedPolicy(), TransparentPolicy()} {
		if p.Name == name || p.String() == name {
			return p
		}
	}
	return nil
}

// table fills a policy from rows; a row that cannot be is a programmer's mistake.
func (p *Policy) table(rows []HeaderRow) *Policy {
	for _, r := range rows {
		if err := p.SetHeader(r.Name, r.Rule); err != nil {
			panic(fmt.Sprintf("policy %s: %s %v", p, r.Name, err))
		}
	}
	return p
}

// HeaderRow is a row of a policy's table.
type HeaderRow struct {
	Name string
	Rule Rule
}

// NewPolicy makes a policy of a base and a table of headers; it panics on a table that cannot be.
func NewPolicy(name string, version int, base *Policy, rows []HeaderRow) *Policy {
	return base.Derive(name, version).table(rows)
}
