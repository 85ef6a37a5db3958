package configs

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/ims"
	"github.com/bifrons/bifrons/sip"
)

// appIMS is the application that chooses among the chains of the section ims.
const appIMS = "ims"

func (d *decoder) ims(v value, c *ims.Config) {
	d.fields(v, []field{
		{"patience", read(d, &c.Patience, "a duration such as 1s", duration)},
		{"ioi", d.text(&c.IOI)},
		{"entry", func(v value) { d.text(&c.Entry)(v); d.then(v, sipURI(c.Entry)) }},
		{"default_handling", func(v value) {
			c.DefaultHandling = map[string]b2bua.OnFailure{}
			d.entries(v, func(app string, _ place, e value) {
				var h b2bua.OnFailure
				read(d, &h, "a default handling", handling)(e)
				c.DefaultHandling[app] = h
			})
		}},
		{"names", func(v value) {
			c.Names = ims.Names{}
			d.entries(v, func(user string, _ place, e value) {
				var of ims.Case
				read(d, &of, "a session case", sessionCase)(e)
				c.Names[user] = of
			})
		}},
		{"registration", func(v value) {
			d.fields(v, []field{
				{"subscribe", d.flag(&c.Registration.Subscribe)},
				{"identity", func(v value) { d.text(&c.Registration.Identity)(v); d.then(v, sipURI(c.Registration.Identity)) }},
				{"max", read(d, &c.Registration.Max, "a number", number)},
				{"forget", read(d, &c.Registration.Forget, "a duration such as 1h", duration)},
			})
		}},
		{"chains", func(v value) {
			d.entries(v, func(name string, at place, e value) {
				if err := sideName(name); err != nil {
					d.fail(at, strings.Replace(err.Error(), "a side", "a chain", 1))
					d.bad[e.path] = true
				}
				ch := ims.Chain{Name: name}
				d.chain(e, &ch)
				c.Chains = append(c.Chains, ch)
			})
		}},
	})
}

func (d *decoder) chain(v value, c *ims.Chain) {
	d.fields(v, []field{
		{"apps", readList(d, &c.Apps, "a list of applications", word)},
		{"cases", readList(d, &c.Cases, "a session case, or a list of them", sessionCase)},
		{"methods", readList(d, &c.Methods, "a method, or a list of them", method)},
		{"served", d.expression(&c.Served)},
		{"user", d.expression(&c.User)},
		{"host", d.expression(&c.Host)},
		{"header", func(v value) {
			d.fields(v, []field{
				{"name", func(v value) { d.text(&c.Header)(v); d.then(v, headerName(c.Header)) }},
				{"value", d.expression(&c.Value)},
			})
		}},
		{"service", d.text(&c.Service)},
		{"attribute", func(v value) {
			d.fields(v, []field{
				{"name", d.text(&c.Attribute)},
				{"value", d.expression(&c.Holds)},
			})
		}},
	})
}

func sessionCase(s string) (ims.Case, error) {
	c, ok := ims.CaseNamed(s)
	if !ok {
		return c, unknownWord{fmt.Sprintf("no session case is named %s; write one of %s", tick(s), strings.Join(ims.CaseNames(), ", ")), ims.CaseNames()}
	}
	return c, nil
}

// handling reads a default handling.
func handling(s string) (b2bua.OnFailure, error) {
	switch s {
	case "continue":
		return b2bua.Continue, nil
	case "terminate":
		return b2bua.Terminate, nil
	}
	return 0, unknownWord{tick(s) + " is no default handling; write `continue` or `terminate`", []string{"continue", "terminate"}}
}

// method checks a method that makes a call, or goes through a chain alone.
func method(s string) (string, error) {
	if all := []string{"INVITE", "MESSAGE", "SUBSCRIBE"}; !slices.Contains(all, s) {
		return "", unknownWord{fmt.Sprintf("%s goes through no chain; write one of %s", tick(s), strings.Join(all, ", ")), all}
	}
	return s, nil
}

