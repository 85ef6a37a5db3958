package sip

import (
	"testing"
	"time"
)

func TestTransactionTables(t *testing.T) {
	for _, c := range []struct {
		name   string
		kind   TxKind
		start  TxState
		events []TxEvent
		want   TxState
		do     TxAction
	}{
		{"late 18x after a final is absorbed", InviteClient, Calling, []TxEvent{GotFinal, Got1xx}, Completed, 0},
		{"repeated 486 is acknowledged again", InviteClient, Calling, []TxEvent{Got1xx, GotFinal, GotFinal}, Completed, SendAck},
		{"repeated 200 reaches the core", InviteClient, Calling, []TxEvent{Got2xx, Got2xx}, Accepted, Deliver},
		{"nobody answers", InviteClient, Calling, []TxEvent{Retry, Expire}, Terminated, TimedOut},
		{"2xx repeated until ACK", InviteServer, Proceeding, []TxEvent{Send2xx, Retry}, Accepted, Resend},
		{"ACK stops it", InviteServer, Proceeding, []TxEvent{Send2xx, GotAck, Retry}, Confirmed, 0},
		{"INVITE after ACK absorbed", InviteServer, Proceeding, []TxEvent{Send2xx, GotAck, GotRequest}, Confirmed, 0},
		{"18x after a final refused", InviteServer, Proceeding, []TxEvent{SendFinal, Send1xx}, Completed, 0},
		{"repeated BYE answered again", NonInviteServer, Trying, []TxEvent{SendFinal, GotRequest}, Completed, Resend},
		{"repeated final absorbed", NonInviteClient, Trying, []TxEvent{GotFinal, GotFinal}, Completed, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, do := c.start, TxAction(0)
			for _, e := range c.events {
				s, do = c.kind.Step(s, e)
			}
			if s != c.want || do != c.do {
				t.Errorf("got state %d actions %b, want %d %b", s, do, c.want, c.do)
			}
		})
	}
}

func TestEveryStateEnds(t *testing.T) {
	for k := InviteClient; k <= NonInviteServer; k++ {
		for _, r := range txTables[k] {
			if r.next == Terminated || k == InviteServer && r.next == Proceeding {
				continue // an INVITE server transaction is ended by the call
			}
			if next, _ := k.Step(r.next, Expire); next != Terminated {
				t.Errorf("machine %d: state %d has no way out", k, r.next)
			}
			if _, end := k.Schedule(r.next, DefaultTimers()); end <= 0 || end > 5*time.Minute {
				t.Errorf("machine %d: state %d has no limit", k, r.next)
			}
		}
	}
}
