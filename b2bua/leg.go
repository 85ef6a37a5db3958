package b2bua

import (
	"net/netip"
	"time"

	"github.com/bifrons/bifrons/b2bua/audit"
	"github.com/bifrons/bifrons/media"
	"github.com/bifrons/bifrons/sip"
	"github.com/bifrons/bifrons/sip/digest"
	"github.com/bifrons/bifrons/sip/locate"
)

// Phase is where a leg's one INVITE usage stands.
type Phase uint8

// The phases of a leg.
const (
	Trying Phase = iota
	Confirmed
	Over
)

// Leg is one INVITE usage with one party, as plain data: its transactions, its early dialogs, later its one confirmed
// dialog. Slot 0 is the caller.
type Leg struct {
	Slot   uint8
	Born   Origin // in which call and slot, if not here
	Ours   bool   // there is no party: it stands for Bifrons, who made the call
	UAC    bool   // we sent the INVITE
	Phase  Phase
	Branch uint8 // that dialled it

	Side   string
	Local  uint8  // which of the side's addresses
	CallID string // the party's; one of ours is minted when it is needed
	Us     string // our From or To value, without tag
	Them   string // theirs, without tag
	Named  bool   // Us is no word of the far party: an App's, a trunk's, or nobody

	Asserted string // URI that a home network asserts of the party, where calls leave in its name

	Target string         // UAC: Request-URI of the initial INVITE
	Routes []string       // UAC: Route of the initial INVITE, byte for byte
	Dest   netip.AddrPort // where the initial INVITE went or came from
	Name   string         // that led there, "" for an address: who answers over TLS must prove to have it (RFC 5922 7.3)

	Flow bool // no Contact of the party leads to it, but Dest does (flow.go)

	Unanswered *Cause // UAC: of a failure that is no word of the party, who has said nothing final

	Counted bool   // it stands in its gates (admission.go)
	Route   uint16 // UAC: number of the route that led to it, 0 none

	CSeq    uint32 // last of ours
	Last    uint32 // number of the last transaction
	Txs     []*Tx
	Dialogs []*Dialog

	Ports     []media.Port  // per m-line; ID 0 has none
	Retired   []media.Stats // of ports that were given back
	Joined    bool          // the ports are linked to those of another leg
	Own       bool          // Bifrons is the other end
	Codecs    []string      // of its answers, as an App has said; none: as its side says
	Met       uint8         // 1 + the leg whose description it has last answered, or was answered by; 0 it was Bifrons'
	Said      []byte        // its party's last description, where an App may want it joined to somebody else
	Room      uint64        // it is in
	RoomOwner Owner
	RoomName  string    // of the Connect that brought it there
	End       *Endpoint // what Bifrons does at its media

	Hangup       bool // the BYE waits for the ACK
	HangupReason string

	Hold  *Held
	Queue []Walk // what waits behind the hold
	Waits []Walk // what waits for a PRACK, at the end of its walk

	With      uint8 // slot+1 of the leg at its far end, where that is not as it began
	Proposals []Proposal

	Asked    []stream      // of the caller: what its INVITE described, until it is answered
	AcceptBy time.Duration // likewise: Bifrons answers when its preconditions are met, or then
	Voice    uint8         // likewise: number of the early dialog it hears
	First    uint32        // number of the initial INVITE's transaction, once it was sent again; 0 is 1
	Life     *Life         // how its party is watched, once it is confirmed
	Session  *Session
	Proofs   []digest.Session // that its party or proxies ask for with each request
	Proof    []byte           // what its last INVITE had of them, for the ACK
	Heard    []byte           // what its party said of itself, for the leak audit (the Arena of an audit.Ear)

	side  *Side
	local *Local
	hears *audit.Ear // made of Heard while the leg has transactions
}

