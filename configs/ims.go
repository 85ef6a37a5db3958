package configs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bifrons/bifrons/ims"
)

// appIMS is the application that chooses among the chains of the section ims.
const appIMS = "ims"

func (d *decoder) ims(v value, c *ims.Config) {
	d.fields(v, []field{
		{"patience", read(d, &c.Patience, "a duration such as 1s", duration)},
		{"ioi", d.text(&c.IOI)},
		{"names", func(v value) {
			c.Names = ims.Names{}
			d.entries(v, func(user string, _ place, e value) {
				var of ims.Case
				read(d, &of, "a session case", sessionCase)(e)
				c.Names[user] = of
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
		return c, fmt.Errorf("no session case is named %s; write one of %s", tick(s), strings.Join(ims.CaseNames(), ", "))
	}
	return c, nil
}

// method checks a method that makes a call, or goes through a chain alone.
func method(s string) (string, error) {
	if all := []string{"INVITE", "MESSAGE", "SUBSCRIBE"}; !slices.Contains(all, s) {
		return "", fmt.Errorf("%s goes through no chain; write one of %s", tick(s), strings.Join(all, ", "))
	}
	return s, nil
}

// checkIMS checks the chains.
func (c *Config) checkIMS(known Known, bad problem) {
	if p := c.IMS.Patience; p < 10*time.Millisecond || p > 4*time.Second {
		bad("ims.patience", fmt.Sprintf("%s is out of range; write something from 10ms to 4s, for an S-CSCF gives a silent server up after 5 s", tick(p.String())))
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
		case known.Apps != nil && !slices.Contains(known.Apps, app):
			bad(at, "no application is named "+tick(app)+suggest(app, known.Apps))
		case slices.Contains(known.LookUp, app) && len(c.Subscribers) == 0:
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
