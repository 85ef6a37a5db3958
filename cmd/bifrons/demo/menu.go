package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
)

// RunMenu is the act with the company's menu: Alice dials it, hears it, presses an extension, and talks with Bob, who is behind it. It
// returns nil only when she heard speech, and then Bob.
func RunMenu(ctx context.Context, w io.Writer, start Start, opts Options) error {
	ctx, cancel := context.WithTimeout(ctx, opts.Limit)
	defer cancel()
	log := opts.Verbose
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	sh := &show{paper: newPaper(w), opts: opts}
	var err error
	if sh.bob, err = NewPhone(PhoneConfig{User: "bob", Domain: homeDomain, Addr: loopback(22), Product: "Bob-Phone/2.0", Tone: bobTone, Log: log}); err != nil {
		return err
	}
	defer sh.bob.Close()
	if sh.alice, err = NewPhone(PhoneConfig{User: "alice", Domain: homeDomain, Addr: loopback(11), Product: "Alice-Phone/1.0", Tone: aliceTone, Log: log}); err != nil {
		return err
	}
	defer sh.alice.Close()
	defer sh.guard(ctx)()
	server, err := start(ctx, sh.bob.Addr())
	if err != nil {
		return fmt.Errorf("start the server with a menu: %w", err)
	}
	at, _ := server.Addresses()
	sh.title("The company's menu: Alice dials it, and presses the extension of Bob.")
	sh.line("")
	sh.line("  Bifrons  %-21s  answers sip:company@ with configs/ivr/company.yaml; so does `bifrons serve`", at)
	sh.line("")
	sh.began = time.Now()
	sh.walkMenu(ctx, server)
	sh.settled(ctx, server)
	if err := server.Close(); err != nil {
		sh.wrong("the server did not stop well: %v", err)
	}
	sh.wrongIf(errors.Join(sh.alice.Err(), sh.bob.Err()))
	if len(sh.faults) == 0 {
		sh.line("")
		sh.line("%s the menu was heard, took keys, and joined the two; the walk is a file of YAML. Next: docs/ivr.md", sh.green("Proved:"))
	}
	return sh.verdict()
}

// extension is the one that Alice presses; the menu calls what is behind it.
const extension = "345"

func (sh *show) walkMenu(ctx context.Context, server Server) {
	at, _ := server.Addresses()
	answered := make(chan error, 1)
	go func() { answered <- sh.bob.Answer(ctx, sh.opts.Ring) }() // ends with the call, or with ctx
	if err := sh.alice.Call(ctx, at, "company", nil); err != nil {
		sh.wrong("Alice: %w", err)
		return
	}
	sh.alice.mute()
	sh.speech(ctx, "Alice hears the menu: Welcome ... for sales press 1")
	if err := sh.alice.Press(extension); err != nil {
		sh.wrong("Alice: %w", err)
		return
	}
	sh.remark("Alice presses %s", strings.Join(strings.Split(extension, ""), " "))
	select {
	case err := <-answered:
		if err != nil {
			sh.wrong("Bob: %w", err)
			return
		}
	case <-ctx.Done():
		sh.wrong("Bob was not called: %w", ctx.Err())
		return
	}
	sh.alice.speak()
	<-time.After(settle)
	alice, bob := sh.listen(ctx, sh.opts.Talk/2)
	sh.hears("Alice", alice, bobTone, aliceTone)
	sh.hears("Bob", bob, aliceTone, bobTone)
	sh.remark("Bob hangs up, and the menu ends")
	sh.wrongIf(sh.bob.Hangup(ctx))
	select {
	case <-sh.alice.Ended():
	case <-ctx.Done():
		sh.wrong("the menu did not hang up: %w", ctx.Err())
	}
}

// speech listens until something is heard that is no silence.
func (sh *show) speech(ctx context.Context, what string) {
	for range 10 {
		if heard := sh.alice.Listen(ctx, sh.opts.Ring); heard.Loudness() > speechLevel {
			sh.say("%s (%.1f dB)", what, heard.Loudness())
			return
		}
	}
	sh.wrong("Alice hears nothing of the menu")
}

// speechLevel is what speech is louder than, in dB.
const speechLevel = -40.0

// Press presses keys, which go as telephone events (RFC 4733). The phone speaks between them: diago gives keys without speech between
// them one timestamp, and so makes one of them.
func (p *Phone) Press(keys string) (err error) {
	defer p.recovered("press keys", &err)
	p.mu.Lock()
	s := p.session
	p.mu.Unlock()
	if s == nil {
		return errors.New("press: no call")
	}
	w, err := s.AudioWriterDTMF()
	if err != nil {
		return fmt.Errorf("press: %w", err)
	}
	for _, k := range keys {
		p.speak()
		<-time.After(100 * time.Millisecond)
		p.mute()
		if err := w.WriteDTMF(k); err != nil {
			return fmt.Errorf("press %c: %w", k, err)
		}
	}
	return nil
}
