package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// StartAS starts the server in this process as an application server behind an S-CSCF.
type StartAS func(ctx context.Context) (AS, error)

// AS is the server in its second act. The first of its addresses is what the filter criteria of the S-CSCF have.
type AS interface {
	Server
	Home
	Counter
}

// AwayNumber is where the HSS of an AS has Bob's calls sent on to when he is not registered.
const AwayNumber = "sip:office@" + homeDomain

const homeDomain = "home.example"

// RunIMS is the act behind an S-CSCF: two calls to Bob. In the first he is registered, and his phone rings. Then he leaves: the HSS
// tells, and the second call goes to his office, with 181 and History-Info. It returns nil only when both calls were heard, and the
// server gave each back to the S-CSCF as TS 24.229 5.7.5 wants.
func RunIMS(ctx context.Context, w io.Writer, start StartAS, opts Options) error {
	ctx, cancel := context.WithTimeout(ctx, opts.Limit)
	defer cancel()
	a := &act{show: &show{paper: newPaper(w), opts: opts}}
	server, err := start(ctx)
	if err != nil {
		return fmt.Errorf("start the application server: %w", err)
	}
	if a.core, err = newSCSCF(homeDomain, loopback(33)); err != nil {
		return errors.Join(err, server.Close())
	}
	at, _ := server.Addresses()
	a.core.start(at)
	a.title("Behind an S-CSCF: Alice calls Bob, who then leaves, and calls him again.")
	a.line("")
	a.line("  S-CSCF   %-21s  asks Bifrons about each call to Bob (sescase=term)", a.core.addr)
	a.line("  Bifrons  %-21s  asks the HSS, and gives the call back to the S-CSCF", at)
	a.line("")
	a.began = time.Now()
	if a.place(ctx, "bob", 0) {
		a.asked(ctx, server)
		a.remark("Bob leaves")
		a.left(ctx, server)
		a.place(ctx, "office", 1)
	}
	a.settled(ctx, server)
	a.wrongIf(a.core.Err())
	if err := errors.Join(a.core.Close(), server.Close()); err != nil {
		a.wrong("the application server did not stop well: %v", err)
	}
	a.told()
	return a.verdict()
}

// act is one run of RunIMS.
type act struct {
	*show
	core *scscf
}

// place makes a call to Bob that the phone of that user answers; false when it failed.
func (a *act) place(ctx context.Context, who string, n byte) bool {
	before, name := len(a.faults), "Bob"
	if who != "bob" {
		name = "Bob's " + who
	}
	log := a.opts.Verbose
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	callee, err := NewPhone(PhoneConfig{User: who, Domain: homeDomain, Addr: loopback(22 + n), Product: "Phone/2.0", Tone: bobTone, Log: log})
	if err != nil {
		a.wrongIf(err)
		return false
	}
	defer callee.Close()
	caller, err := NewPhone(PhoneConfig{User: "alice", Domain: homeDomain, Addr: loopback(11), Product: "Phone/1.0", Tone: aliceTone, Log: log})
	if err != nil {
		a.wrongIf(err)
		return false
	}
	defer caller.Close()
	a.core.register(callee)
	a.core.register(caller)
	sub := &show{paper: a.paper, opts: a.opts, alice: caller, bob: callee, began: a.began}
	defer sub.guard(ctx)()
	a.bob = callee
	a.remark("Alice calls bob@%s", homeDomain)
	answerCtx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	answered := make(chan error, 1)
	go func() { answered <- callee.Answer(answerCtx, a.opts.Ring/2) }() // awaited below
	seen := []int{}
	if err := caller.Call(ctx, a.core.addr, "bob", func(status int, reason string) {
		seen = append(seen, status)
		a.say("Alice's phone gets %d %s", status, reason)
	}); err != nil {
		a.wrong("Alice: %w", err)
		giveUp()
	}
	if err := <-answered; err != nil {
		a.wrong("%s: %w", name, err)
	}
	if len(a.faults) == before {
		if forwarded := slices.Contains(seen, 181); forwarded != (who == "office") {
			a.wrong("Alice's phone was told %v", seen)
		}
		sub.listened(ctx, a.opts.Talk/5, name)
		a.remark("%s hangs up", name)
		a.wrongIf(callee.Hangup(ctx))
		for _, p := range []*Phone{caller, callee} {
			select {
			case <-p.Ended():
			case <-time.After(2 * time.Second):
				a.wrong("the phone of %s did not see the end of the call", p.cfg.User)
			}
		}
	}
	a.faults = append(a.faults, sub.faults...)
	a.wrongIf(caller.Err())
	a.wrongIf(callee.Err())
	return len(a.faults) == before
}

