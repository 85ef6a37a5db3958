package b2bua

import (
	"context"
	"log/slog"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/bifrons/bifrons/b2bua/cdr"
	"github.com/bifrons/bifrons/internal/mailbox"
	"github.com/bifrons/bifrons/media"
	"github.com/bifrons/bifrons/sip"
)

// State is all of a call that outlives a step: plain data. What is not in it does not survive its node.
type State struct {
	ID       uint64
	Legs     []*Leg
	Branches []Branch
	Chain    []Applied
	Data     []AppData
	Alarms   []AppAlarm
	Watches  []Watch // what Apps changed in how legs are watched
	Labels   []Field // of responses to the caller
	Joining  *Joining

	Alone   bool          // it is a stand-alone request, and no session
	Sub     *Subscription // likewise: it is a subscription
	Invite  Text          // the caller's, as long as it may still be dialled
	Hops    int           // Max-Forwards of it
	Breadth int           // Max-Breadth of it, noBreadth where it has none
	Rounds  []Round       // whom registered here it is for
	Class   Class
	Keys    [2]uint64
	Winner  uint8 // the leg that answered, 0 none
	Started time.Time
	Shown   bool      // a provisional response of a callee has gone to the caller
	Rang    time.Time // the first 180
	Answer  time.Time

	ICID   string // of the P-Charging-Vector (RFC 7315), for records and logs
	Number uint64 // of the last snapshot
	Stale  bool   // restored from a snapshot that may be old

	Transfers TransferMode // what an App wants of transfers in this call
	Transfer  *Transfer    // the one that has begun
	Referred  [2]uint32    // CSeq of the last REFER that was carried: on its way in, and on its way out
	Adopting  *Adoption
	Adopted   []uint64 // calls whose legs are here
	Third     *Third
	Replaced  uint8 // slot+1 of the leg whose place the caller takes

	Cause *Cause // of the end
}

// Branch is one Dial: one leg and one walk of the Apps after the dialling one. The first is that of the INVITE itself.
type Branch struct {
	Parent  uint8
	From    uint8 // index of the first App that belongs to it
	Dialed  Dial
	URI     string  // the draft as it was dialled: another Dial of the same App starts from it
	Set     []Field // likewise
	Sent    []Field // what all Apps had set when it went out: its next target, or the Contact of a 3xx, gets it, too
	Leg     uint8   // 0 not yet
	Until   time.Duration
	Failed  int   // status
	By      uint8 // slot of the leg it was dialled for: the caller's but for a transfer
	Hops    int   // redirections followed
	Breadth int   // its share of the call's Max-Breadth, 0 none yet
	Asked   bool  // an App has dialled it
	Hunt    *Hunt
	Seek    *Seek // the look-up of its next hop's name
}

// Applied is an App of the chain, by name and version.
type Applied struct{ Name, Version string }

// Call is the actor. All fields but those of the wheel are touched in its mailbox only.
type Call struct {
	State
	srv     *Server
	box     mailbox.Box[event]
	runner  *runner
	cancels map[uint32]context.CancelFunc // of look-ups, by hold generation
	gen     uint32
	links   []Link // of the chain, resolved
	turns   turns
	shared  atomic.Pointer[[2]dialogID]
	rounds  atomic.Pointer[[]Round]
	parting outgoing     // the message that ends the call, while it does,
	extra   string       // and what an App has added to its answer
	gone    *Call        // that has its legs now
	spill   string       // what the leak audit has stopped in this step
	doomed  bool         // it failed, so that its messages are kept for longer
	detail  *slog.Logger // of a call that somebody looks for; nil is most calls
	told    []Walk       // events for the Apps that asked, at the end of the step
	warning string       // Warning of the refusal that ends the call

	due, inWheel time.Duration // guarded by the wheel
}

// event is what a mailbox holds: a message for a leg, an order, or (neither) a timer.
type event struct {
	msg    *sip.Message
	local  *Local
	ref    ref
	invite bool // the first INVITE again, or its CANCEL: there is no ref
	order  func(*Call)
	kept   time.Duration // when it had to wait in the mailbox
}

