package demo

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

func newPhone(t *testing.T, user string, frequency float64) *Phone {
	t.Helper()
	p, err := NewPhone(PhoneConfig{
		User: user, Domain: "home.example", Addr: netip.MustParseAddr("127.0.0.1"), Product: user + "-phone/9", Tone: frequency,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(p.Close(), p.Err()); err != nil {
			t.Errorf("the phone of %s: %v", user, err)
		}
	})
	return p
}

func must(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// The called phone holds and resumes, the calling one hangs up: the other way
// round than the demo does it.
func TestPhoneToPhone(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	alice, bob := newPhone(t, "alice", 500), newPhone(t, "bob", 700)
	answered := make(chan error, 1)
	go func() { answered <- bob.Answer(ctx, 0) }()
	var statuses []int
	must(t, "call", alice.Call(ctx, bob.Addr(), "bob", func(status int, _ string) { statuses = append(statuses, status) }))
	must(t, "answer", <-answered)
	if !slices.Equal(statuses, []int{180, 200}) && !slices.Equal(statuses, []int{200}) {
		t.Errorf("the caller got %v", statuses) // sipgo may let the 200 overtake the 180
	}
	if h := alice.Listen(ctx, 300*time.Millisecond); h.Level(700) < loud || h.Level(500) > -40 {
		t.Errorf("alice hears 700 Hz at %.1f dB, 500 Hz at %.1f dB", h.Level(700), h.Level(500))
	}
	must(t, "hold", bob.Hold(ctx))
	alice.Listen(ctx, 50*time.Millisecond)
	if h := alice.Listen(ctx, 200*time.Millisecond); h.Packets != 0 {
		t.Errorf("alice got %d packets on hold", h.Packets)
	}
	must(t, "resume", bob.Resume(ctx))
	if h := bob.Listen(ctx, 300*time.Millisecond); h.Level(500) < loud {
		t.Errorf("bob hears 500 Hz at %.1f dB", h.Level(500))
	}
	must(t, "hang up", alice.Hangup(ctx))
	<-alice.Ended()
	<-bob.Ended()
	sent, ssrc := alice.Sent()
	if r := bob.Reception(); r.Packets < sent-1 || r.Packets > sent || r.Lost != 0 || !slices.Equal(r.SSRCs, []uint32{ssrc}) {
		t.Errorf("alice sent %d of %x, bob received %+v", sent, ssrc, r)
	}
	var methods []string
	for _, m := range bob.Messages() {
		if !m.Sent || m.Status() == 0 {
			methods = append(methods, m.Method())
		}
	}
	if got := strings.Join(methods, " "); !strings.HasPrefix(got, "INVITE ACK INVITE INVITE ") &&
		!strings.HasPrefix(got, "INVITE ACK INVITE ") || !strings.HasSuffix(got, "BYE") {
		t.Errorf("bob's socket saw %s", got)
	}
}

// A caller who gives up sends CANCEL, and the called phone knows.
func TestPhoneGivesUp(t *testing.T) {
	alice, bob := newPhone(t, "alice", 500), newPhone(t, "bob", 700)
	ctx, cancel := context.WithCancel(t.Context())
	answered := make(chan error, 1)
	go func() { answered <- bob.Answer(t.Context(), time.Minute) }()
	err := alice.Call(ctx, bob.Addr(), "bob", func(int, string) { cancel() })
	if err == nil {
		t.Fatal("the call went through")
	}
	if err := <-answered; err == nil || !strings.Contains(err.Error(), "gave up") {
		t.Errorf("bob: %v", err)
	}
	var seen []string
	for _, m := range alice.Messages() {
		seen = append(seen, strings.Fields(m.Title())[0])
	}
	if !slices.Contains(seen, "CANCEL") || !slices.Contains(seen, "487") {
		t.Errorf("alice's socket saw %v", seen)
	}
}

// A second caller hears busy.
func TestPhoneIsBusy(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	alice, carol, bob := newPhone(t, "alice", 500), newPhone(t, "carol", 600), newPhone(t, "bob", 700)
	answered := make(chan error, 1)
	go func() { answered <- bob.Answer(ctx, 0) }()
	must(t, "call", alice.Call(ctx, bob.Addr(), "bob", nil))
	must(t, "answer", <-answered)
	if err := carol.Call(ctx, bob.Addr(), "bob", nil); err == nil || !strings.Contains(err.Error(), "486") {
		t.Errorf("carol: %v, want 486", err)
	}
	must(t, "hang up", alice.Hangup(ctx))
}

func TestPhoneWithoutCall(t *testing.T) {
	bob := newPhone(t, "bob", 700)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	for what, err := range map[string]error{
		"answer": bob.Answer(ctx, 0), "hold": bob.Hold(ctx), "resume": bob.Resume(ctx), "hang up": bob.Hangup(ctx),
	} {
		if err == nil {
			t.Errorf("%s worked without a call", what)
		}
	}
	if n, _ := bob.Sent(); n != 0 {
		t.Errorf("sent %d packets without a call", n)
	}
}
