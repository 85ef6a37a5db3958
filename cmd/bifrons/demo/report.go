package demo

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// report shows the ladder, both faces and the media, and checks the last two.
func (sh *show) report(server Server) {
	alice := party{name: "Alice", messages: sh.alice.Messages(), reception: sh.alice.Reception()}
	bob := party{name: "Bob", messages: sh.bob.Messages(), reception: sh.bob.Reception()}
	sh.toBob.sent, alice.ssrc = sh.alice.Sent()
	sh.toAlice.sent, bob.ssrc = sh.bob.Sent()

	sh.title("The call, as the phones' sockets sent and received it")
	sh.ladder("Alice", "Bifrons", "Bob", rungs(alice.messages, bob.messages, sh.notes))

	seenByBob, seenByAlice := faces(alice, bob, sh.shared(server))
	sh.title("What Bob's phone could learn of Alice's")
	sh.face(seenByBob)
	sh.title("What Alice's phone could learn of Bob's")
	sh.face(seenByAlice)

	sh.toBob.from, sh.toBob.to, sh.toBob.frequency, sh.toBob.reception = "Alice", "Bob", aliceTone, bob.reception
	sh.toAlice.from, sh.toAlice.to, sh.toAlice.frequency, sh.toAlice.reception = "Bob", "Alice", bobTone, alice.reception
	sh.title("The audio (G.711, 20 ms), measured at the far end")
	sh.streams(sh.toBob, sh.toAlice)

	sh.line("")
	for _, f := range []Face{seenByBob, seenByAlice} {
		if leaks := f.Leaks(); len(leaks) > 0 {
			sh.wrong("%s's phone saw of %s's: %s", f.By, f.Owner, strings.Join(leaks, ", "))
		}
		if missing := f.Missing(); len(missing) > 0 {
			sh.wrong("nothing to compare of %s's: %s", f.Owner, strings.Join(missing, ", "))
		}
	}
	for _, s := range []stream{sh.toBob, sh.toAlice} {
		// The last packets may be under way when the other side hangs up.
		if s.sent == 0 || s.reception.Packets < s.sent*95/100-2 || s.reception.Lost > s.sent/50 {
			sh.wrong("audio from %s to %s: %d packets sent, %d received, %d lost", s.from, s.to, s.sent, s.reception.Packets, s.reception.Lost)
		}
	}
	sh.closing(seenByBob.Scan.Values + seenByAlice.Scan.Values)
}

func (sh *show) closing(values int) {
	if n := len(sh.faults); n > 0 {
		sh.line("%s", sh.red("Not proved; see what is wrong above."))
		return
	}
	sh.line("%s audio both ways, hold, resume and hang-up in %.1f s; of %d private values none crossed.",
		sh.green("Proved:"), time.Since(sh.began).Seconds(), values)
	sh.line("Next: bifrons serve -c configs/minimal.yaml; then docs/call.md (a call) and docs/apps.md (changing it).")
}

// shared lists the addresses that more than one of the three uses.
func (sh *show) shared(server Server) []netip.Addr {
	core, carrier := server.Addresses()
	used := []netip.Addr{sh.alice.Addr().Addr(), sh.bob.Addr().Addr(), core.Addr(), carrier.Addr()}
	var shared []netip.Addr
	for i, a := range used[:2] {
		if slices.Contains(slices.Delete(slices.Clone(used), i, i+1), a) {
			shared = append(shared, a)
		}
	}
	return shared
}