// handle runs one event to its end and sets the next deadline.
func (c *Call) handle(e event) {
	defer c.survive()
	if c.gone != nil && e.msg != nil && !e.invite { // its leg is there
		c.srv.post(c.gone, c.srv.keep(e))
		return
	}
	switch {
	case e.order != nil:
		e.order(c)
	case e.msg == nil:
		c.timers()
	default:
		l := c.legNamed(e.ref)
		switch {
		case l == nil || e.local.side != l.side:
			c.srv.foreign(e)
		case e.msg.IsRequest():
			c.hear(l, e.msg)
			c.request(l, e)
		default:
			c.hear(l, e.msg)
			c.response(l, e)
		}
	}
	for _, l := range c.Legs {
		if len(l.Proposals) > 0 {
			c.negotiate(l)
		}
		c.tellWho(l)
	}
	c.deliver()
	c.spilled()
	c.settle()
}

// survive ends the call whose step panicked: a mistake of ours costs one call and not the node.
func (c *Call) survive() {
	r := recover()
	if r == nil {
		return
	}
	c.srv.metrics.panics.Inc()
	c.srv.log.Error("step panicked, its call is dropped", "call", c.ID, "panic", r, "stack", string(debug.Stack()))
	if c.Cause == nil {
		c.Cause = &Cause{Status: 500, By: ByBifrons, Text: "internal error"}
	}
	c.giveBack()
	for _, l := range c.Legs {
		l.Hold = nil
		for i := range l.Ports {
			c.closePort(l, i)
		}
	}
	c.srv.forget(c)
	c.srv.wheel.schedule(c, 0)
}

// stranded ends a call that nobody will ever answer: every App has passed it on to nobody, and none waits for anything.
func (c *Call) stranded() {
	if c.Cause != nil || len(c.Legs) == 0 || c.Legs[0].Phase != Trying || len(c.Alarms) > 0 || c.Adopting != nil || c.Legs[0].AcceptBy > 0 {
		return
	}
	for i, l := range c.Legs {
		if l.Hold != nil || len(l.Queue) > 0 || i > 0 && l.Phase != Over || l.End.busy() {
			return
		}
	}
	for i := range c.Branches {
		if c.Branches[i].Seek != nil {
			return
		}
	}
	c.end(Cause{Status: 500, By: ByBifrons, Text: "no application answered"})
}

// settle drops finished transactions, finds the next deadline, publishes a snapshot, and lets the call go when it has
// ended and nothing lingers.
func (c *Call) settle() {
	c.stranded()
	c.giveBack()
	c.share()
	var due time.Duration
	soonest := func(d time.Duration) {
		if d > 0 && (due == 0 || d < due) {
			due = d
		}
	}
	live := 0
	for _, l := range c.Legs {
		keep := l.Txs[:0]
		for _, t := range l.Txs {
			if t.State != sip.Terminated || t.Again > 0 {
				keep = append(keep, t)
				soonest(t.Retry)
				soonest(t.Expire)
				soonest(t.Again)
			}
		}
		clear(l.Txs[len(keep):])
		l.Txs = keep
		live += len(keep)
		if l.Hold != nil {
			soonest(l.Hold.Until)
		}
		for _, d := range l.Dialogs {
			soonest(d.Rel.due())
		}
		soonest(l.proposalDue())
		soonest(l.AcceptBy)
		if l.Phase == Confirmed && c.Cause == nil && !c.Alone {
			soonest(c.vigil(l))
		}
		soonest(l.End.due())
		if c.Cause != nil {
			l.shrink()
		}
	}
	if live == 0 || c.quiet() {
		for _, l := range c.Legs {
			l.rest(c.Cause != nil && live == 0)
		}
	}
	for i := range c.Branches {
		soonest(c.Branches[i].Until)
		soonest(c.Branches[i].Hunt.due())
		soonest(c.Branches[i].Seek.due())
	}
	for i := range c.Alarms {
		soonest(c.Alarms[i].At)
	}
	if c.Joining != nil {
		soonest(c.Joining.At)
	}
	if c.Transfer != nil && c.Cause == nil {
		soonest(c.Transfer.Until)
	}
	soonest(c.Sub.due())
	if c.Cause != nil && live == 0 {
		c.srv.forget(c)
		due = 0
	} else {
		c.srv.publish(c)
	}
	c.srv.wheel.schedule(c, due)
}

