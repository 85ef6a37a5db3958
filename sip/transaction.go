package sip

import "time"

// TxKind is one of the four transaction machines.
type TxKind uint8

// The machines of RFC 3261 17, with the Accepted state of RFC 6026.
const (
	InviteClient TxKind = iota
	InviteServer
	NonInviteClient
	NonInviteServer
)

// TxState is a transaction's state; Terminated is the zero value.
type TxState uint8

// The states of all machines.
const (
	Terminated TxState = iota
	Calling
	Trying
	Proceeding
	Completed
	Confirmed
	Accepted
)

// TxEvent is what may happen to a transaction.
type TxEvent uint8

// The events of all machines; Retry and Expire are its two timers.
const (
	Got1xx TxEvent = iota
	Got2xx
	GotFinal // 300 to 699; any final response in a non-INVITE transaction
	GotRequest
	GotAck
	Send1xx
	Send2xx
	SendFinal
	Retry
	Expire
)

// TxAction is what the owner has to do after an event, as a set of bits.
type TxAction uint8

// The actions.
const (
	Deliver  TxAction = 1 << iota // hand the message to the user of the transaction
	Resend                        // send the last message again
	SendAck                       // acknowledge a 300 to 699 hop by hop (RFC 3261 17.1.1.3)
	StartTx                       // (re)start the timers of the new state
	TimedOut                      // nobody answered
)

type txRow struct {
	state TxState
	event TxEvent
	next  TxState
	do    TxAction
}

// txTables are the four machines: what is not listed changes nothing and is absorbed.
var txTables = [4][]txRow{
	InviteClient: {
		{Calling, Got1xx, Proceeding, Deliver | StartTx},
		{Calling, Got2xx, Accepted, Deliver | StartTx},
		{Calling, GotFinal, Completed, Deliver | SendAck | StartTx},
		{Calling, Retry, Calling, Resend},
		{Calling, Expire, Terminated, TimedOut},
		{Proceeding, Got1xx, Proceeding, Deliver},
		{Proceeding, Got2xx, Accepted, Deliver | StartTx},
		{Proceeding, GotFinal, Completed, Deliver | SendAck | StartTx},
		{Proceeding, Expire, Terminated, TimedOut}, // Timer C, RFC 3261 16.6
		{Completed, GotFinal, Completed, SendAck},
		{Completed, Expire, Terminated, 0},    // Timer D
		{Accepted, Got2xx, Accepted, Deliver}, // RFC 6026 7.2: retransmitted, or of another fork
		{Accepted, Expire, Terminated, 0},     // Timer M
	},
	InviteServer: {
		{Proceeding, GotRequest, Proceeding, Resend},
		{Proceeding, Send1xx, Proceeding, 0},
		{Proceeding, Send2xx, Accepted, StartTx},
		{Proceeding, SendFinal, Completed, StartTx},
		{Completed, GotRequest, Completed, Resend},
		{Completed, GotAck, Confirmed, StartTx},
		{Completed, Retry, Completed, Resend}, // Timer G
		{Completed, Expire, Terminated, 0},    // Timer H
		{Confirmed, Expire, Terminated, 0},    // Timer I
		// The 2xx is acknowledged: stop repeating it (RFC 3261 13.3.1.4). RFC 6026 7.1 waits for Timer L even then; an INVITE
		// sent before the ACK cannot arrive later than T4 after it, so Timer I does.
		{Accepted, GotAck, Confirmed, Deliver | StartTx},
		{Accepted, Retry, Accepted, Resend},
		{Accepted, Expire, Terminated, TimedOut},
	},
	NonInviteClient: {
		{Trying, Got1xx, Proceeding, Deliver},
		{Trying, Got2xx, Completed, Deliver | StartTx},
		{Trying, GotFinal, Completed, Deliver | StartTx},
		{Trying, Retry, Trying, Resend},
		{Trying, Expire, Terminated, TimedOut}, // Timer F
		{Proceeding, Got1xx, Proceeding, Deliver},
		{Proceeding, Got2xx, Completed, Deliver | StartTx},
		{Proceeding, GotFinal, Completed, Deliver | StartTx},
		{Proceeding, Retry, Proceeding, Resend},
		{Proceeding, Expire, Terminated, TimedOut},
		{Completed, Expire, Terminated, 0}, // Timer K
	},
	NonInviteServer: {
		{Trying, Send1xx, Proceeding, 0},
		{Trying, Send2xx, Completed, StartTx},
		{Trying, SendFinal, Completed, StartTx},
		{Proceeding, GotRequest, Proceeding, Resend},
		{Proceeding, Expire, Terminated, 0},
		{Proceeding, Send2xx, Completed, StartTx},
		{Proceeding, SendFinal, Completed, StartTx},
		{Completed, GotRequest, Completed, Resend},
		{Completed, Expire, Terminated, 0}, // Timer J
		{Trying, Expire, Terminated, 0},
	},
}

// Step is the transition of a machine: the next state and what to do. It keeps nothing.
func (k TxKind) Step(s TxState, e TxEvent) (TxState, TxAction) {
	for _, r := range txTables[k] {
		if r.state == s && r.event == e {
			return r.next, r.do
		}
	}
	return s, 0
}

// Timers are the base values of RFC 3261 17.1.1.1 and the limit of a call that only rings (Timer C; whoever steps the
// transaction starts it again at each provisional response above 100, RFC 3261 16.7).
type Timers struct {
	T1, T2, T4, NoAnswer time.Duration
}

// DefaultTimers are those of the RFC.
func DefaultTimers() Timers {
	return Timers{T1: 500 * time.Millisecond, T2: 4 * time.Second, T4: 5 * time.Second, NoAnswer: 3 * time.Minute}
}

// Schedule returns the first repetition and the limit of a state over an unreliable transport; 0 means none.
func (k TxKind) Schedule(s TxState, t Timers) (retry, expire time.Duration) {
	switch {
	case s == Calling || s == Trying && k == NonInviteClient:
		return t.T1, 64 * t.T1 // Timers A and B, E and F
	case k == InviteClient && s == Proceeding:
		return 0, t.NoAnswer
	case k == InviteServer && (s == Completed || s == Accepted):
		return t.T1, 64 * t.T1 // Timers G and H; the 2xx of RFC 3261 13.3.1.4
	case k == InviteServer && s == Confirmed, k == NonInviteClient && s == Completed:
		return 0, t.T4 // Timers I and K
	case k == InviteServer && s == Proceeding:
		return 0, 0
	}
	return 0, 64 * t.T1 // Timers D, J, L, M
}

// Backoff doubles a repetition interval up to T2, except for an INVITE not yet answered (RFC 3261 17.1.1.2).
func (k TxKind) Backoff(s TxState, last time.Duration, t Timers) time.Duration {
	if k == InviteClient {
		return 2 * last
	}
	if k == NonInviteClient && s == Proceeding {
		return t.T2
	}
	return min(2*last, t.T2)
}
