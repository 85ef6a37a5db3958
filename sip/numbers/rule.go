package numbers

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// Rule changes a number. What is set is done in the order of the fields. A rule whose Match or StripText does not fit leaves the number
// as it is, and so does one that would leave nothing of it.
type Rule struct {
	Match     *regexp.Regexp // nil fits every telephone number, and no other user part
	Replace   string         // in the place of what matched; $1 or ${name} stand for its groups
	Replaces  bool           // there is a Replace, which may be empty
	Region    string         // whose way of dialling the number is in (ISO 3166, such as DE): it becomes +49...; "" leaves it
	Strip     int            // characters that go from its start
	StripText string         // a text that goes from its start
	Prefix    string         // that is put before it
}

// Rules are done one after the other.
type Rules []Rule

// Apply returns a number as the rules make it. Visual separators go (RFC 3966 5.1.1) before the first rule.
func (rs Rules) Apply(s string) string {
	if len(rs) == 0 {
		return s
	}
	if n, ok := Plain(s); ok {
		s = n
	}
	for i := range rs {
		s = rs[i].apply(s)
	}
	return s
}

func (r *Rule) apply(s string) string {
	_, dialled := Plain(s)
	switch {
	case r.Match == nil && !dialled, r.Match != nil && !r.Match.MatchString(s):
		return s
	}
	out := s
	if r.Replaces && r.Match != nil {
		out = r.Match.ReplaceAllString(out, r.Replace)
	}
	if r.Region != "" {
		out = E164(out, r.Region)
	}
	if r.StripText != "" {
		rest, ok := strings.CutPrefix(out, r.StripText)
		if !ok {
			return s
		}
		out = rest
	}
	if out = r.Prefix + out[min(r.Strip, len(out)):]; out == "" || !User(out) {
		return s
	}
	return out
}

// Plain returns a telephone number without visual separators; false for a text that is none.
func Plain(s string) (string, bool) {
	out := make([]byte, 0, len(s))
	for i, c := range []byte(s) {
		switch {
		case c >= '0' && c <= '9' || c == '*' || c == '#' || c == '+' && i == 0:
			out = append(out, c)
		case c == '-' || c == '.' || c == '(' || c == ')' || c == ' ':
		default:
			return s, false
		}
	}
	if len(out) == 0 || string(out) == "+" {
		return s, false
	}
	return string(out), true
}

// longest is more than any number has (E.164 has 15 digits), with codes before it.
const longest = 40

// E164 returns a number as it is dialled in a region in the international form, +49301234567. Short codes such as 112, and what cannot
// be a number of its country, stay as they are.
func E164(s, region string) string {
	if len(s) > longest || len(s) < 4 || strings.ContainsAny(s, "*#") {
		return s
	}
	n, err := phonenumbers.ParseAndKeepRawInput(s, region)
	if err != nil || !phonenumbers.IsPossibleNumber(n) {
		return s
	}
	if n.GetCountryCodeSource() == phonenumbers.PhoneNumber_FROM_DEFAULT_COUNTRY && !phonenumbers.IsValidNumber(n) {
		trunk := phonenumbers.GetNddPrefixForRegion(region, true)
		if trunk == "" || !strings.HasPrefix(s, trunk) || len(s) < 6 {
			return s
		}
	}
	return phonenumbers.Format(n, phonenumbers.E164)
}

// User tells whether a text can be the user part of a SIP URI, or what stands behind tel:, as it is (RFC 3261 25.1).
func User(s string) bool {
	for _, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("-_.!~*'()&=+$,#%", rune(c)) {
			return false
		}
	}
	return true
}

// Region tells whether the rules of a region are known; its error names what to write.
func Region(s string) error {
	if s == strings.ToUpper(s) && phonenumbers.GetSupportedRegions()[s] {
		return nil
	}
	if up := strings.ToUpper(s); phonenumbers.GetSupportedRegions()[up] {
		return fmt.Errorf("write %s", up)
	}
	return errors.New("write the two letters of a country (ISO 3166), such as DE")
}

var group = regexp.MustCompile(`\$(\$|[A-Za-z0-9_]+|\{[^}]*\}?|)`)

// Template says what is wrong with a template for an expression: groups that it does not have, and characters that no number has.
func Template(re *regexp.Regexp, s string) error {
	for _, m := range group.FindAllStringSubmatch(s, -1) {
		name, braced := m[1], strings.HasPrefix(m[1], "{")
		if braced {
			if !strings.HasSuffix(name, "}") {
				return fmt.Errorf("%s has no closing brace; write ${1}", m[0])
			}
			name = name[1 : len(name)-1]
		}
		if name == "$" && !braced {
			continue
		}
		if has(re, name) {
			continue
		}
		for i := len(name) - 1; i > 0 && !braced; i-- {
			if strings.Trim(name[:i], "0123456789") == "" && has(re, name[:i]) {
				return fmt.Errorf("%s names a group %q; write ${%s}%s", m[0], name, name[:i], name[i:])
			}
		}
		return fmt.Errorf("%s names no group of the expression, which has %d; write $1 for the first ( ), or $$ for a dollar", m[0], re.NumSubexp())
	}
	if rest := group.ReplaceAllString(s, ""); !User(rest) {
		return fmt.Errorf("%q has characters that no number has", rest)
	}
	return nil
}

// has tells whether an expression has a group.
func has(re *regexp.Regexp, name string) bool {
	if name == "" {
		return false
	}
	for i := range re.NumSubexp() + 1 {
		if fmt.Sprint(i) == name {
			return true
		}
	}
	return slices.Contains(re.SubexpNames()[1:], name)
}
