package b2bua

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bifrons/bifrons/media"
	"github.com/bifrons/bifrons/sip"
)

// failer is what a test, a fuzz target and a property have in common.
type failer interface {
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Fatal(args ...any)
}

// relay counts ports; a wrong use of one is an error.
type relay struct {
	t    failer
	mu   sync.Mutex
	last media.PortID
	open map[media.PortID]bool

	watch func(media.Command)
}

func (r *relay) Open(at media.Place) (media.Port, error) {
	want := at.Number
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.open) >= 64 {
		return media.Port{}, media.ErrNoPorts
	}
	r.last++
	r.open[r.last] = true
	if want == 0 {
		want = 20000 + uint16(r.last%10000)*2
	}
	return media.Port{ID: r.last, Local: netip.AddrPortFrom(at.Local, want)}, nil
}

func (r *relay) Do(c media.Command) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c, ok := c.(media.Remote); ok && !r.open[c.Port] {
		r.t.Errorf("a command for a port that is not open: %+v", c)
	}
	r.watch(c)
}

func (r *relay) Close(id media.PortID) media.Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.open[id] {
		r.t.Errorf("port %d is closed twice", id)
	}
	delete(r.open, id)
	return media.Stats{}
}

// lab is a server between two parties, with the clock in the test's hand. Side b has a second address.
type lab struct {
	t       failer
	mu      sync.Mutex
	srv     *Server
	cfg     Config
	relay   *relay
	now     time.Duration
	seed    uint64
	parties [2]*party
	strays  int
	open    bool // look-ups of Apps end at once
	quiet   bool // Apps may send what they like: only what they cannot reach is checked
}

// party is what the test knows of one end: what it got last, and what belongs to it alone.
type party struct {
	addr    netip.AddrPort
	local   *Local
	private []string
	request *sip.Message // last INVITE, or other request, received
	answer  *sip.Message // last response to an INVITE
	got     [][]byte
	sent    [][]byte
	serial  int
}

type labConn struct {
	l *lab
}

// Send is the server's way to the parties; several calls may go on at once.
func (c labConn) Send(b []byte, to netip.AddrPort) error {
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	c.l.arrive(b, to)
	return nil
}

func (l *lab) Now() time.Duration { return l.now }
func (l *lab) Wall() time.Time    { return time.Unix(1_800_000_000, 0).Add(l.now) }

func (l *lab) random() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seed = l.seed*6364136223846793005 + 1442695040888963407
	return l.seed
}

func newLab(t failer, set func(*Config)) *lab {
	l := &lab{t: t, now: time.Hour, seed: 1}
	addr := netip.MustParseAddrPort
	local := func(at string) *Local {
		x := &Local{Addr: addr(at), Advertise: at}
		x.Conn = labConn{l}
		return x
	}
	a, b, b2 := local("10.0.0.1:5060"), local("10.1.0.1:5060"), local("10.1.0.2:5060")
	l.parties[0] = &party{addr: addr("198.51.100.10:5060"), local: a, private: []string{"198.51.100.10", "AlicePhone", "atag-private", "acall-private", "z9hG4bKalice"}}
	l.parties[1] = &party{addr: addr("203.0.113.20:5060"), local: b, private: []string{"203.0.113.20", "BobPhone", "btag-private", "z9hG4bKbob"}}
	cfg := DefaultConfig()
	next := NextHop{Host: "bob.example", Addr: l.parties[1].addr}
	cfg.Sides = []*Side{{Name: "a", Locals: []*Local{a}, Domain: "home.example", Trust: Home, Media: a.Addr.Addr()},
		{Name: "b", Locals: []*Local{b, b2}, Domain: "far.example", NextHop: next, Media: b.Addr.Addr(), FollowRedirect: true}}
	cfg.Routes = []Route{{From: "a", To: "b"}}
	cfg.Anchor, cfg.Clock, cfg.Random, cfg.Key = true, l, l.random, [16]byte{3}
	if set != nil {
		set(&cfg)
	}
	l.cfg = cfg
	l.start()
	return l
}

