package configs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// PolicyDefinition is a policy of the file's own: another one with changes.
type PolicyDefinition struct {
	Name       string
	Version    int
	Base       string // a ready policy, or one defined above
	Headers    []Change
	Attributes []Change // of SDP
	Bodies     []Change // by content type
	Display    string   // how display names cross; "" as in the base
	User       string   // how user parts cross
	Hosts      *bool    // nil: as in the base
	Tags       *bool
	Extensions *bool
	Privacy    *bool
	SRTP       *bool // whether sections of these kinds cross
	Fax        *bool
	Streams    *bool
}

// Change gives one field another action.
type Change struct {
	Name   string
	Action string   // "" if only these parameters cross:
	Only   []string // of a header
}

// changes reads a mapping from names to an action, or to a list of the parameters that cross.
func (d *decoder) changes(to *[]Change) func(value) {
	return func(v value) {
		d.entries(v, func(name string, _ place, e value) {
			c := Change{Name: name}
			d.either(e, e.is(ast.SequenceType), readList(d, &c.Only, "a parameter", word), read(d, &c.Action, "an action, or a list of parameters", word))
			*to = append(*to, c)
		})
	}
}

func (d *decoder) optional(to **bool) func(value) {
	return d.given(func(v value) {
		b := new(bool)
		d.flag(b)(v)
		*to = b
	})
}

// checkDefinition checks what the file says of a policy of its own.
func (c *Config) checkDefinition(i int, known Known, bad problem) {
	p := c.Definitions[i]
	path := "policy_definitions." + p.Name
	ready := slices.Clone(known.Policies)
	if slices.Contains(ready, p.Name) {
		bad(path, tick(p.Name)+" is a ready policy; give yours another name")
	}
	for _, before := range c.Definitions[:i] {
		ready = append(ready, before.Name)
	}
	switch {
	case p.Base == "":
		bad(path+".base", "no base is given; add `base:`"+suggest("", ready))
	case known.Policies != nil && !slices.Contains(ready, p.Base):
		bad(path+".base", "no policy above is named "+tick(p.Base)+suggest(p.Base, ready))
	}
	if p.Version < 1 || p.Version > 1_000_000 {
		bad(path+".version", fmt.Sprintf("%d is out of range; write something from 1 to 1000000", p.Version))
	}
	for _, s := range []struct {
		key     string
		changes []Change
		names   []string
	}{{"headers", p.Headers, known.Headers}, {"attributes", p.Attributes, known.Attributes}, {"bodies", p.Bodies, nil}} {
		for _, ch := range s.changes {
			at := path + "." + s.key + "." + ch.Name
			if near, ok := misspelt(ch.Name, s.names); ok {
				bad(at, "nothing is named "+tick(ch.Name)+", did you mean "+tick(near)+"?")
			} else if known.Change != nil {
				if err := known.Change(s.key, ch); err != nil {
					bad(at, tick(ch.Name)+" "+err.Error())
				}
			}
		}
	}
}

// misspelt finds the known name that an unknown one was probably meant to be.
func misspelt(name string, known []string) (string, bool) {
	same := func(s string) bool { return strings.EqualFold(s, name) }
	if len(name) < 5 || strings.HasPrefix(strings.ToUpper(name), "X-") || slices.ContainsFunc(known, same) {
		return "", false
	}
	for _, k := range known {
		if edits(strings.ToLower(name), strings.ToLower(k), 2) <= 2 {
			return k, true
		}
	}
	return "", false
}

// versions returns the policies a pair may name, as name@version where the version is known.
func (c *Config) policyNames(known Known) []string {
	names := slices.Clone(known.Policies)
	for _, p := range c.Definitions {
		names = append(names, p.Name)
	}
	return names
}

// knowsPolicy tells whether a pair may name a policy: by its name, or pinned to a version.
func (c *Config) knowsPolicy(name string, known Known) bool {
	for _, p := range c.Definitions {
		if name == p.Name || name == p.Name+"@"+strconv.Itoa(p.Version) {
			return true
		}
	}
	return slices.Contains(known.Policies, name) || slices.Contains(known.Pinned, name)
}
