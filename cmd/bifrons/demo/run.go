package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Server is the server in the middle, as far as the demo needs it.
type Server interface {
	// Addresses returns where the caller's phone sends its INVITE (side core)
	// and what the server uses on the callee's side (carrier).
	Addresses() (caller, callee netip.AddrPort)
	// Close stops the server and waits until it has stopped.
	Close() error
}

// Counter is what a Server may implement besides: the number of calls that
// still live. Then Run also proves that none is left over.
type Counter interface {
	Calls() int
}

// Start starts the server in this process with the callee's phone as the next
// hop of the callee's side.
type Start func(ctx context.Context, calleePhone netip.AddrPort) (Server, error)

// Options shape the demo.
type Options struct {
	Ring    time.Duration // how long Bob's phone rings
	Talk    time.Duration // how long they talk, before the hold and after it
	Hold    time.Duration // how long the hold is listened to
	Limit   time.Duration // of everything together
	Verbose *slog.Logger  // gets the logs of sipgo and diago; nil for none
}

// DefaultOptions make a show of about six seconds.
func DefaultOptions() Options {
	return Options{Ring: 400 * time.Millisecond, Talk: 2 * time.Second, Hold: time.Second, Limit: 20 * time.Second}
}

const (
	aliceTone = 440.0 // Hz
	bobTone   = 880.0
	loud      = -12.0 // dB; the tones are played at -6
	silence   = -60.0
	settle    = 200 * time.Millisecond // packets under way, and the relay learning its sources
)

// Run makes the call and shows it on w. It returns nil only when everything it
// showed is true and nothing is missing. Call [QuietLibraries] before it.
func Run(ctx context.Context, w io.Writer, start Start, opts Options) error {
	ctx, cancel := context.WithTimeout(ctx, opts.Limit)
	defer cancel()
	log := opts.Verbose
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	sh := &show{paper: newPaper(w), opts: opts}
	var err error
	if sh.bob, err = NewPhone(PhoneConfig{User: "bob", Domain: "home.example", Addr: loopback(22), Product: "Bob-Phone/2.0", Tone: bobTone, Log: log}); err != nil {
		return err
	}
	defer sh.bob.Close()
	if sh.alice, err = NewPhone(PhoneConfig{User: "alice", Domain: "home.example", Addr: loopback(11), Product: "Alice-Phone/1.0", Tone: aliceTone, Log: log}); err != nil {
		return err
	}
	defer sh.alice.Close()
	defer sh.guard(ctx)()
	server, err := start(ctx, sh.bob.Addr())
	if err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	sh.head(server)
	sh.call(ctx, server)
	sh.settled(ctx, server)
	if len(sh.faults) == 0 {
		sh.left(ctx, server)
	}
	if err := server.Close(); err != nil {
		sh.wrong("the server did not stop well: %v", err)
	}
	sh.wrongIf(sh.alice.Err())
	sh.wrongIf(sh.bob.Err())
	sh.report(server)
	return sh.verdict()
}

// guard closes the phones soon after ctx has ended, because some waits of the
// libraries know no context. What it returns ends it.
func (sh *show) guard(ctx context.Context) (end func()) {
	var wg sync.WaitGroup
	over := make(chan struct{})
	wg.Go(func() {
		select {
		case <-ctx.Done():
		case <-over:
			return
		}
		select {
		case <-time.After(2 * time.Second):
			_ = sh.alice.Close()
			_ = sh.bob.Close()
		case <-over:
		}
	})
	return func() {
		close(over)
		wg.Wait()
	}
}