func (l *lab) start() {
	watch := func(media.Command) {}
	if l.relay != nil {
		watch = l.relay.watch
	}
	l.relay = &relay{t: l.t, open: map[media.PortID]bool{}, watch: watch}
	l.cfg.Media = l.relay
	srv, err := New(l.cfg)
	if err != nil {
		l.t.Fatal(err)
	}
	l.srv = srv
}

// arrive checks what the server sends, and gives it to the party that lives there.
func (l *lab) arrive(b []byte, to netip.AddrPort) {
	m := &sip.Message{}
	if err := m.Parse(bytes.Clone(b)); err != nil && !echoed(m, err) && !l.quiet {
		l.t.Fatalf("the server sends what does not parse: %v\n%s", err, b)
	}
	for i, p := range l.parties {
		if p.addr != to {
			continue
		}
		l.private(l.parties[1-i], p, m, b)
		p.got = append(p.got, bytes.Clone(b))
		if m.IsRequest() && m.Method != sip.ACK && m.Method != sip.CANCEL {
			p.request = m
		}
		if !m.IsRequest() && m.Method == sip.INVITE && m.Status > 100 {
			p.answer = m
		}
		return
	}
	l.strays++
}

// echoed tells whether a message that we would not take is right for its receiver: a response repeats the Vias of all
// proxies before us, and a 4xx the fields that are wrong.
func echoed(m *sip.Message, err error) bool {
	return !m.IsRequest() && (m.Status >= 400 || strings.Contains(err.Error(), "more than one Via"))
}

// private fails when a value of one party is shown to the other, unless that one has sent it itself.
func (l *lab) private(of, to *party, m *sip.Message, b []byte) {
	text := b
	if !isSDP(m.Get(sip.HdrContentType)) {
		text = b[:len(b)-len(m.Body)]
	}
	for _, v := range of.private {
		if !bytes.Contains(text, []byte(v)) || to.said(v) {
			continue
		}
		for _, line := range strings.Split(string(text), "\r\n") {
			name, _, _ := strings.Cut(line, ":")
			switch strings.ToLower(name) {
			case "from", "to", "privacy", "subject": // users and names cross, whatever they look like
				continue
			}
			if strings.Contains(line, v) && !strings.HasPrefix(line, "INVITE ") {
				l.t.Fatalf("%q is shown to the other party in %q of\n%s", v, line, b)
			}
		}
	}
}

func (p *party) said(v string) bool {
	for _, s := range p.sent {
		if bytes.Contains(s, []byte(v)) {
			return true
		}
	}
	return false
}

// send gives the server a datagram of a party and looks at all calls.
func (l *lab) send(p *party, at *Local, b []byte) {
	p.sent = append(p.sent, b)
	l.srv.Receive(at, bytes.Clone(b), p.addr)
	l.settle()
	l.check()
}

// wait lets time pass, in jumps to what is due next.
func (l *lab) wait(d time.Duration) {
	for end := l.now + d; l.now < end; {
		next := min(l.now+10*time.Second, end)
		for _, c := range l.srv.table.all() {
			if c.due > 0 {
				next = min(next, max(c.due, l.now)+wheelTick)
			}
		}
		l.now = next
		if l.srv.Tick() > 0 {
			l.settle()
			l.check()
		}
	}
}

// check looks at what must hold of every call between two steps.
func (l *lab) check() {
	if n := l.srv.table.len(); n > 64 {
		l.t.Fatalf("%d calls of 64 datagrams", n)
	}
	for _, c := range l.srv.table.all() {
		if c.Winner != 0 && int(c.Winner) >= len(c.Legs) || len(c.Legs) > 200 || len(c.Branches) > maxBranches {
			l.t.Fatalf("call %d has winner %d, %d legs, %d branches", c.ID, c.Winner, len(c.Legs), len(c.Branches))
		}
		for _, g := range c.Legs {
			if g.Phase == Confirmed && g.confirmed() == nil || len(g.Dialogs) > maxDialogs || len(g.Txs) > 400 || len(g.Queue) > maxQueue+maxBranches {
				l.t.Fatalf("leg %d: phase %d, %d dialogs, %d transactions, %d queued", g.Slot, g.Phase, len(g.Dialogs), len(g.Txs), len(g.Queue))
			}
			for _, t := range g.Txs {
				if open := t.State != sip.Terminated && t.State != sip.Completed; open && int(t.Dialog) >= len(g.Dialogs) && !t.Own {
					l.t.Fatalf("a %s transaction of leg %d names dialog %d of %d", t.Method, g.Slot, t.Dialog, len(g.Dialogs))
				}
				if t.State != sip.Terminated && t.Expire == 0 && t.Again == 0 && (c.Cause != nil || t.Kind != sip.InviteServer) {
					l.t.Fatalf("a %s transaction of leg %d in state %d never ends", t.Method, g.Slot, t.State)
				}
			}
			for _, p := range g.Ports {
				if p.ID != 0 && !l.relay.open[p.ID] {
					l.t.Fatalf("leg %d keeps port %d, which is closed", g.Slot, p.ID)
				}
			}
		}
	}
}