// Dialog is one dialog of a leg, early or confirmed (RFC 3261 12).
type Dialog struct {
	Number    uint8 // in our tag when we are the UAS
	RemoteTag string
	Target    string // remote target
	Routes    []string
	Remote    uint32 // last CSeq of the party
	Confirmed bool
	Ended     bool   // a fork that was hung up
	Updates   bool   // its party takes UPDATE,
	Changes   bool   // and a From that changes (RFC 4916)
	Hidden    bool   // it has asked that nobody learns who it is
	Us, Them  string // our From and To value, without tag, where they are no longer the leg's
	Tell      bool   // Us has changed, and no INVITE or UPDATE has told so yet
	Gate      []byte // what its network allows of early media, by m-line

	RSeq uint32    // of the party's last reliable response (RFC 3262)
	Rel  *Reliable // ours

	Twin  uint8 // of a callee's: the caller's dialog it is shown as, noTwin before
	Own   bool  // of the caller's: it was shown an answer of Bifrons' own
	Offer offer
}

const noTwin = 255

// Tx is a transaction of a leg: plain data, stepped in the call's mailbox by the tables of package sip.
type Tx struct {
	Kind   sip.TxKind
	State  sip.TxState
	Method sip.Method
	Num    uint32 // within the leg; of a client transaction it is in the branch
	Branch string // server: the party's
	CSeq   uint32
	Dialog uint8 // index in the leg
	Local  uint8 // server: the address it came in on

	Head []byte           // server: the fields every response repeats (RFC 3261 8.2.6.2), less a To without tag
	Last []byte           // what a retransmission repeats
	Ack  []byte           // INVITE client: the ACK of the 2xx
	Dest netip.AddrPort   // of what is repeated
	Name string           // that led there (Leg.Name)
	Seek *locate.Question // it is to be looked up before anything is sent

	Interval time.Duration
	Retry    time.Duration // deadlines on the server's clock, 0 = none
	Expire   time.Duration

	Stream  bool      // its messages go over TCP or TLS: nothing but a 2xx is repeated (RFC 3261 17.1.1.2, 13.3.1.4)
	Tagged  bool      // server: the request's To had a tag
	Offered bool      // the request carried a description
	Them    string    // server: the From of a party that is somebody else than before, and is so from our 2xx on (RFC 4916 4.5.2)
	Rang    bool      // INVITE client: a provisional has come
	Cancel  bool      // INVITE client: to be cancelled, once Rang (RFC 3261 9.1),
	Reason  string    // for this
	Own     bool      // the engine's: its answer goes no further
	For     *Proposal // INVITE client: what it was sent for
	Tries   uint8
	Logins  uint8 // how often a challenge to it was answered

	Reliable bool          // INVITE: who sent it knows reliable provisional responses (RFC 3262),
	Requires bool          // or wants no others
	Ends     bool          // likewise: wants to know of early dialogs that end (RFC 6228)
	Again    time.Duration // when a re-INVITE refused with 491 is sent again (RFC 3261 14.1)

	PeerLeg uint8
	Peer    uint32 // Num of the other leg's transaction it carries, 0 none
}

// Held is an event that waits for an App's look-up.
type Held struct {
	Walk       Walk
	Generation uint32
	Until      time.Duration
}

// find returns the live transaction that matches.
func (l *Leg) find(kind sip.TxKind, match func(*Tx) bool) *Tx {
	for _, t := range l.Txs {
		if t.Kind == kind && t.State != sip.Terminated && match(t) {
			return t
		}
	}
	return nil
}

// tx returns the transaction of that number, nil when it is over.
func (l *Leg) tx(num uint32) *Tx {
	for _, t := range l.Txs {
		if t.Num == num && num != 0 {
			return t
		}
	}
	return nil
}

// initial returns the transaction of the leg's first INVITE while it lasts.
func (l *Leg) initial() *Tx {
	if len(l.Txs) > 0 && l.Txs[0].Num == 1 && l.Txs[0].Method == sip.INVITE && l.First == 0 {
		return l.Txs[0]
	}
	return l.tx(l.First)
}