// loopback returns 127.0.0.n where the system has it, so that each phone has an
// address of its own, otherwise 127.0.0.1.
func loopback(n byte) netip.Addr {
	addr := netip.AddrFrom4([4]byte{127, 0, 0, n})
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 0)))
	if err != nil {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	if conn.Close() != nil {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return addr
}

// show is one run of the demo.
type show struct {
	*paper
	opts       Options
	alice, bob *Phone
	began      time.Time
	notes      []note
	faults     []error
	toBob      stream // Alice's audio
	toAlice    stream // Bob's audio
}

func (sh *show) head(server Server) {
	core, carrier := server.Addresses()
	sh.line("%s", sh.bold("Bifrons demo: Alice calls Bob, and neither phone learns where the other one is."))
	sh.line("They talk, Alice puts Bob on hold and resumes, Bob hangs up. All of it on loopback, in about %.0f seconds.",
		(sh.opts.Ring + 2*sh.opts.Talk + sh.opts.Hold + time.Second).Seconds())
	sh.line("")
	sh.line("  Alice    %-21s  side core, home          plays %.0f Hz", sh.alice.Addr(), aliceTone)
	sh.line("  Bifrons  %-21s  towards Alice, and %s towards Bob", core, carrier)
	sh.line("  Bob      %-21s  side carrier, untrusted  plays %.0f Hz", sh.bob.Addr(), bobTone)
	sh.line("")
	sh.began = time.Now()
}

// say prints a line of progress.
func (sh *show) say(format string, args ...any) {
	sh.line("%s %s", sh.dim(fmt.Sprintf("%5.2f s ", time.Since(sh.began).Seconds())), fmt.Sprintf(format, args...))
}

// remark says it and puts it between the messages of the ladder too.
func (sh *show) remark(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	sh.notes = append(sh.notes, note{at: time.Now(), text: text})
	sh.say("%s", text)
}

func (sh *show) wrong(format string, args ...any) {
	sh.wrongIf(fmt.Errorf(format, args...))
}

func (sh *show) wrongIf(err error) {
	if err != nil {
		sh.faults = append(sh.faults, err)
		sh.say("%s %v", sh.red("wrong:"), err)
	}
}

// call walks through the call; what fails ends it, what is merely untrue is noted.
func (sh *show) call(ctx context.Context, server Server) {
	to, _ := server.Addresses()
	answerCtx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	answered := make(chan error, 1)
	go func() { answered <- sh.bob.Answer(answerCtx, sh.opts.Ring) }() // awaited below
	sh.say("Alice calls bob@home.example")
	rang := false
	err := sh.alice.Call(ctx, to, "bob", func(status int, reason string) {
		rang = rang || status == 180
		sh.say("Alice's phone gets %d %s", status, reason)
	})
	if err != nil {
		sh.wrong("Alice: %w", err)
		giveUp()
	}
	if err := <-answered; err != nil {
		sh.wrong("Bob: %w", err)
	}
	if len(sh.faults) > 0 {
		return
	}
	if !rang {
		sh.wrong("Alice's phone never got 180 Ringing")
	}
	sh.asked(ctx, server)
	sh.talk(ctx, "they talk", &sh.toBob.before, &sh.toAlice.before)
	if sh.hold(ctx) {
		sh.talk(ctx, "they talk again", &sh.toBob.after, &sh.toAlice.after)
	}
	sh.remark("Bob hangs up")
	sh.wrongIf(sh.bob.Hangup(ctx))
	for _, p := range []*Phone{sh.alice, sh.bob} {
		select {
		case <-p.Ended():
		case <-time.After(2 * time.Second):
			sh.wrong("the phone of %s did not see the end of the call", p.cfg.User)
		}
	}
}

// listen lets both phones listen at once.
func (sh *show) listen(ctx context.Context, d time.Duration) (alice, bob Heard) {
	<-time.After(settle)
	done := make(chan Heard)
	go func() { done <- sh.bob.Listen(ctx, d) }() // ends with d or ctx, and is awaited
	alice = sh.alice.Listen(ctx, d)
	return alice, <-done
}

// talk checks that each hears the other one's tone, and nothing else.
func (sh *show) talk(ctx context.Context, what string, bobHears, aliceHears *float64) {
	sh.remark("%s", what)
	alice, bob := sh.listen(ctx, sh.opts.Talk)
	*bobHears, *aliceHears = bob.Level(aliceTone), alice.Level(bobTone)
	sh.hears("Bob", bob, aliceTone, bobTone)
	sh.hears("Alice", alice, bobTone, aliceTone)
}

func (sh *show) hears(who string, h Heard, right, other float64) {
	switch level := h.Level(right); {
	case h.Packets == 0:
		sh.wrong("%s hears nothing", who)
	case level < loud:
		sh.wrong("%s should hear %.0f Hz, but it is at %.1f dB", who, right, level)
	case h.Level(other) > level-20:
		sh.wrong("%s hears its own %.0f Hz at %.1f dB", who, other, h.Level(other))
	case h.Loudness() > level+1:
		sh.wrong("%s hears more than the tone: %.1f dB in all, %.1f dB of it at %.0f Hz", who, h.Loudness(), level, right)
	default:
		sh.say("%s hears %.0f Hz at %.1f dB (%.0f Hz: %.1f dB)", who, right, level, other, h.Level(other))
	}
}

// hold holds, listens to the silence, and resumes.
func (sh *show) hold(ctx context.Context) bool {
	sh.remark("Alice puts Bob on hold")
	if err := sh.alice.Hold(ctx); err != nil {
		sh.wrong("Alice: %w", err)
		return false
	}
	alice, bob := sh.listen(ctx, sh.opts.Hold)
	sh.toBob.held, sh.toAlice.held = bob.Loudness(), alice.Loudness()
	if level := max(sh.toBob.held, sh.toAlice.held); level > silence {
		sh.wrong("the hold is not silent: Alice hears %.1f dB, Bob %.1f dB", sh.toAlice.held, sh.toBob.held)
	} else {
		sh.say("silence: Alice got %d packets, Bob %d", alice.Packets, bob.Packets)
	}
	sh.remark("Alice resumes")
	if err := sh.alice.Resume(ctx); err != nil {
		sh.wrong("Alice: %w", err)
		return false
	}
	return true
}

// settled waits for what should not come: more messages, or a call left over.
func (sh *show) settled(ctx context.Context, server Server) {
	counter, counts := server.(Counter)
	for deadline := time.Now().Add(2 * time.Second); ; {
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			sh.wrong("it took longer than %v", sh.opts.Limit)
			return
		}
		left := 0
		if counts {
			left = counter.Calls()
		}
		if left == 0 {
			return
		}
		if time.Now().After(deadline) {
			sh.wrong("%d calls are left over in the server", left)
			return
		}
	}
}

func (sh *show) verdict() error {
	if sh.paper.err != nil {
		return fmt.Errorf("write the show: %w", sh.paper.err)
	}
	if len(sh.faults) == 0 {
		return nil
	}
	texts := make([]string, len(sh.faults))
	for i, err := range sh.faults {
		texts[i] = err.Error()
	}
	return fmt.Errorf("the demo is not true: %w", errors.New(strings.Join(texts, "; ")))
}