// finish leaves everybody alone: what is not answered ends by itself; what is confirmed is ended; nothing is left.
func (l *lab) finish() {
	l.wait(10 * time.Minute)
	for _, c := range l.srv.table.all() {
		if c.Legs[0].Phase != Confirmed {
			l.t.Errorf("call %d was not answered and does not end: caller %d, %d legs, cause %+v", c.ID, c.Legs[0].Phase, len(c.Legs), c.Cause)
		}
		l.order(c, func(c *Call) { c.end(Cause{Status: 503, By: ByBifrons, Text: "the end"}) })
	}
	l.wait(2 * time.Minute)
	if n := l.srv.table.len(); n+l.srv.Active() != 0 {
		l.t.Errorf("%d calls are left, %d active", n, l.srv.Active())
	}
	if len(l.relay.open) != 0 {
		l.t.Errorf("%d ports are left", len(l.relay.open))
	}
	l.srv.Close()
}

func (l *lab) order(c *Call, f func(*Call)) {
	run := l.srv.fence.join(nil)
	defer l.srv.fence.leave(run)
	l.srv.enter(run, c, event{order: f})
	l.settle()
}

// replace puts a new server in the old one's place.
func (l *lab) replace(stale bool) {
	var all [][]byte
	for _, c := range l.srv.table.all() {
		l.order(c, func(c *Call) {
			b, err := c.snapshot()
			if err != nil {
				l.t.Fatal(err)
			}
			all = append(all, b)
		})
	}
	l.srv.Close()
	l.start()
	for _, b := range all {
		if err := l.srv.Restore(b, stale); err != nil {
			l.t.Fatal(err)
		}
		l.settle()
	}
	l.check()
}

// compose prints message number n of a party, in the dialog it knows.
func (l *lab) compose(who, n int) []byte {
	p := l.parties[who]
	methods := []string{"INVITE", "ACK", "BYE", "CANCEL", "INFO", "INVITE", "OPTIONS", "MESSAGE", "UPDATE", "PRACK"}
	statuses := []int{100, 180, 183, 200, 200, 302, 404, 486, 487, 491, 603, 481, 603, 199}
	if n %= len(methods) + len(statuses); n >= len(methods) {
		return p.response(statuses[n-len(methods)], n)
	}
	p.serial++
	name, tag, call, them := "alice", "atag-private", "acall-private", ""
	if who == 1 {
		name, tag, call = "bob", "btag-private", "bcall"
	}
	target, cseq := "sip:bob@home.example", p.serial
	if m := p.answer; m != nil {
		t, _ := toTag(m)
		them = ";tag=" + string(t)
		if methods[n] == "ACK" {
			x, _ := m.CSeq()
			cseq = int(x)
		}
	} else if m := p.request; m != nil {
		from, _ := sip.ParseAddress(m.Get(sip.HdrFrom))
		t, _ := from.Params.Get("tag")
		them, call, cseq = ";tag="+string(t), string(m.Get(sip.HdrCallID)), 1000+p.serial
	}
	if n == 0 { // a new call
		p.answer, them, call = nil, "", fmt.Sprint("acall-private", p.serial)
	}
	branch := fmt.Sprint("z9hG4bK", name, p.serial)
	if methods[n] == "CANCEL" {
		them = ""
	}
	body, ct := "", ""
	switch {
	case methods[n] == "INVITE":
		body, ct = labOffer(name, p.addr.Addr(), p.serial), "Content-Type: application/sdp\r\n"
	case methods[n] == "INFO":
		body, ct = "Signal=5\r\n", "Content-Type: application/dtmf-relay\r\n"
	}
	return fmt.Appendf(nil, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=%s\r\nMax-Forwards: 70\r\nFrom: \"%s\" <sip:%s@home.example>;tag=%s\r\nTo: <sip:x@home.example>%s\r\n"+
		"Call-ID: %s\r\nCSeq: %d %s\r\nContact: <sip:dev@%s>\r\nUser-Agent: %sPhone\r\n%sContent-Length: %d\r\n\r\n%s", methods[n], target, p.addr, branch, name, name, tag,
		them, call, cseq, methods[n], p.addr, strings.ToUpper(name[:1])+name[1:], ct, len(body), body)
}

