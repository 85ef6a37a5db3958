package ims

import (
	"encoding/xml"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/bifrons/bifrons/diameter/sh"
	"github.com/bifrons/bifrons/sip"
)

// reginfo is a document of the event package reg (RFC 3680 5).
type reginfo struct {
	XMLName       xml.Name `xml:"reginfo"`
	Version       string   `xml:"version,attr"`
	State         string   `xml:"state,attr"` // full or partial
	Registrations []struct {
		AOR      string `xml:"aor,attr"`
		State    string `xml:"state,attr"` // init, active, terminated
		Contacts []struct {
			ID      string `xml:"id,attr"`
			State   string `xml:"state,attr"` // active, terminated
			Event   string `xml:"event,attr"`
			Expires string `xml:"expires,attr"`
			URI     string `xml:"uri"`
			Unknown []struct {
				Name  string `xml:"name,attr"`
				Value string `xml:",chardata"`
			} `xml:"unknown-param"`
		} `xml:"contact"`
	} `xml:"registration"`

	version int
}

// parseReginfo reads a document in the charset of its Content-Type, if that names one; elements that it does not know are passed over.
func parseReginfo(b []byte, charset string) (*reginfo, error) {
	d := &reginfo{}
	if err := readXML(b, charset, d); err != nil {
		return nil, fmt.Errorf("read reginfo: %w", err)
	}
	n, err := strconv.ParseUint(d.Version, 10, 31)
	if err != nil || d.State != "full" && d.State != "partial" {
		return nil, errors.New("read reginfo: no version or state")
	}
	d.version = int(n)
	return d, nil
}

// apply changes what is known of a user by a document: the others of his implicit set are in it, too.
func (d *reginfo) apply(g *Registration, now time.Time) {
	own := sh.Canonical(g.User)
	if d.State == "full" {
		g.Registered, g.Contacts, g.Identities = false, nil, nil
	}
	for i := range d.Registrations {
		e := &d.Registrations[i]
		if e.State == "active" {
			g.Identities = unique(append(g.Identities, e.AOR))
		} else {
			g.Identities = without(g.Identities, e.AOR)
		}
		if sh.Canonical(e.AOR) != own {
			continue
		}
		g.Registered = e.State == "active"
		if e.State == "terminated" {
			g.Contacts = nil
		}
		for _, c := range e.Contacts {
			one := Contact{ID: c.ID, URI: c.URI, Event: c.Event}
			for _, u := range c.Unknown {
				switch {
				case u.Name == "+sip.instance":
					one.Instance = trimQuotes(u.Value)
				case u.Value == "":
					one.Features += ";" + u.Name
				default:
					one.Features += ";" + u.Name + "=" + u.Value
				}
			}
			if d, ok := sip.Seconds(c.Expires); ok {
				one.Expires = now.Add(d)
			}
			g.replace(one, c.State == "active")
		}
	}
	for _, c := range g.Contacts {
		if g.Registered && c.Expires.After(g.Expires) {
			g.Expires = c.Expires
		}
	}
}

// replace puts a contact in the place of the one with its id.
func (g *Registration) replace(c Contact, active bool) {
	for i := range g.Contacts {
		if o := &g.Contacts[i]; o.ID == c.ID || o.ID == "" && o.URI == c.URI {
			g.Contacts = append(g.Contacts[:i], g.Contacts[i+1:]...)
			break
		}
	}
	if active && len(g.Contacts) < maxContacts {
		g.Contacts = append(g.Contacts, c)
	}
}

func without(all []string, id string) (out []string) {
	for _, o := range all {
		if sh.Canonical(o) != sh.Canonical(id) {
			out = append(out, o)
		}
	}
	return out
}

func trimQuotes(s string) string {
	for len(s) >= 2 && (s[0] == '"' && s[len(s)-1] == '"' || s[0] == '<' && s[len(s)-1] == '>') {
		s = s[1 : len(s)-1]
	}
	return s
}