// timers repeats and ends what is due.
func (c *Call) timers() {
	now := c.srv.now()
	late := func(d time.Duration) bool { return d > 0 && now >= d }
	for _, l := range c.Legs {
		if l.Hold != nil && late(l.Hold.Until) {
			c.holdFailed(l)
		}
		for _, t := range l.Txs {
			switch {
			case late(t.Again):
				c.tryAgain(l, t)
			case late(t.Expire) && t.Kind == sip.InviteClient && t.State == sip.Proceeding && !t.Cancel:
				c.noAnswer(l, t)
			case late(t.Expire):
				if c.step(t, sip.Expire)&sip.TimedOut != 0 {
					c.timedOut(l, t)
				}
			case late(t.Retry):
				if c.step(t, sip.Retry)&sip.Resend != 0 {
					c.repeat(l, t)
				}
			}
		}
		for _, d := range l.Dialogs {
			if late(d.Rel.due()) {
				c.unpracked(l, d, now)
			}
		}
		if late(l.AcceptBy) {
			c.overdue(l)
		}
		if l.Phase == Confirmed && c.Cause == nil && !c.Alone {
			c.watch(l, now)
		}
		if late(l.End.due()) && c.Cause == nil {
			c.endpointDue(l, now)
		}
	}
	for i := range c.Branches {
		if late(c.Branches[i].Hunt.due()) {
			c.unheard(uint8(i))
		}
		if late(c.Branches[i].Seek.due()) {
			c.unlocatedInTime(uint8(i))
		}
		if late(c.Branches[i].Until) {
			c.branchDue(uint8(i))
		}
	}
	c.alarms(now)
	if j := c.Joining; j != nil && now >= j.At && c.Cause == nil {
		c.askToJoin(now)
	}
	if late(c.Sub.due()) {
		c.lapse()
	}
	c.transferDue(now)
}

// branchDue ends a branch whose limit has come.
func (c *Call) branchDue(branch uint8) {
	b := &c.Branches[branch]
	b.Until = 0
	if b.Seek != nil {
		b.Seek = nil
		c.failBranch(branch, 408)
		return
	}
	c.abandon(c.Legs[b.Leg], 408)
}

// noAnswer cancels an INVITE that only rings: Timer C (RFC 3261 16.8).
func (c *Call) noAnswer(l *Leg, t *Tx) {
	if l.Phase == Trying {
		c.abandon(l, 408)
		return
	}
	c.cancel(l, t, Cause{})
	c.answerPeer(t, 408, nil)
	c.end(Cause{Status: 408, By: l.party(), Text: "no answer to INVITE"})
}

// timedOut handles a transaction that nobody answered.
func (c *Call) timedOut(l *Leg, t *Tx) {
	switch {
	case l.Hangup:
		c.bye(l, l.HangupReason)
	case t.Kind == sip.InviteServer: // 2xx never acknowledged (RFC 3261 13.3.1.4)
		c.vanished(l, 0, "no ACK", sip.ACK)
	case t.Kind == sip.InviteClient && l.Phase == Trying, c.Alone && l.UAC && l.Phase == Trying:
		c.abandon(l, 408)
	case t.Method == sip.PRACK && l.Phase == Trying:
		l.Unanswered = &Cause{By: ByCallee, Text: "no answer to PRACK", Evidence: "no response from " + l.aimed(t)}
		c.abandon(l, 408)
	case t.Own && t.Method != sip.INVITE && t.Method != sip.UPDATE || l.Phase == Over:
	default:
		if t.Kind == sip.InviteClient { // RFC 4320 4.2: a 408 to another request would come too late to be of use
			c.answerPeer(t, 408, nil)
		}
		c.vanished(l, 0, "no answer to "+t.Method.String(), t.Method)
	}
}

// vanished ends the call of a party that no longer takes part in its dialog, as its answer to a request shows, or (0) none.
func (c *Call) vanished(l *Leg, status int, what string, method sip.Method) {
	evidence := what
	if status != 0 {
		evidence = strconv.Itoa(status) + " to " + method.String()
	} else {
		status = 408
	}
	c.srv.metrics.lostBy.WithLabelValues("request").Inc()
	c.end(Cause{Status: status, By: l.party(), Text: what, Evidence: evidence, Reason: "SIP;cause=" + strconv.Itoa(status)})
}

