package main

import (
	"errors"
	"fmt"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/configs"
	"github.com/bifrons/bifrons/ims"
	"github.com/bifrons/bifrons/media/sdp"
	"github.com/bifrons/bifrons/services"
	"github.com/bifrons/bifrons/sip"
)

// readyPolicies are those that a configuration may name without defining them.
func readyPolicies() []*b2bua.Policy {
	return []*b2bua.Policy{ims.HomePolicy(), b2bua.TransparentPolicy(), b2bua.TrustedPolicy(), b2bua.UntrustedPolicy()}
}

// known is what a configuration may name.
func known() configs.Known {
	k := configs.Known{Apps: services.Names(), LookUp: services.NamesLookingUp(), Change: tryChange}
	for _, p := range readyPolicies() {
		k.Policies, k.Pinned = append(k.Policies, p.Name), append(k.Pinned, p.String())
	}
	for id := sip.HdrOther + 1; id < sip.NumHeaders; id++ {
		k.Headers = append(k.Headers, id.String())
	}
	for _, a := range sdp.PolicyNamed("untrusted").Attributes() {
		k.Attributes = append(k.Attributes, a.Name)
	}
	return k
}

// tryChange says what is wrong with a change, whatever policy it is made to.
func tryChange(section string, c configs.Change) error {
	return change(b2bua.UntrustedPolicy().Derive("try", 1), section, c)
}

// change makes one change of a definition.
func change(p *b2bua.Policy, section string, c configs.Change) error {
	if section == "attributes" {
		a, ok := sdp.ActionNamed(c.Action)
		if !ok || c.Only != nil {
			return errors.New("can be drop, carry or listed")
		}
		return p.SDP.SetAttribute(c.Name, a)
	}
	r := b2bua.Rule{Action: b2bua.Filter, Only: c.Only}
	if c.Only == nil {
		a, ok := b2bua.ActionNamed(c.Action)
		if !ok || a == b2bua.Filter {
			return fmt.Errorf("has the unknown action %q; write drop, carry, host, map, or a list of parameters", c.Action)
		}
		r = b2bua.Rule{Action: a}
	}
	if section == "bodies" {
		return p.SetBody(c.Name, r.Action)
	}
	return p.SetHeader(c.Name, r)
}

// policies are the ready policies and those that the configuration defines, by name.
func policies(cfg *configs.Config) (map[string]*b2bua.Policy, error) {
	all := map[string]*b2bua.Policy{}
	for _, p := range readyPolicies() {
		all[p.Name], all[p.String()] = p, p
	}
	for i := range cfg.Definitions {
		d := &cfg.Definitions[i]
		p, err := define(all[d.Base], d)
		if err != nil {
			return nil, fmt.Errorf("policy %s: %w", d.Name, err)
		}
		all[p.Name], all[p.String()] = p, p
	}
	return all, nil
}

// define makes a policy of a definition.
func define(base *b2bua.Policy, d *configs.PolicyDefinition) (*b2bua.Policy, error) {
	if base == nil {
		return nil, fmt.Errorf("no policy is named %s", d.Base)
	}
	p := base.Derive(d.Name, d.Version)
	for section, changes := range map[string][]configs.Change{"headers": d.Headers, "attributes": d.Attributes, "bodies": d.Bodies} {
		for _, c := range changes {
			if err := change(p, section, c); err != nil {
				return nil, fmt.Errorf("%s.%s %w", section, c.Name, err)
			}
		}
	}
	if n, ok := b2bua.NamingNamed(d.Display); ok {
		p.Display = n
	}
	if n, ok := b2bua.NamingNamed(d.User); ok {
		p.User = n
	}
	for _, f := range []struct {
		from *bool
		to   *bool
	}{{d.Hosts, &p.Names}, {d.Tags, &p.ContactTags}, {d.Privacy, &p.Privacy}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	for _, f := range []struct {
		from *bool
		to   *sdp.Action
	}{{d.SRTP, &p.SDP.Secure}, {d.Fax, &p.SDP.Fax}, {d.Streams, &p.SDP.Streams}} {
		if f.from != nil {
			*f.to = map[bool]sdp.Action{true: sdp.Carry, false: sdp.Drop}[*f.from]
		}
	}
	if d.Extensions != nil {
		p.StripExtensions = !*d.Extensions
	}
	return p, nil
}

// pairPolicies gives the call core the policies of the pairs.
func pairPolicies(cfg *configs.Config, c *b2bua.Config) error {
	all, err := policies(cfg)
	if err != nil {
		return err
	}
	c.Home = all["ims-home"]
	for _, p := range cfg.Policies {
		policy := all[p.Policy]
		if policy == nil {
			return fmt.Errorf("no policy is named %s", p.Policy)
		}
		c.Policies = append(c.Policies, b2bua.Pair{From: p.From, To: p.To, Policy: policy})
	}
	return nil
}
