// Package reachability is a service for callees who are not registered. Their calls are sent on to the number that they have
// left for it, and the callers are told so by 181; without a number the callers are told at once that nobody is there, with 480.
//
// A callee is not registered when the request of the S-CSCF says so, or the sources of subscribers do: the HSS, whose notification
// counts from the next call on, or the registrations that the S-CSCF reports. The number stands in the callee's document Document:
//
//	<reachability><divert-to>tel:+4930123456</divert-to></reachability>
//
// With <divert-to by="redirect"> the caller's network is told the number by 302, and sends the call on itself.
//
// It is transparent data of the HSS, or an entry under services in a file of subscribers. A callee whom no source knows is
// somebody else's: his call goes on, and so do all calls while no source answers. Nothing here runs a goroutine.
//
//	sides:
//	  core: {listen: "udp:192.0.2.1:5060", trust: home, apps: [reachability]}
package reachability

import (
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/diameter/sh"
	"github.com/bifrons/bifrons/ims"
	"github.com/bifrons/bifrons/sip"
)

// Document is the service indication of the callee's document.
const Document = "reachability"

// App is the service.
type App struct {
	// Subscribers is where callees are looked up; nil lets all calls pass.
	Subscribers ims.Source
	// AS tells whom a request is served for.
	AS *ims.AS
}

// Name is what a chain calls it.
func (App) Name() string { return "reachability" }

// Handle looks the callee of an Invite up, and sends the call on, or refuses it, when he is not registered.
func (a App) Handle(s *b2bua.Step, ev b2bua.Event) b2bua.Verdict {
	switch ev := ev.(type) {
	case b2bua.Invite:
		if a.Subscribers == nil || !a.session(s, ev.Draft).Case.Terminating() {
			return b2bua.Pass
		}
		ims.Find(s, a.Subscribers, a.callee(s, ev.Draft))
		return b2bua.Hold
	case ims.Found: // Pass and Stop are about the Invite that is held
		if d := s.Draft(); d != nil && a.away(s, d, ev.Subscriber) {
			return divert(s, d, ev.Subscriber)
		}
	}
	return b2bua.Pass
}

// session finds for whom the request is served.
func (a App) session(s *b2bua.Step, d *b2bua.Draft) ims.Session {
	return a.AS.Session(d.Request.Message, s.Entry())
}

// callee returns the served user, or whom a phone outside the IMS calls.
func (a App) callee(s *b2bua.Step, d *b2bua.Draft) ims.Query {
	if ses := a.session(s, d); ses.Sure {
		return ims.Query{By: ims.ByIMPU, Value: ses.User}
	}
	return ims.Callee(d)
}

// away tells whether the callee is not registered, as the request says or the sources do.
func (a App) away(s *b2bua.Step, d *b2bua.Draft, u *ims.Subscriber) bool {
	if a.session(s, d).Case == ims.TerminatingUnregistered {
		return true
	}
	return u != nil && u.State != nil && (*u.State == sh.NotRegistered || *u.State == sh.RegisteredUnregServices)
}

// divert sends the call to the callee's number. The S-CSCF gets it back with the new Request-URI, on the Route that it came with; or
// it is told the number.
func divert(s *b2bua.Step, d *b2bua.Draft, u *ims.Subscriber) b2bua.Verdict {
	to, err := number(u)
	why := ""
	switch {
	case err != nil:
		why = err.Error()
	case to.Number == "":
		why = "the callee is not registered"
	case ims.HistoryOf(d).Diversions() >= ims.MaxDiversions:
		why = "the call was sent on too often"
	}
	if why != "" {
		s.Do(b2bua.Reject{Status: 480, Reason: why})
		return b2bua.Stop
	}
	way := ims.Divert(d, to.Number, ims.DivertedNotLogged)
	told := []b2bua.Field{{Name: "History-Info", Value: way.String()}}
	if to.By == "redirect" {
		s.Do(b2bua.Reject{Status: 302, Reason: "the callee is not registered", Contacts: []string{d.RequestURI}, Headers: told})
		return b2bua.Stop
	}
	s.Do(b2bua.Ring{Status: 181, Headers: told})
	return b2bua.Pass
}

// target is where a callee wants his calls.
type target struct {
	By     string `xml:"by,attr"` // redirect, or empty
	Number string `xml:",chardata"`
}

// number reads the callee's document; it is nothing when there is none.
func number(u *ims.Subscriber) (to target, err error) {
	if u == nil || u.Services[Document] == "" {
		return target{}, nil
	}
	var doc struct {
		XMLName xml.Name `xml:"reachability"`
		To      target   `xml:"divert-to"`
	}
	if err := xml.Unmarshal([]byte(u.Services[Document]), &doc); err != nil {
		return target{}, fmt.Errorf("the callee's document is broken: %w", err)
	}
	if to = doc.To; strings.TrimSpace(to.Number) == "" {
		return target{}, nil
	}
	to.Number = strings.TrimSpace(to.Number)
	if _, err := sip.ParseURI([]byte(to.Number)); err != nil {
		return target{}, fmt.Errorf("the callee's document: %q is no address", to.Number)
	}
	if to.By != "" && to.By != "redirect" {
		return target{}, fmt.Errorf("the callee's document: by=%q is unknown", to.By)
	}
	return to, nil
}
