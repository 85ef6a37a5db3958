package b2bua_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/b2bua/b2buatest"
)

// change is a way to change a session: with an offer in INVITE or UPDATE, or with an INVITE that asks for one.
type change string

const (
	invite  change = "INVITE"
	update  change = "UPDATE"
	delayed change = "delayed"
)

var changes = []change{invite, update, delayed}

// method of the request.
func (k change) method() string {
	if k == update {
		return "UPDATE"
	}
	return "INVITE"
}

// glare writes a scenario of two phones whose changes meet.
type glare struct {
	b     strings.Builder
	early bool
}

func (g *glare) line(format string, args ...any) { fmt.Fprintf(&g.b, format+"\n", args...) }

const allowsUpdate = `header="Allow: INVITE, ACK, BYE, CANCEL, PRACK, UPDATE"`

// setUp makes the call, as far as the answer, or as its early dialog.
func (g *glare) setUp(early bool) {
	g.early = early
	g.line(`alice > INVITE sdp header="Supported: 100rel"`)
	g.line("alice < 100")
	g.line("bob < INVITE sdp")
	if !early {
		g.line("bob > 200 sdp " + allowsUpdate)
		g.line("bob < ACK")
		g.line("alice < 200 sdp")
		g.line("alice > ACK")
		return
	}
	g.line("bob > 183 sdp rel " + allowsUpdate)
	g.line("alice < 183 sdp")
	g.line("alice > PRACK")
	g.line("alice < 200")
	g.line("bob < PRACK")
	g.line("bob > 200 for=PRACK")
}

// end answers the call where it is not, and ends it.
func (g *glare) end() {
	if g.early {
		g.line("bob > 200 for=INVITE")
		g.line("bob < ACK")
		g.line("alice < 200 for=INVITE")
		g.line("alice > ACK")
	}
	g.line("alice > BYE")
	g.line("alice < 200 for=BYE")
	g.line("bob < BYE")
	g.line("bob > 200 for=BYE")
}

// mirror is what answers a direction.
func mirror(dir string) string {
	if dir == "sendonly" {
		return "recvonly"
	}
	return dir
}

// ask has a phone ask for a change that makes its own direction dir; taken is what comes first where it is not refused.
func (g *glare) ask(p string, k change, dir string, taken bool) {
	switch k {
	case delayed:
		g.line("%s > INVITE", p)
	default:
		g.line("%s > %s sdp=%s", p, k, dir)
	}
	if taken && k != update {
		g.line("%s < 100", p)
	}
}

// refused is what a phone gets for its change.
func (g *glare) refused(p string, k change, status int) {
	g.line("%s < %d for=%s%s", p, status, k.method(), map[bool]string{true: " has=Retry-After"}[status == 500])
	if k != update {
		g.line("%s > ACK", p)
	}
}

// reaches is what the other phone gets of it.
func (g *glare) reaches(q string, k change, dir string) {
	if k == delayed {
		g.line("%s < INVITE nosdp", q)
		return
	}
	g.line("%s < %s has=a=%s", q, k, dir)
}

// refuse has the other phone refuse it.
func (g *glare) refuse(q string, k change, status int) {
	g.line(`%s > %d for=%s header="Retry-After: 3"`, q, status, k.method())
	if k != update {
		g.line("%s < ACK", q)
	}
}

// answer has the other phone take it, up to what the first one then has.
func (g *glare) answer(p, q string, k change, dir string) {
	there := mirror(dir)
	g.line("%s > 200 for=%s sdp=%s", q, k.method(), there)
	if k == invite {
		g.line("%s < ACK", q)
	}
	g.line("%s < 200 for=%s has=a=%s", p, k.method(), there)
}

// acknowledge is the rest, and what the relay does then.
func (g *glare) acknowledge(p, q string, k change, dir string) {
	switch k {
	case invite:
		g.line("%s > ACK", p)
	case delayed:
		g.line("%s > ACK sdp=%s", p, dir)
		g.line("%s < ACK has=a=%s", q, dir)
	}
	g.line("paths %s", map[string]string{"sendonly": p + ">" + q, "recvonly": q + ">" + p, "inactive": "none", "sendrecv": p + ">" + q + " " + q + ">" + p}[dir])
}

// make is a change from its request to its end.
func (g *glare) make(p, q string, k change, dir string) {
	g.ask(p, k, dir, true)
	g.reaches(q, k, dir)
	g.answer(p, q, k, dir)
	g.acknowledge(p, q, k, dir)
}

// after is that each phone's change is made after all, and that both are free then.
func (g *glare) after(p string, k change, q string, l change) {
	g.make(p, q, k, "inactive")
	g.make(q, p, l, "sendrecv")
}

// waits lets the pause pass after which our request to a phone comes again: 2.1 to 4 s where the call is ours, else up to 2 s (RFC 3261 14.1).
func (g *glare) waits(q string) {
	if q == "bob" {
		g.line("wait 2090ms")
		g.line("bob < nothing")
	}
	g.line("await %s 2s", q)
}

const both = "paths alice>bob bob>alice"