// end is the only way a call ends: what is open on each leg is closed, every App hears it once, the record is written.
func (c *Call) end(cause Cause) {
	if c.Cause != nil {
		return
	}
	c.Cause = &cause
	c.Invite, c.told = Text{}, nil
	recordings := c.unfinished()
	c.srv.unmerge(c) // before the caller's network hears of the end: it may ask again at once
	rec := c.record(cdr.Attempt)
	rec.End, rec.Status, rec.By, rec.Cause, rec.Evidence = c.srv.cfg.Clock.Wall(), cause.Status, cause.By, cause.Text, cause.Evidence
	if !c.Answer.IsZero() {
		rec.Kind, rec.Duration = cdr.Stop, rec.End.Sub(c.Answer).Seconds()
	}
	if c.gone != nil {
		c.handOver()
	} else {
		for i, l := range c.Legs {
			rec.Legs[i].Media = c.closeLeg(l, cause)
		}
	}
	c.Alarms, c.Joining = nil, nil
	c.Sub.end()
	for i := range c.Branches {
		c.Branches[i].Until, c.Branches[i].Hunt, c.Branches[i].Seek = 0, nil, nil
	}
	c.srv.metrics.ended(cause.Status)
	c.srv.cfg.CDR.Write(rec)
	c.srv.history.add(&rec)
	if cause.Status >= 300 && cause.Status != 487 || cause.By == ByOperator { // somebody will want to see these
		c.doomed = true
		c.srv.cfg.Trace.Fail(c.ID)
	}
	c.srv.logEnd(c, &rec)
	c.detailed("end", "status", cause.Status, "by", cause.By, "cause", cause.Text, "evidence", cause.Evidence)
	// Last, for an App that hangs here takes this goroutine with it.
	c.walk(&Walk{Event: Ended{cause, recordings}, Branch: uint8(len(c.Branches) - 1)})
	c.Data, c.links, c.Chain = nil, nil, nil
}

// closeLeg ends what a leg has open and gives its ports back.
func (c *Call) closeLeg(l *Leg, cause Cause) []media.Stats {
	phase := l.Phase
	l.Phase = Over
	c.dropHold(l)
	if c.Alone {
		l.hush()
	}
	for _, t := range l.Txs {
		switch {
		case t.Kind == sip.InviteServer && t.State == sip.Proceeding,
			t.Kind == sip.NonInviteServer && (t.State == sip.Trying || t.State == sip.Proceeding):
			status, extra := cause.Status, ""
			switch {
			case phase != Trying && c.Sub != nil:
				status = 481
			case phase != Trying:
				status = 487
			case c.Alone && status == 408: // RFC 4320 4.2
				status = 504
			case status < 300:
				status = 480
			case status == 422:
				status, extra = c.tooShortFor()
			case c.parting.m != nil && refusesEndToEnd(c.parting.m):
				status = 420
			case status == 488 && c.warning != "":
				extra = (&errOffer{status, c.warning}).warning(l)
			}
			out := c.farewell(l)
			if status == 422 && out.m != nil { // its Min-SE crosses with it
				extra = ""
			}
			if l.Slot == 0 && phase == Trying {
				extra += c.extra
			}
			c.reply(l, t, reply{status: status, extra: extra, out: out})
		case t.Kind == sip.InviteServer && t.State == sip.Accepted && t == l.initial():
			l.Hangup = true // RFC 3261 15: no BYE before the ACK, or the end of the 2xx's repetitions
			l.HangupReason = cause.Reason
		case t.Kind == sip.InviteServer && t.State == sip.Accepted:
			c.step(t, sip.GotAck) // BYE is sent now: the 2xx need not be repeated
			t.Last = nil
		case t.Kind == sip.InviteClient && !t.Cancel && (t.State == sip.Calling || t.State == sip.Proceeding):
			c.cancel(l, t, cause)
		}
		t.Again = 0
	}
	switch {
	case phase == Confirmed && c.Sub != nil:
		c.unsubscribe(l, cause)
	case phase == Confirmed && !l.Hangup:
		c.bye(l, cause.Reason)
	}
	return c.closePorts(l)
}

// bye hangs an answered leg up.
func (c *Call) bye(l *Leg, reason string) {
	l.Hangup = false
	if d := l.confirmed(); d != nil {
		c.ackPending(l)
		o := c.farewell(l)
		o.reason = reason
		c.send(l, d, sip.BYE, o).Own = true
	}
}