// dialogOf returns the index of the dialog with a remote tag, -1 if there is none.
func (l *Leg) dialogOf(tag []byte) int {
	for i, d := range l.Dialogs {
		if d.RemoteTag == string(tag) {
			return i
		}
	}
	return -1
}

// confirmed returns the leg's confirmed dialog, nil before.
func (l *Leg) confirmed() *Dialog {
	for _, d := range l.Dialogs {
		if d.Confirmed {
			return d
		}
	}
	return nil
}

// shrink drops what a leg that is over no longer needs while it lingers for its last transaction timers. While an INVITE of
// ours lasts, another fork may still answer it.
func (l *Leg) shrink() {
	l.Proposals, l.AcceptBy = nil, 0
	l.Queue, l.Waits, l.Asked, l.Ports, l.Life, l.Session, l.End = nil, nil, nil, nil, nil, nil, nil
	for _, t := range l.Txs {
		if t.Kind == sip.InviteClient || t.State == sip.Proceeding || l.Hangup {
			return
		}
	}
	for _, d := range l.Dialogs {
		d.Offer, d.Rel, d.Target, d.Routes = offer{}, nil, "", nil
	}
	l.Us, l.Them, l.Target, l.Routes = "", "", "", nil
}

// awaits tells that a caller may still be given a callee: nobody has answered, or Bifrons itself has.
func (l *Leg) awaits() bool { return l.Phase == Trying || l.Own && l.Phase == Confirmed }

// party names a leg in causes and records.
func (l *Leg) party() string {
	if l.Slot == 0 {
		return ByCaller
	}
	return ByCallee
}

// enter puts a transaction into a state and sets its timers.
func (c *Call) enter(t *Tx, s sip.TxState) {
	t.State = s
	retry, expire := t.Kind.Schedule(s, c.srv.cfg.Timers)
	now := c.srv.now()
	if t.Stream && (t.Kind != sip.InviteServer || s != sip.Accepted) {
		retry = 0
	}
	t.Interval, t.Retry, t.Expire = retry, 0, 0
	if retry > 0 {
		t.Retry = now + retry
	}
	if expire > 0 {
		t.Expire = now + expire
	}
}

// step moves a transaction by one event and sets new timers when the table says so.
func (c *Call) step(t *Tx, e sip.TxEvent) sip.TxAction {
	next, do := t.Kind.Step(t.State, e)
	if do&sip.StartTx != 0 {
		c.enter(t, next)
	}
	t.State = next
	return do
}

// begin adds a transaction to a leg in its first state.
func (c *Call) begin(l *Leg, t *Tx, first sip.TxState) *Tx {
	if t.Num == 0 {
		l.Last++
		t.Num = l.Last
	}
	t.Stream = l.side.Locals[t.Local].Transport.Reliable()
	c.enter(t, first)
	l.Txs = append(l.Txs, t)
	return t
}

// repeat sends a transaction's last message again after a timer.
func (c *Call) repeat(l *Leg, t *Tx) {
	t.Interval = t.Kind.Backoff(t.State, t.Interval, c.srv.cfg.Timers)
	t.Retry = c.srv.now() + t.Interval
	if c.unmoved(l, t) && c.elsewhere(l, t) {
		return
	}
	c.srv.metrics.retransmissions.Inc()
	c.transmit(l, l.side.Locals[t.Local], t.Last, t.Dest, t.Name)
}

// transmit sends a message; false when the network does not take it. name is whom a server must prove to be over TLS, "" the
// address. What waits for a look-up of its destination is not sent.
func (c *Call) transmit(l *Leg, from *Local, b []byte, to netip.AddrPort, name string) bool {
	if len(b) == 0 || !to.IsValid() {
		return true
	}
	if err := from.send(b, to, name); err != nil {
		c.srv.metrics.sendErrors.Inc()
		c.srv.log.Debug("send failed", "call", c.ID, "to", to, "err", err)
		return false
	}
	c.noted(l, from, true, to, b)
	return true
}
