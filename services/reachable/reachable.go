// Package reachable is a service for callees who are not registered: their callers are told so at once, with 480, instead of
// after a while of silence. It asks the subscriber sources for the callee, while the call waits. A callee whom no source
// knows is somebody else's: his call goes on, and so do all calls while no source answers.
//
// Nothing here runs a goroutine; the look-up is Step.Go's.
//
//	sides:
//	  core: {listen: "udp:192.0.2.1:5060", apps: [reachable]}
package reachable

import (
	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/diameter/sh"
	"github.com/bifrons/bifrons/ims"
)

// App is the service.
type App struct {
	// Subscribers is where callees are looked up; nil lets all calls pass.
	Subscribers ims.Source
}

// Name is what a chain calls it.
func (App) Name() string { return "reachable" }

// Handle looks the callee of an Invite up and refuses the call when he is not registered.
func (a App) Handle(s *b2bua.Step, ev b2bua.Event) b2bua.Verdict {
	switch ev := ev.(type) {
	case b2bua.Invite:
		if a.Subscribers == nil {
			return b2bua.Pass
		}
		ims.Find(s, a.Subscribers, ims.Callee(ev.Draft))
		return b2bua.Hold
	case ims.Found: // Pass and Stop are about the Invite that is held
		if u := ev.Subscriber; u != nil && u.State != nil && *u.State == sh.NotRegistered {
			s.Do(b2bua.Reject{Status: 480, Reason: "the callee is not registered"})
			return b2bua.Stop
		}
	}
	return b2bua.Pass
}