func labOffer(name string, at netip.Addr, version int) string {
	dir := []string{"sendrecv", "sendonly", "inactive", "recvonly"}[version%4]
	video := ""
	if version%3 == 0 {
		video = "m=video 4002 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n"
	}
	return fmt.Sprintf("v=0\r\no=%s 1 %d IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\na=%s\r\n%s", name, version, at, at, dir, video)
}

func (p *party) response(status, n int) []byte {
	if p.request == nil {
		return []byte("SIP/2.0 200 OK\r\n\r\n")
	}
	who := "btag-private"
	name := "bob"
	if p.private[0] == "198.51.100.10" {
		who, name = "atag-private", "alice"
	}
	if n%2 == 1 {
		who += "2"
	}
	p.serial++
	b := p.request.AppendResponseHead(nil, status, "Whatever", []byte(who))
	b = fmt.Appendf(b, "Contact: <sip:dev@%s>\r\nServer: BobPhone\r\n", p.addr)
	body := ""
	if status == 183 || status == 200 && p.request.Method == sip.INVITE {
		body = labOffer(name, p.addr.Addr(), p.serial)
		b = append(b, "Content-Type: application/sdp\r\n"...)
	}
	return fmt.Appendf(b, "Content-Length: %d\r\n\r\n%s", len(body), body)
}

// words are put into messages by mutate.
var words = []string{"\r\n", ";tag=x", "Require: 100rel\r\n", "Record-Route: <sip:1.2.3.4>\r\n", "Content-Length: 0\r\n", "CSeq: 1 BYE\r\n", ",", "<", ">", "\"", "application/sdp",
	"m=audio 0 RTP/AVP 0\r\n", "c=IN IP4 0.0.0.0\r\n", "Contact: <tel:1>\r\n", "Max-Forwards: 0\r\n", "4294967295", "0", ";lr", "sip:", "\x00", "[::1]", " ", "INVITE", "Via: SIP/2.0/UDP h\r\n", "?a=b",
	"multipart/mixed;boundary=x"}

// mutate changes a message as three bytes say.
func mutate(b []byte, how, where, what byte) []byte {
	if len(b) == 0 {
		return b
	}
	at := int(where) * len(b) / 256
	switch how % 8 {
	case 0, 1, 2: // as it is
	case 3:
		b = append([]byte(nil), b...)
		b[at] = what
	case 4:
		end := min(len(b), at+1+int(what%40))
		b = append(append([]byte(nil), b[:at]...), b[end:]...)
	case 5, 6:
		w := words[int(what)%len(words)]
		if i := bytes.IndexByte(b[at:], '\n'); how%8 == 6 && i >= 0 {
			at += i + 1
		}
		b = append(append(append([]byte(nil), b[:at]...), w...), b[at:]...)
	case 7: // a line twice, or gone
		lines := strings.SplitAfter(string(b), "\n")
		i := int(where) % len(lines)
		if what%2 == 0 {
			lines = append(lines[:i+1], lines[i:]...)
		} else {
			lines = append(lines[:i], lines[i+1:]...)
		}
		b = []byte(strings.Join(lines, ""))
	}
	return b
}

