package sdp

import (
	"errors"
	"maps"
	"slices"
	"strings"
)

var actionNames = [...]string{"drop", "carry", "listed", "own"}

// String returns the word for the action.
func (a Action) String() string { return actionNames[a] }

// ActionNamed finds an action by its word.
func ActionNamed(word string) (Action, bool) {
	i := slices.Index(actionNames[:], word)
	return Action(max(i, 0)), i >= 0
}

// Rule is what a policy does with one attribute.
type Rule struct {
	Name   string
	Action Action
}

// Derive returns a copy under another name, to be changed by SetAttribute.
func (p *Policy) Derive(name string) *Policy {
	d := *p
	d.Name = name
	d.named = maps.Clone(p.named)
	if d.named == nil {
		d.named = map[string]Action{}
	}
	return &d
}

// SetAttribute gives an attribute another action; "rest" are all that have none. Under any action a value with an address
// in it stays behind. It must not be called once the policy is in use.
func (p *Policy) SetAttribute(name string, a Action) error {
	n := attributeOf([]byte(name))
	switch {
	case name == "rest" && (a == Drop || a == Carry):
		p.attributes[attrOther] = a
	case name == "rest":
		return errors.New("can be drop or carry for the rest")
	case p.attributes[n] == Own:
		return errors.New("is written by the engine itself, whatever the policy")
	case a == Own:
		return errors.New("is nothing the engine writes")
	case endsHere[n] && a != Drop:
		return errors.New("speaks of what ends here, and can only be drop")
	case strings.ContainsAny(name, " :\r\n") || name == "":
		return errors.New("is not the name of an attribute")
	case n != attrOther:
		p.attributes[n] = a
	default:
		p.named[name] = a
	}
	return nil
}

// endsHere are attributes that would be wrong or dangerous on the other leg: addresses, and identities of RTP streams, for
// which the relay has its own.
var endsHere = [numAttributes]bool{attrAlt: true, attrCandidate: true, attrRemoteCandidates: true, attrICEUfrag: true, attrICEPwd: true,
	attrSSRC: true, attrSSRCGroup: true, attrCNAME: true, attrMSID: true, attrMSIDSemantic: true, attrSourceFilter: true}

// Attributes lists what the policy does with each attribute that it has a word about, by name, and with the rest last.
func (p *Policy) Attributes() (out []Rule) {
	for n, name := range attributeNames {
		if name != "" {
			out = append(out, Rule{name, p.attributes[n]})
		}
	}
	out = append(out, Rule{"T38*", p.attributes[attrT38]})
	for name, a := range p.named {
		out = append(out, Rule{name, a})
	}
	slices.SortFunc(out, func(a, b Rule) int { return strings.Compare(a.Name, b.Name) })
	return append(out, Rule{"others", p.attributes[attrOther]})
}