// cross is a change of p that meets one of q on its way. Both get 491, but for a re-INVITE of p: that Bifrons repeats after its pause, or q
// is faster and p's has to wait.
func cross(p, q string, k, l change, early, faster bool) string {
	g := &glare{}
	g.setUp(early)
	g.ask(p, k, "sendonly", true)
	g.reaches(q, k, "sendonly")
	g.ask(q, l, "inactive", false)
	g.refused(q, l, 491)
	g.refuse(q, k, 491)
	g.line(both)
	switch {
	case k == update:
		g.refused(p, k, 491)
		if faster {
			g.make(q, p, l, "inactive")
		}
		g.make(p, q, k, "sendonly")
	case faster:
		g.ask(q, l, "inactive", true)
		g.refused(p, k, 491)
		g.reaches(p, l, "inactive")
		g.answer(q, p, l, "inactive")
		g.acknowledge(q, p, l, "inactive")
		g.line("wait 5s")
		g.line("%s < nothing", q)
		g.make(p, q, k, "sendonly")
	default:
		g.line("%s < nothing", p)
		g.waits(q)
		g.reaches(q, k, "sendonly")
		g.answer(p, q, k, "sendonly")
		g.acknowledge(p, q, k, "sendonly")
	}
	g.after(q, l, p, k)
	g.end()
	return g.b.String()
}

// again is a change of p that follows another one of its own too soon: 500 with a time to wait. An UPDATE during an INVITE that asks for an
// offer meets the one that is about to come: 491.
func again(p, q string, k, l change, early bool) string {
	g := &glare{}
	g.setUp(early)
	g.ask(p, k, "sendonly", true)
	g.reaches(q, k, "sendonly")
	g.ask(p, l, "inactive", false)
	g.refused(p, l, map[bool]int{true: 491, false: 500}[k == delayed && l == update])
	g.answer(p, q, k, "sendonly")
	g.acknowledge(p, q, k, "sendonly")
	g.after(p, l, q, k)
	g.end()
	return g.b.String()
}

// late is a change of q, or an UPDATE of p, that comes between the 2xx and the ACK of an INVITE of p. Whose offer is in the 2xx gets 500 for
// an UPDATE (RFC 3311 5.2).
func late(p, q, by string, k, l change) string {
	g := &glare{}
	g.setUp(false)
	g.ask(p, k, "sendonly", true)
	g.reaches(q, k, "sendonly")
	g.answer(p, q, k, "sendonly")
	g.ask(by, l, "inactive", false)
	g.refused(by, l, map[bool]int{true: 500, false: 491}[k == delayed && l == update && by == q])
	g.acknowledge(p, q, k, "sendonly")
	g.after(by, l, map[bool]string{true: q, false: p}[by == p], k)
	g.end()
	return g.b.String()
}

// slow is a change that the other phone puts off with 500: who asked is told so, with the time.
func slow(p, q string, k change, early bool) string {
	g := &glare{}
	g.setUp(early)
	g.ask(p, k, "sendonly", true)
	g.reaches(q, k, "sendonly")
	g.refuse(q, k, 500)
	g.line(`%s < 500 for=%s has="Retry-After: 3"`, p, k.method())
	if k != update {
		g.line("%s > ACK", p)
	}
	g.line(both)
	g.after(p, k, q, k)
	g.end()
	return g.b.String()
}

// TestGlare plays every way in which two changes of a session can meet (RFC 3261 14.1 and 14.2, RFC 3311 5.2, RFC 6337 3): whatever is refused,
// the relay does what both phones were last answered, and either change goes through later.
func TestGlare(t *testing.T) {
	cases := map[string]string{}
	for p, q := range map[string]string{"alice": "bob", "bob": "alice"} {
		for _, k := range changes {
			for _, l := range changes {
				name := fmt.Sprintf("%s's %s, %%s %s", p, k, l)
				cases[fmt.Sprintf(name, q+"'s")] = cross(p, q, k, l, false, false)
				cases[fmt.Sprintf(name, q+"'s faster")] = cross(p, q, k, l, false, true)
				cases[fmt.Sprintf(name, "its own")] = again(p, q, k, l, false)
				if k != update {
					cases[fmt.Sprintf(name, q+"'s late")] = late(p, q, q, k, l)
				}
			}
			cases[fmt.Sprintf("%s's %s is put off", p, k)] = slow(p, q, k, false)
		}
		for _, k := range []change{invite, delayed} {
			cases[fmt.Sprintf("%s's %s, its own late UPDATE", p, k)] = late(p, q, p, k, update)
		}
		cases[p+"'s early UPDATE, "+q+"'s"] = cross(p, q, update, update, true, false)
		cases[p+"'s early UPDATE, "+q+"'s faster"] = cross(p, q, update, update, true, true)
		cases[p+"'s early UPDATE, its own"] = again(p, q, update, update, true)
		cases[p+"'s early UPDATE is put off"] = slow(p, q, update, true)
	}
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b2buatest.Replay(t, b2buatest.Parse(name, text), func(_ *b2buatest.World, c *b2bua.Config, _ []string) {})
		})
	}
}