// FuzzServer plays a program of broken, repeated and misplaced datagrams of two parties against a server, with restores in
// between. Nothing may panic, leak, or stay for ever.
func FuzzServer(f *testing.F) {
	call := "\x00\x00\x00\x00\x00" + "\x01\x0b\x00\x00\x00" + "\x01\x0d\x00\x00\x00" + "\x00\x01\x00\x00\x00"
	f.Add([]byte(call + "\x00\x02\x00\x00\x00" + "\x01\x0d\x00\x00\x00"))
	f.Add([]byte(call + "\x00\x05\x00\x00\x00" + "\x01\x0b\x00\x00\x00" + "\x01\x0d\x00\x00\x00" + "\x00\x01\x00\x00\x00"))
	f.Add([]byte(call + "\x04\x02\x00\x00\x00" + "\x01\x05\x00\x00\x00" + "\x00\x13\x00\x00\x00" + "\x02\x04\x00\x00\x00"))
	f.Add([]byte("\x00\x00\x00\x00\x00" + "\x01\x0b\x00\x00\x00" + "\x01\x0c\x00\x00\x00" + "\x00\x03\x00\x00\x00" + "\x01\x0d\x00\x00\x00" + "\x05\x00\x00\x00\x00"))
	f.Add([]byte("\x00\x00\x00\x00\x00" + "\x01\x0f\x00\x00\x00" + "\x01\x10\x00\x00\x00"))
	f.Add([]byte(call + "\x03\x02\x00\x00\x00" + "\x06\x01\x00\x00\x00" + "\x07\x00\x00\x00\x00"))
	f.Fuzz(runProgram)
}

// TestRandomPrograms plays what FuzzServer plays: most of a call, then anything.
func TestRandomPrograms(t *testing.T) {
	call := []byte{0, 0, 0, 0, 0, 1, 11, 0, 0, 0, 1, 13, 0, 0, 0, 0, 1, 0, 0, 0}
	n := 300
	if v, err := strconv.Atoi(os.Getenv("BIFRONS_PROGRAMS")); err == nil {
		n = v
	}
	for i := range n {
		r := rand.New(rand.NewPCG(uint64(i), 7))
		program := bytes.Clone(call[:5*r.IntN(5)])
		for range r.IntN(40) {
			op := []byte{0, 1, 0, 1, 0, 1, 0, 1, 2, 2, 3, 4, 5, 5, 6, 7}[r.IntN(16)]
			how := []byte{0, 0, 0, 0, 0, 3, 4, 5, 6, 7}[r.IntN(10)]
			program = append(program, op, byte(r.Uint32()), how, byte(r.Uint32()), byte(r.Uint32()))
		}
		t.Run(strconv.Itoa(i), func(t *testing.T) { runProgram(t, program) })
		if t.Failed() {
			return
		}
	}
}

func runProgram(t *testing.T, program []byte) {
	defer func() {
		if r := recover(); r != nil {
			t.Fatalf("panic: %v\n%x\n%s", r, program, debug.Stack())
		}
	}()
	l := newLab(t, nil)
	for i := 0; i+5 <= len(program) && i < 5*60; i += 5 {
		l.step(program[i], program[i+1], program[i+2], program[i+3], program[i+4])
	}
	l.finish()
}

// step is one instruction: who or what, which message, and how it is broken.
func (l *lab) step(op, which, how, where, what byte) {
	switch op % 8 {
	case 0, 1:
		p := l.parties[op%8]
		l.send(p, p.local, mutate(l.compose(int(op%8), int(which)), how, where, what))
	case 2: // something sent before, once more
		if p := l.parties[which%2]; len(p.sent) > 0 {
			l.send(p, p.local, p.sent[int(where)%len(p.sent)])
		}
	case 3: // on the wrong side
		p := l.parties[which%2]
		l.send(p, l.parties[1-which%2].local, l.compose(int(which%2), int(where)))
	case 4: // what the server sent comes back to it
		if p := l.parties[which%2]; len(p.got) > 0 {
			l.send(p, p.local, mutate(p.got[int(what)%len(p.got)], how, where, what))
		}
	case 5:
		l.wait([]time.Duration{10 * time.Millisecond, 500 * time.Millisecond, 5 * time.Second, 33 * time.Second, 200 * time.Second}[which%5])
	case 6:
		l.replace(which%2 == 1)
	case 7: // at the second address of side b
		p := l.parties[which%2]
		l.send(p, l.cfg.Sides[1].Locals[1], l.compose(int(which%2), int(where)))
	}
}