// listened checks that each hears the other for a short while.
func (sh *show) listened(ctx context.Context, d time.Duration, who string) {
	alice, other := sh.listen(ctx, d)
	sh.hears(who, other, aliceTone, bobTone)
	sh.hears("Alice", alice, bobTone, aliceTone)
}

// told shows what passed the S-CSCF, and checks what came back from the server.
func (a *act) told() {
	a.title("What passed the S-CSCF: the phones on its left, Bifrons on its right")
	a.ladder("Phones", "S-CSCF", "Bifrons", a.rungs())
	a.title("What Bifrons gave back")
	all := a.core.errands()
	slices.SortFunc(all, func(x, y errand) int { return x.number - y.number })
	if len(all) != 2 {
		a.wrong("the S-CSCF asked %d times", len(all))
	}
	for _, e := range all {
		a.gaveBack(e, e.number == 1)
	}
	if len(a.faults) > 0 {
		a.line("%s", a.red("Not proved; see what is wrong above."))
		return
	}
	a.line("%s the S-CSCF got its own dialog back in both forms, and the HSS alone has changed where Bob's calls go, in %.1f s.",
		a.green("Proved:"), time.Since(a.began).Seconds())
	a.line("Next: docs/ims.md has filter criteria to paste, configs/ims-as.yaml the server's side.")
}

// gaveBack checks one visit.
func (a *act) gaveBack(e errand, divert bool) {
	if e.back == nil {
		a.wrong("nothing came back for %s", e.route)
		return
	}
	asked, back := strings.Split(e.asked.startLine(), " ")[1], strings.Split(e.back.startLine(), " ")[1]
	row := func(what, before, after string, ok bool, why string) {
		verdict := a.green(why)
		if !ok {
			verdict = a.red("WRONG")
			a.wrong("%s: %q became %q", what, before, after)
		}
		a.line("%-19s %-32s %-32s %s", what, cut(before, 32), cut(after, 32), verdict)
	}
	call := "first call"
	if divert {
		call = "second call"
	}
	a.line("%s", a.bold(fmt.Sprintf("%-19s %-32s %s", call, "the S-CSCF sent", "and got back")))
	if divert {
		row("Request-URI", asked, back, back == AwayNumber+";cause=404", "retargeted, with the cause")
	} else {
		row("Request-URI", asked, back, back == asked, "as it was")
	}
	route := strings.Join(e.back.Headers("Route"), ", ")
	row("Route", e.route, route, route == e.route, "byte for byte")
	row("P-Served-User", e.asked.Header("P-Served-User"), e.back.Header("P-Served-User"), e.back.Header("P-Served-User") == "", "consumed")
	row("P-Asserted-Identity", e.asked.Header("P-Asserted-Identity"), e.back.Header("P-Asserted-Identity"),
		e.back.Header("P-Asserted-Identity") == e.asked.Header("P-Asserted-Identity"), "the caller's")
	row("P-Charging-Vector", e.asked.Header("P-Charging-Vector"), e.back.Header("P-Charging-Vector"),
		e.back.Header("P-Charging-Vector") == e.asked.Header("P-Charging-Vector"), "one identity")
	history, way := "", "none"
	if divert {
		way = "the way it took"
		history = "<sip:bob@" + homeDomain + ">;index=1, <" + AwayNumber + ";cause=404>;index=1.1;mp=1"
	}
	row("History-Info", "", e.back.Header("History-Info"), e.back.Header("History-Info") == history, way)
	row("Call-ID", e.asked.Header("Call-ID"), e.back.Header("Call-ID"), e.back.Header("Call-ID") != e.asked.Header("Call-ID"), "another dialog")
	a.line("")
}

// rungs are what the S-CSCF's socket sent and received.
func (a *act) rungs() []rung {
	var left, right []Message
	for _, m := range a.core.rec.all() {
		if m.Remote == a.core.server {
			m.Sent = !m.Sent // the far end of the right cell is Bifrons
			right = append(right, m)
		} else {
			m.Sent = !m.Sent
			left = append(left, m)
		}
	}
	return rungs(left, right, a.notes)
}