// sipURI checks an identity of ours.
func sipURI(s string) error {
	if u, err := sip.ParseURI([]byte(s)); s != "" && (err != nil || !u.IsSIP()) {
		return fmt.Errorf("%s is no identity; write a URI such as sip:as.ims.example", tick(s))
	}
	return nil
}

// Registers tells whether S-CSCFs tell a side of registrations: one of the home network, whose chains the application ims chooses.
func (s *Side) Registers() bool { return s.Trust == Home && len(s.Apps) > 0 && s.Apps[0] == appIMS }

// knowsUsers tells whether there is anything to look users up in.
func (c *Config) knowsUsers() bool {
	return len(c.Subscribers) > 0 || slices.ContainsFunc(c.Sides, func(s Side) bool { return s.Registers() })
}

// checkIMS checks the chains.
func (c *Config) checkIMS(known Known, bad problem) {
	if p := c.IMS.Patience; p < 10*time.Millisecond || p > 4*time.Second {
		bad("ims.patience", fmt.Sprintf("%s is out of range; write something from 10ms to 4s, for an S-CSCF gives a silent server up after 5 s", tick(p.String())))
	}
	if n := c.IMS.Registration.Max; n < 1 || n > 10_000_000 {
		bad("ims.registration.max", fmt.Sprintf("%d is out of range; write something from 1 to 10000000", n))
	}
	if f := c.IMS.Registration.Forget; f < time.Second || f > 30*24*time.Hour {
		bad("ims.registration.forget", fmt.Sprintf("%s is out of range; write something from 1s to 720h", tick(f.String())))
	}
	for _, app := range slices.Sorted(maps.Keys(c.IMS.DefaultHandling)) {
		if known.Apps != nil && !slices.Contains(c.apps(known), app) {
			bad("ims.default_handling."+app, "no application is named "+tick(app)+suggest(app, c.apps(known)))
		}
	}
	chooses := false
	for i := range c.Sides {
		s := &c.Sides[i]
		at := slices.Index(s.Apps, appIMS)
		if at < 0 {
			continue
		}
		chooses = true
		path := "sides." + s.Name + ".apps[" + strconv.Itoa(at) + "]"
		switch {
		case len(c.IMS.Chains) == 0:
			bad(path, "`ims` chooses among chains, and there is none; add `ims: {chains: ...}`")
		case at != 0:
			bad(path, "`ims` puts a chain in the place of all that follows; make it the first")
		}
	}
	if len(c.IMS.Chains) > 0 && !chooses {
		bad("ims.chains", "no side chooses among them; add `apps: [ims]` to the side behind the S-CSCF")
	}
	for i := range c.IMS.Chains {
		c.checkChain(&c.IMS.Chains[i], known, bad)
	}
}

func (c *Config) checkChain(ch *ims.Chain, known Known, bad problem) {
	path := "ims.chains." + ch.Name
	for i, app := range ch.Apps {
		at := path + ".apps[" + strconv.Itoa(i) + "]"
		switch {
		case app == appIMS:
			bad(at, "a chain cannot choose a chain; remove `ims` here")
		case known.Apps != nil && !slices.Contains(c.apps(known), app):
			bad(at, "no application is named "+tick(app)+suggest(app, c.apps(known)))
		case slices.Contains(known.LookUp, app) && !c.knowsUsers():
			bad(at, tick(app)+" looks subscribers up, and there is no source of them; add `subscribers:`")
		}
	}
	if ch.Header == "" && ch.Value != nil {
		bad(path+".header", "has a value but no name; add `name:` with the header to look at")
	}
	if ch.Attribute == "" && ch.Holds != nil {
		bad(path+".attribute", "has a value but no name; add `name:` with the attribute to look at")
	}
	if (ch.Service != "" || ch.Attribute != "") && len(c.Subscribers) == 0 {
		bad(path, "asks for data of the subscriber, and there is no source of them; add `subscribers:`")
	}
}
