package sip

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var firstStates = [4]TxState{InviteClient: Calling, InviteServer: Proceeding, NonInviteClient: Trying, NonInviteServer: Trying}

var anyKind = rapid.SampledFrom([]TxKind{InviteClient, InviteServer, NonInviteClient, NonInviteServer})

// events are those that can happen to a machine: a client's never send, a server's never get a response.
func (k TxKind) events() []TxEvent {
	if k == InviteClient || k == NonInviteClient {
		return []TxEvent{Got1xx, Got2xx, GotFinal, Retry, Expire}
	}
	return []TxEvent{GotRequest, GotAck, Send1xx, Send2xx, SendFinal, Retry, Expire}
}

// clocked is a transaction with the timers of its owner, on a clock of its own.
type clocked struct {
	kind                    TxKind
	state                   TxState
	timers                  Timers
	now                     time.Duration
	retry, expire, interval time.Duration // 0: not running
	sent                    []time.Duration
}

func newClocked(k TxKind, t Timers) *clocked {
	c := &clocked{kind: k, timers: t}
	if k == InviteClient || k == NonInviteClient {
		c.sent = append(c.sent, 0)
	}
	c.enter(firstStates[k])
	return c
}

func (c *clocked) enter(s TxState) {
	retry, expire := c.kind.Schedule(s, c.timers)
	c.state, c.interval, c.retry, c.expire = s, retry, 0, 0
	if retry > 0 {
		c.retry = c.now + retry
	}
	if expire > 0 {
		c.expire = c.now + expire
	}
}

func (c *clocked) step(e TxEvent) TxAction {
	next, do := c.kind.Step(c.state, e)
	if do&StartTx != 0 {
		c.enter(next)
	}
	if c.state = next; do&Resend != 0 {
		c.sent = append(c.sent, c.now)
	}
	return do
}

// tick goes to the next timer and lets it happen; false when none is running.
func (c *clocked) tick() bool {
	if c.state == Terminated || c.retry == 0 && c.expire == 0 {
		return false
	}
	if c.expire > 0 && (c.retry == 0 || c.expire <= c.retry) {
		c.now, c.expire = c.expire, 0
		c.step(Expire)
		return true
	}
	c.now, c.retry = c.retry, 0
	if c.step(Retry)&Resend != 0 {
		c.interval = c.kind.Backoff(c.state, c.interval, c.timers)
		c.retry = c.now + c.interval
	}
	return true
}

func (c *clocked) run() *clocked {
	for c.tick() {
	}
	return c
}

// The times of RFC 3261 17 and table 4 over UDP, in units of T1 = 500 ms.
func TestTimerSchedules(t *testing.T) {
	const t1 = 500 * time.Millisecond
	for _, c := range []struct {
		name   string
		kind   TxKind
		events []TxEvent
		sent   []int // of T1
		end    time.Duration
	}{
		{"A and B: an INVITE nobody answers", InviteClient, nil, []int{0, 1, 3, 7, 15, 31, 63}, 64 * t1},
		{"C: it only rings", InviteClient, []TxEvent{Got1xx}, []int{0}, 3 * time.Minute},
		{"D: a final answer", InviteClient, []TxEvent{GotFinal}, []int{0}, 32 * time.Second},
		{"M: a 2xx", InviteClient, []TxEvent{Got2xx}, []int{0}, 64 * t1},
		{"E and F: a BYE nobody answers", NonInviteClient, nil, []int{0, 1, 3, 7, 15, 23, 31, 39, 47, 55, 63}, 64 * t1},
		{"E is T2 after a 1xx", NonInviteClient, []TxEvent{Got1xx}, []int{0, 1, 9, 17, 25, 33, 41, 49, 57}, 64 * t1},
		{"K: a final answer", NonInviteClient, []TxEvent{GotFinal}, []int{0}, 5 * time.Second},
		{"G and H: a 486 nobody acknowledges", InviteServer, []TxEvent{SendFinal}, []int{1, 3, 7, 15, 23, 31, 39, 47, 55, 63}, 64 * t1},
		{"13.3.1.4: a 2xx nobody acknowledges", InviteServer, []TxEvent{Send2xx}, []int{1, 3, 7, 15, 23, 31, 39, 47, 55, 63}, 64 * t1},
		{"I: the 486 is acknowledged", InviteServer, []TxEvent{SendFinal, GotAck}, nil, 5 * time.Second},
		{"L ends with the ACK", InviteServer, []TxEvent{Send2xx, GotAck}, nil, 5 * time.Second},
		{"J: a final answer to a BYE", NonInviteServer, []TxEvent{SendFinal}, nil, 64 * t1},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newClocked(c.kind, DefaultTimers())
			for _, e := range c.events {
				x.step(e)
			}
			x.run()
			var want []time.Duration
			for _, n := range c.sent {
				want = append(want, time.Duration(n)*t1)
			}
			if diff := cmp.Diff(want, x.sent); diff != "" || x.state != Terminated || x.now != c.end {
				t.Errorf("state %d at %s, want the end at %s; sent (-want +got):\n%s", x.state, x.now, c.end, diff)
			}
		})
	}
}

