package b2bua

import (
	"time"

	"github.com/bifrons/bifrons/sip"
)

// AppAlarm is a running timer of an App.
type AppAlarm struct {
	App, Branch uint8
	Name        string
	At          time.Duration
}

// apply does what the App at w.At asked for. What no longer fits the call (a second answer, an unknown leg) is logged as
// the App's mistake and left.
func (c *Call) apply(w *Walk, e Effect) {
	if c.Cause != nil {
		return
	}
	app := c.links[w.At].App.Name()
	ok := true
	switch e := e.(type) {
	case Dial:
		ok = c.applyDial(w, e)
	case Ring:
		ok = c.applyRing(e)
	case Accept:
		if l := c.Legs[0]; !l.Own { // else it was answered before: there is no second answer (RFC 3261 13.2.1)
			l.Codecs = e.Codecs
			if e.Mixed {
				l.Codecs = c.mixedFirst(l)
			}
		}
		ok = c.accept()
	case Reject:
		ok = e.Status >= 300 && e.Status < 700 && c.Legs[0].Phase == Trying
		if ok {
			c.extra = contactLines(e.Contacts) + fieldLines(e.Headers)
			c.end(Cause{Status: e.Status, By: ByBifrons, Text: app + ": " + e.Reason})
			c.extra = ""
		}
	case Label:
		c.label(e)
	case End:
		c.end(e.Cause)
	case Send:
		ok = c.applySend(e)
	case Alarm:
		c.setAlarm(uint8(w.At), c.home(uint8(w.At), w.Branch), e)
	case Follow:
		ok = c.setChain(int(w.At)+1, e.Apps)
	case Watch:
		ok = c.applyWatch(e)
	case ChooseTransfer:
		c.Transfers, ok = TransferNamed(e.Mode)
	case Originate:
		ok = c.srv.originateBeside(e.Origination, app)
	case Move:
		ok = c.move(e.Leg, e.Call, e.With)
	default:
		ok = !c.Alone && c.applyMedia(w, e)
	}
	if c.detail != nil {
		c.detailed("effect", "app", app, "effect", EffectName(e), "refused", !ok)
	}
	if !ok {
		c.srv.metrics.effectsRefused.Inc()
		c.srv.log.Error("effect refused", "call", c.ID, "app", app, "effect", EffectName(e))
	}
}

// applyMedia does what an App asked for at the media of a leg. What does not fit is told to the App as failed, too.
func (c *Call) applyMedia(w *Walk, e Effect) (ok bool) {
	switch e := e.(type) {
	case Play:
		ok = c.applyPlay(w, e)
	case Say:
		ok = c.applySay(w, e)
	case Collect:
		ok = c.applyCollect(w, e)
	case Record:
		ok = c.applyRecord(w, e)
	case Pause:
		ok = c.applyPause(e)
	case SendDigits:
		ok = c.applySendDigits(w, e)
	case Halt:
		ok = c.applyHalt(e)
	case Connect:
		ok = c.applyConnect(w, e)
	case Release:
		ok = c.applyRelease(e)
	}
	return ok
}

// applyDial opens a branch: the Apps after the dialling one see an Invite of their own.
func (c *Call) applyDial(w *Walk, d Dial) bool {
	if a := c.Legs[0]; c.Invite.Message == nil || !a.awaits() || len(c.Branches) >= maxBranches {
		return false
	}
	if d.NextHop != "" {
		if _, ok := ParseNextHop(d.NextHop); !ok {
			return false
		}
	}
	if d.Side != "" && c.srv.sides[d.Side] == nil {
		return false
	}
	for _, r := range d.Routes {
		if a, err := sip.ParseAddress([]byte(r)); err != nil || !clean(r) || len(a.URI) == 0 {
			return false
		}
	}
	draft := &Draft{Request: c.Invite, RequestURI: string(c.Invite.RequestURI)}
	switch ev := w.Event.(type) {
	case Invite:
		draft = ev.copy()
	case Failure:
		if b := c.Branches[ev.Branch]; b.URI != "" {
			draft.RequestURI, draft.Headers = b.URI, append([]Field(nil), b.Set...)
		}
	}
	uri, set := draft.RequestURI, append([]Field(nil), draft.Headers...)
	if d.URI != "" {
		if _, err := sip.ParseURI([]byte(d.URI)); err != nil {
			return false
		}
		draft.RequestURI = d.URI
	}
	draft.Next = d
	c.openBranch(w, draft, uri, set)
	return true
}

// maxBranches bounds how often a call is dialled on, by Apps and redirections together.
const maxBranches = 16

// openBranch starts the walk of a new branch after the App that has w.
func (c *Call) openBranch(w *Walk, draft *Draft, uri string, set []Field) {
	b := Branch{Parent: c.home(uint8(w.At), w.Branch), From: uint8(w.At + 1), Dialed: draft.Next, URI: uri, Set: set, Asked: true}
	c.Branches = append(c.Branches, b)
	n := uint8(len(c.Branches) - 1)
	c.setOut(Walk{Event: Invite{Draft: draft, Branch: int(n)}, Msg: draft.Request, Branch: n, At: w.At + 1})
}

func (c *Call) applySend(e Send) bool {
	if e.Leg < 0 || e.Leg >= len(c.Legs) {
		return false
	}
	l := c.Legs[e.Leg]
	d := l.confirmed()
	m := sip.MethodOf([]byte(e.Method))
	if d == nil || l.Phase != Confirmed || c.Alone || m != sip.INFO && m != sip.MESSAGE {
		return false
	}
	c.send(l, d, m, outgoing{contentType: e.ContentType, body: e.Body}).Own = true
	return true
}

func (c *Call) setAlarm(app, branch uint8, e Alarm) {
	for i, a := range c.Alarms {
		if a.App == app && a.Branch == branch && a.Name == e.Name {
			c.Alarms = append(c.Alarms[:i], c.Alarms[i+1:]...)
			break
		}
	}
	if e.After > 0 {
		c.Alarms = append(c.Alarms, AppAlarm{app, branch, e.Name, c.srv.now() + e.After})
	}
}

// alarms gives the Apps whose timers ran out their Timer event; it goes to no other App.
func (c *Call) alarms(now time.Duration) {
	for i := 0; i < len(c.Alarms); {
		a := c.Alarms[i]
		if now < a.At {
			i++
			continue
		}
		c.Alarms = append(c.Alarms[:i], c.Alarms[i+1:]...)
		w := Walk{Event: Timer{a.Name}, Branch: a.Branch, At: int8(a.App)}
		if _, ok := c.run(&w, w.Event); !ok && c.failed(&w) {
			return
		}
		i = 0
	}
}
