package b2buatest

import (
	"runtime"
	"time"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/sip"
)

// outlive is what must still work after the outcome of a step was lost with its server: the phones, left to themselves,
// stay in their dialogs, the caller hangs up, and both see the end.
func (w *World) outlive(at int) {
	alice := w.Parties["alice"]
	for _, p := range w.Parties {
		p.auto, p.drop, p.bounce = true, 0, 0
		for len(p.inbox) > 0 {
			m := p.inbox[0]
			p.inbox = p.inbox[1:]
			p.react(m, false)
		}
	}
	w.Wait(10 * time.Second)
	if alice.remoteTag == "" || !alice.confirmed() {
		return
	}
	before := len(alice.got)
	alice.send(alice.InDialog("BYE", options{}))
	w.Wait(time.Second)
	answered := false
	for _, m := range alice.got[before:] {
		_, method := m.CSeq()
		answered = answered || m.Status == 200 && string(method) == "BYE"
	}
	if !answered && !alice.hung() {
		w.T.Errorf("step %d lost: the caller's BYE is not answered with 200", at)
	}
	if w.transferred() { // two others may talk on
		w.hangUpOthers(false)
	}
	for _, name := range []string{"bob", "carol"} {
		if p := w.Parties[name]; p.confirmed() && p.acknowledged() && !p.hung() {
			w.T.Errorf("step %d lost: %s is not told of the end", at, name)
		}
	}
}

// transferred tells whether a party has asked for a transfer: then the caller's end may not be that of the call.
func (w *World) transferred() bool {
	for _, p := range w.Parties {
		if p.Name == "anna" && p.callID != "" { // she has a call of her own
			return true
		}
		for _, m := range p.sent {
			if m.Method == sip.REFER || m.Has(sip.HdrReplaces) {
				return true
			}
		}
	}
	return false
}

// hangUpOthers has one party after the other hang up while there are calls, also those that have, if the step was lost in which they did.
func (w *World) hangUpOthers(again bool) {
	for _, name := range []string{"alice", "anna", "bob", "carol"} {
		if p := w.Parties[name]; w.Server.Active() > 0 && p.confirmed() && (again || !p.hung()) {
			p.send(p.InDialog("BYE", options{}))
			w.Wait(time.Second)
		}
	}
}

// confirmed tells whether the phone is in an answered call.
func (p *Party) confirmed() bool {
	for _, m := range append(p.got, p.sent...) {
		_, method := m.CSeq()
		if !m.IsRequest() && m.Status >= 200 && m.Status < 300 && string(method) == "INVITE" && string(m.Get(sip.HdrCallID)) == p.callID {
			return true
		}
	}
	return false
}

// acknowledged tells that the phone's answer got its ACK; one that gets none ends the call by itself (RFC 3261 13.3.1.4).
func (p *Party) acknowledged() bool {
	for _, m := range append(p.got, p.sent...) {
		if m.IsRequest() && m.Method == sip.ACK && string(m.Get(sip.HdrCallID)) == p.callID {
			return true
		}
	}
	return false
}

// hung tells whether a BYE came or went.
func (p *Party) hung() bool {
	for _, m := range append(p.got, p.sent...) {
		if m.IsRequest() && m.Method == sip.BYE && string(m.Get(sip.HdrCallID)) == p.callID {
			return true
		}
	}
	return false
}

// Release lets the look-ups of the world's applications end, and waits for what follows.
func (w *World) Release() {
	for deadline := time.Now().Add(5 * time.Second); ; runtime.Gosched() {
		if w.OnRelease != nil { // again and again: a look-up may only now begin to wait
			w.OnRelease()
		}
		if lookUps, posts := w.Server.Busy(); lookUps+posts == 0 {
			break
		}
		if time.Now().After(deadline) {
			w.fail("look-ups do not end")
		}
	}
	w.step(func() {})
}

// Config returns the configuration the world's servers are made with.
func (w *World) Config() *b2bua.Config { return &w.cfg }

// Locals returns the server's addresses by the names that scripts call them; a test may add one.
func (w *World) Locals() map[string]*b2bua.Local { return w.locals }