// Whatever happens, in whatever order: what is asked of the owner is what the RFCs allow.
func TestMachinesKeepTheRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := anyKind.Draw(t, "kind")
		s := firstStates[k]
		finals := 0
		for range rapid.IntRange(1, 30).Draw(t, "events") {
			e := rapid.SampledFrom(k.events()).Draw(t, "event")
			next, do := k.Step(s, e)
			rule := func(ok bool, text string) {
				if !ok {
					t.Fatalf("machine %d: state %d, event %d, next %d, actions %b: %s", k, s, e, next, do, text)
				}
			}
			rule(s != Terminated || next == Terminated && do == 0, "the dead do nothing")
			rule(do&SendAck == 0 || k == InviteClient && e == GotFinal, "ACK is for 300 to 699 of an INVITE (17.1.1.3)")
			rule(e != GotFinal || k != InviteClient || s == Accepted || s == Terminated || do&SendAck != 0, "each of them gets it")
			rule(do&TimedOut == 0 || e == Expire && next == Terminated, "only a timer times out")
			rule(do&StartTx == 0 || next != s && next != Terminated, "timers start with a state")
			rule(do&StartTx != 0 || next == s || next == Terminated || next == Proceeding, "and every state starts them")
			rule(e != Expire || next == Terminated || k == InviteServer && s == Proceeding, "the limit is the end")
			if do&Deliver != 0 && (e == Got2xx || e == GotFinal) {
				finals++
				rule(finals == 1 || k == InviteClient && e == Got2xx, "one final answer, but every 2xx of a fork (RFC 6026 7.2)")
			}
			if e == Send2xx || e == SendFinal {
				rule((s == Trying || s == Proceeding) == (next != s), "one final answer is given")
			}
			rule(e != GotRequest || do&^Resend == 0 && next == s, "a repeated request changes nothing")
			rule(e != GotRequest || s != Accepted || do == 0, "RFC 6026 7.1: and gets no 2xx again")
			retry, _ := k.Schedule(s, DefaultTimers())
			rule(e != Retry || (do&Resend != 0) == (retry > 0 || k == NonInviteClient && s == Proceeding), "what is repeated has a timer")
			s = next
		}
	})
}

// Every machine ends by itself, however the events fall between its timers; only an INVITE not yet answered waits for its call.
func TestMachinesEndInTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := func(name string, from, to int) time.Duration {
			return time.Duration(rapid.IntRange(from, to).Draw(t, name)) * time.Millisecond
		}
		k := anyKind.Draw(t, "kind")
		timers := Timers{T1: ms("T1", 1, 2000), T4: ms("T4", 1, 10000), NoAnswer: ms("NoAnswer", 1000, 600000)}
		timers.T2 = timers.T1 * time.Duration(rapid.IntRange(1, 16).Draw(t, "T2/T1"))
		x := newClocked(k, timers)
		for range rapid.IntRange(0, 20).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "timer") {
				x.tick()
			} else {
				x.step(rapid.SampledFrom(k.events()[:len(k.events())-2]).Draw(t, "event"))
			}
		}
		if k == InviteServer && x.state == Proceeding {
			x.step(SendFinal)
		}
		start := x.now
		last := len(x.sent)
		x.run()
		if x.state != Terminated {
			t.Fatalf("machine %d stays in state %d", k, x.state)
		}
		if limit := 64*timers.T1 + timers.T4 + timers.NoAnswer; x.now-start > limit {
			t.Fatalf("machine %d ended after %s, more than %s", k, x.now-start, limit)
		}
		for i := last + 1; i < len(x.sent); i++ {
			gap := x.sent[i] - x.sent[i-1]
			if gap < min(timers.T1, timers.T2) || k != InviteClient && gap > timers.T2 {
				t.Fatalf("machine %d repeats after %s (T1 %s, T2 %s)", k, gap, timers.T1, timers.T2)
			}
		}
	})
}
