package b2bua

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bifrons/bifrons/media"
	"github.com/bifrons/bifrons/sip"
)

// air is a network that loses, doubles and reorders datagrams between two model phones and a server.
type air struct {
	*lab
	rnd          *rand.Rand
	loss, double float64
	jitter       time.Duration
	queue        []later
	phones       [2]*model
	log          []string
	remotes      map[media.PortID]media.Remote
	joins        map[media.PortID]media.PortID
}

// later is what happens at a time.
type later struct {
	at time.Duration
	do func()
}

func (a *air) after(d time.Duration, do func()) { a.queue = append(a.queue, later{a.now + d, do}) }

// carry takes a datagram on its way.
func (a *air) carry(what string, do func()) {
	for n := 1; n > 0; n-- {
		if a.rnd.Float64() < a.double {
			n++
		}
		if a.rnd.Float64() < a.loss {
			a.note("lost: %s", what)
			continue
		}
		a.after(5*time.Millisecond+time.Duration(a.rnd.Int64N(int64(a.jitter)+1)), do)
	}
}

func (a *air) note(format string, args ...any) {
	a.log = append(a.log, fmt.Sprintf("%9.3f ", (a.now-time.Hour).Seconds())+fmt.Sprintf(format, args...))
}

// Send is the server's way into the network.
func (a *air) Send(b []byte, to netip.AddrPort) error {
	b = bytes.Clone(b)
	for _, p := range a.phones {
		if p.addr == to {
			what := head(b) + " to " + p.name
			a.note("    %s", what)
			a.carry(what, func() { p.receive(b) })
			return nil
		}
	}
	a.t.Errorf("a message goes to %s, where nobody is:\n%s", to, b)
	return nil
}

func head(b []byte) string {
	m := &sip.Message{}
	_ = m.Parse(bytes.Clone(b))
	n, method := m.CSeq()
	if m.IsRequest() {
		return fmt.Sprintf("%s %d", m.MethodName, n)
	}
	return fmt.Sprintf("%d (%d %s)", m.Status, n, method)
}

// run lets everything happen until the end, or until nothing is left to happen.
func (a *air) run(until time.Duration) {
	for {
		next := a.next(until)
		if next >= until {
			a.now = until
			return
		}
		a.now = max(a.now, next)
		a.srv.Tick()
		for i := 0; i < len(a.queue); {
			if e := a.queue[i]; e.at <= a.now {
				a.queue = append(a.queue[:i:i], a.queue[i+1:]...)
				e.do()
				continue
			}
			i++
		}
		a.check()
	}
}

// next is when something happens next.
func (a *air) next(until time.Duration) time.Duration {
	for _, e := range a.queue {
		until = min(until, e.at)
	}
	for _, c := range a.srv.table.all() {
		if c.due > 0 {
			until = min(until, max(c.due, a.now)+wheelTick)
		}
	}
	return until
}

// view is what a phone believes of the session.
type view struct {
	port        int // its own
	mine, their string
}

// model is a phone with its own transactions and dialog (RFC 3261 12 to 17), made without the engine's code.
type model struct {
	a        *air
	name     string
	addr     netip.AddrPort
	server   *Local
	tag, far string
	callID   string
	target   string
	cseq     int
	seen     uint32
	up, over bool
	agreed   view
	offered  *view
	clients  map[string]*modelTx // by branch and method
	servers  map[string]*modelTx
	unacked  *modelTx       // a 2xx of ours
	answers  map[string]int // requests by branch, the final status
	serial   int
	ringing  *modelTx // an INVITE not yet answered
}

type modelTx struct {
	method   string
	cseq     uint32
	text     []byte
	invite   *sip.Message
	done     bool
	interval time.Duration
	ack      []byte
	last     []byte
	began    time.Duration
	ours     *view
}

func newAir(t failer, seed uint64, loss, double float64, jitter time.Duration) *air {
	a := &air{rnd: rand.New(rand.NewPCG(seed, 9)), loss: loss, double: double, jitter: jitter,
		remotes: map[media.PortID]media.Remote{}, joins: map[media.PortID]media.PortID{}}
	a.lab = newLab(t, nil)
	for i, side := range a.cfg.Sides {
		side.Locals[0].Conn = a
		name := [2]string{"alice", "bob"}[i]
		a.phones[i] = &model{a: a, name: name, addr: a.parties[i].addr, server: side.Locals[0], tag: name + "-tag", cseq: 100 * (i + 1),
			clients: map[string]*modelTx{}, servers: map[string]*modelTx{}, answers: map[string]int{}}
	}
	a.relay.watch = func(c media.Command) {
		switch c := c.(type) {
		case media.Remote:
			a.remotes[c.Port] = c
		case media.Join:
			a.joins[c.A], a.joins[c.B] = c.B, c.A
		}
	}
	return a
}

func (p *model) out(b []byte) {
	what := p.name + " " + head(b)
	p.a.note("%s", what)
	b = bytes.Clone(b)
	p.a.carry(what, func() { p.a.srv.Receive(p.server, bytes.Clone(b), p.addr) })
}

func (p *model) print(method, branch string, cseq int, body string) []byte {
	if p.target == "" {
		p.target = "sip:bob@home.example"
	}
	far := ""
	if p.far != "" {
		far = ";tag=" + p.far
	}
	ct := ""
	if strings.HasPrefix(body, "v=") {
		ct = "Content-Type: application/sdp\r\n"
	} else if body != "" {
		ct = "Content-Type: application/dtmf-relay\r\n"
	}
	return fmt.Appendf(nil, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=%s\r\nMax-Forwards: 70\r\nFrom: <sip:%s@home.example>;tag=%s\r\nTo: <sip:x@home.example>%s\r\n"+
		"Call-ID: %s\r\nCSeq: %d %s\r\nContact: <sip:%s@%s>\r\nAllow: INVITE, ACK, BYE, CANCEL, UPDATE\r\n%sContent-Length: %d\r\n\r\n%s", method, p.target, p.addr, branch, p.name, p.tag, far, p.callID, cseq, method,
		p.name, p.addr, ct, len(body), body)
}

func (p *model) describe(v *view) string {
	return fmt.Sprintf("v=0\r\no=- 1 %d IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP 8\r\na=%s\r\n", v.port, p.addr.Addr(), p.addr.Addr(), v.port, v.mine)
}

// request starts a client transaction.
func (p *model) request(method, body string, ours *view) *modelTx {
	p.serial++
	p.cseq++
	branch := fmt.Sprintf("z9hG4bK-%s-%d", p.name, p.serial)
	tx := &modelTx{method: method, cseq: uint32(p.cseq), text: p.print(method, branch, p.cseq, body), interval: 500 * time.Millisecond, began: p.a.now, ours: ours}
	p.clients[branch+method] = tx
	p.answers[branch] = 0
	p.out(tx.text)
	p.retry(tx)
	return tx
}

// retry repeats a request until it is answered, and gives the call up after 64*T1.
func (p *model) retry(tx *modelTx) {
	wait := tx.interval
	p.a.after(wait, func() {
		switch {
		case tx.done:
		case p.a.now-tx.began >= 32*time.Second:
			tx.done = true
			p.offered = nil
			p.hangUp()
		default:
			p.out(tx.text)
			tx.interval = 2 * wait
			if tx.method != "INVITE" {
				tx.interval = min(tx.interval, 4*time.Second)
			}
			p.retry(tx)
		}
	})
}

func (p *model) hangUp() {
	if p.up && !p.over && p.unacked == nil {
		p.over = true
		p.request("BYE", "", nil)
	}
}

func (p *model) offer(dir string) {
	if p.over || p.offered != nil || p.unacked != nil || p.ringing != nil {
		return
	}
	p.serial++
	v := &view{port: 4000 + 2*p.serial, mine: dir}
	p.offered = v
	p.request("INVITE", p.describe(v), v)
}

// cancel gives up an INVITE that has had a provisional answer.
func (p *model) cancel() {
	for k, tx := range p.clients {
		if tx.method == "INVITE" && tx.last != nil && tx.ack == nil && p.offered == tx.ours && tx.ours != nil {
			text := bytes.Replace(tx.text, []byte("INVITE "), []byte("CANCEL "), 1)
			text = bytes.Replace(text, []byte(" INVITE\r\n"), []byte(" CANCEL\r\n"), 1)
			text = text[:bytes.Index(text, []byte("Contact:"))]
			text = append(bytes.Clone(text), "Content-Length: 0\r\n\r\n"...)
			c := &modelTx{method: "CANCEL", cseq: tx.cseq, text: text, interval: 500 * time.Millisecond, began: p.a.now}
			branch := strings.TrimSuffix(k, "INVITE")
			if p.clients[branch+"CANCEL"] == nil {
				p.clients[branch+"CANCEL"] = c
				p.out(text)
				p.retry(c)
			}
			return
		}
	}
}

func (p *model) receive(b []byte) {
	m := &sip.Message{}
	if err := m.Parse(bytes.Clone(b)); err != nil {
		p.a.t.Fatalf("%s gets what does not parse: %v\n%s", p.name, err, b)
	}
	v, _ := m.TopVia()
	_, method := m.CSeq()
	if m.IsRequest() {
		p.asks(m, string(v.Branch()))
		return
	}
	tx := p.clients[string(v.Branch())+string(method)]
	if tx == nil {
		p.a.t.Fatalf("%s gets a response to nothing:\n%s", p.name, b)
	}
	p.hears(tx, string(v.Branch()), m)
}

// hears handles a response.
func (p *model) hears(tx *modelTx, branch string, m *sip.Message) {
	tx.last = []byte{1}
	if m.Status < 200 {
		if tx.method == "INVITE" {
			tx.done = true // no more repetitions
		}
		return
	}
	tx.done = true
	if p.answers[branch] == 0 && tx.method != "CANCEL" {
		p.answers[branch] = m.Status
	}
	if tx.method == "UPDATE" {
		p.updateAnswered(tx, m)
		return
	}
	if tx.method != "INVITE" {
		return
	}
	if tx.ack != nil {
		p.out(tx.ack)
		return
	}
	if m.Status >= 300 {
		tx.ack = p.ackOf(tx, m, branch)
		p.out(tx.ack)
		if !p.up {
			p.over = true
		}
		if p.offered == tx.ours {
			p.offered = nil
		}
		if m.Status == 481 || m.Status == 408 {
			p.hangUp()
		}
		return
	}
	tag, _ := toTag(m)
	p.far, p.target, p.up = string(tag), contactURI(m), true
	p.serial++
	tx.ack = p.print("ACK", fmt.Sprintf("z9hG4bK-%s-%d", p.name, p.serial), int(tx.cseq), "")
	p.out(tx.ack)
	if p.offered == tx.ours {
		p.offered = nil
	}
	p.agreed = view{tx.ours.port, tx.ours.mine, direction(m.Body)}
}

func (p *model) ackOf(tx *modelTx, m *sip.Message, branch string) []byte {
	text := bytes.Replace(tx.text, []byte("INVITE "), []byte("ACK "), 1)
	text = bytes.Replace(text, []byte(" INVITE\r\n"), []byte(" ACK\r\n"), 1)
	text = text[:bytes.Index(text, []byte("Contact:"))]
	if p.far == "" {
		text = bytes.Replace(text, []byte("To: <sip:x@home.example>"), append([]byte("To: "), m.Get(sip.HdrTo)...), 1)
	}
	return append(bytes.Clone(text), "Content-Length: 0\r\n\r\n"...)
}

func contactURI(m *sip.Message) string {
	a, _ := sip.ParseAddress(m.Get(sip.HdrContact))
	return string(a.URI)
}

func direction(body []byte) string {
	for _, d := range []string{"sendonly", "recvonly", "inactive"} {
		if bytes.Contains(body, []byte("a="+d)) {
			return d
		}
	}
	return "sendrecv"
}

// asks handles a request.
func (p *model) asks(m *sip.Message, branch string) {
	n, _ := m.CSeq()
	method := string(m.MethodName)
	if method == "ACK" {
		for _, tx := range p.servers {
			if tx.method == "INVITE" && tx.cseq == n {
				tx.done = true
				if p.unacked == tx {
					p.unacked = nil
				}
			}
		}
		return
	}
	if tx := p.servers[branch+method]; tx != nil {
		if tx.last != nil {
			p.out(tx.last)
		}
		return
	}
	tx := &modelTx{method: method, cseq: n, invite: m, began: p.a.now, interval: 500 * time.Millisecond}
	p.servers[branch+method] = tx
	switch {
	case method == "CANCEL":
		p.answer(tx, 200, "")
		if i := p.servers[branch+"INVITE"]; i != nil && p.ringing == i {
			p.ringing = nil
			p.answer(i, 487, "")
			p.over = p.over || !p.up
		}
	case p.callID != "" && p.up && n <= p.seen:
		p.answer(tx, 500, "")
	case method == "INVITE":
		p.invited(tx, m, n)
	case !p.up || string(m.Get(sip.HdrCallID)) != p.callID:
		p.answer(tx, 481, "")
		p.over = p.over || !p.up && method == "BYE" // its 200 was lost, and all is over before it came again
	case method == "UPDATE":
		p.updated(tx, m, n)
	case method == "BYE":
		p.seen = n
		p.over = true
		p.answer(tx, 200, "")
		if p.ringing != nil {
			i := p.ringing
			p.ringing = nil
			p.answer(i, 487, "")
		}
	default:
		p.seen = n
		p.answer(tx, 200, "")
	}
}

func (p *model) invited(tx *modelTx, m *sip.Message, n uint32) {
	if p.over || p.up && string(m.Get(sip.HdrCallID)) != p.callID {
		p.answer(tx, 481, "")
		return
	}
	if p.up {
		p.seen = n
	}
	if p.offered != nil || p.unacked != nil || p.ringing != nil {
		p.answer(tx, 491, "")
		return
	}
	if !p.up {
		from, _ := sip.ParseAddress(m.Get(sip.HdrFrom))
		t, _ := from.Params.Get("tag")
		p.far, p.callID, p.seen = string(t), string(m.Get(sip.HdrCallID)), n
	}
	p.target = contactURI(m)
	p.ringing = tx
	p.answer(tx, []int{100, 180}[p.a.rnd.IntN(2)], "")
	p.a.after(time.Duration(p.a.rnd.IntN(1500))*time.Millisecond, func() {
		if p.ringing != tx {
			return
		}
		p.ringing = nil
		switch {
		case p.over:
			p.answer(tx, 481, "")
			return
		case p.a.rnd.IntN(8) == 0:
			p.answer(tx, 488, "")
			p.over = p.over || !p.up
			return
		}
		p.serial++
		their := direction(m.Body)
		v := &view{4000 + 2*p.serial, map[string]string{"sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive", "sendrecv": "sendrecv"}[their], their}
		p.agreed, p.up, p.unacked = *v, true, tx
		p.answer(tx, 200, p.describe(v))
	})
}

// answer sends a response; one to an INVITE is repeated until its ACK.
func (p *model) answer(tx *modelTx, status int, body string) {
	b := tx.invite.AppendResponseHead(nil, status, sip.ReasonPhrase(status), []byte(p.tag))
	ct := ""
	if body != "" {
		ct = "Content-Type: application/sdp\r\n"
	}
	tx.last = fmt.Appendf(b, "Contact: <sip:%s@%s>\r\nAllow: INVITE, ACK, BYE, CANCEL, UPDATE\r\n%sContent-Length: %d\r\n\r\n%s", p.name, p.addr, ct, len(body), body)
	p.out(tx.last)
	if tx.method == "INVITE" && status >= 200 {
		tx.began, tx.interval = p.a.now, 500*time.Millisecond
		p.again(tx, status)
	}
}

func (p *model) again(tx *modelTx, status int) {
	wait := tx.interval
	p.a.after(wait, func() {
		switch {
		case tx.done:
		case p.a.now-tx.began >= 32*time.Second:
			tx.done = true
			if p.unacked == tx {
				p.unacked = nil
				p.hangUp()
			}
		case status < 300 && p.over:
		default:
			p.out(tx.last)
			tx.interval = min(2*wait, 4*time.Second)
			p.again(tx, status)
		}
	})
}

// TestRandomCalls: two phones do what they like over a bad network. When all is quiet, every request has its final answer
// or the call is over for both; both phones and the relay agree on the session; and after the end nothing is left.
func TestRandomCalls(t *testing.T) {
	for i := range 10 { // of 100 calls each
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, randomCall)
		})
	}
}

func randomCall(rt *rapid.T) {
	a := newAir(rt, rapid.Uint64().Draw(rt, "seed"), rapid.Float64Range(0, .3).Draw(rt, "loss"), rapid.Float64Range(0, .3).Draw(rt, "double"),
		time.Duration(rapid.IntRange(0, 800).Draw(rt, "jitter"))*time.Millisecond)
	alice := a.phones[0]
	alice.callID = "random-call"
	alice.offer("sendrecv")
	for range rapid.IntRange(0, 25).Draw(rt, "actions") {
		a.run(a.now + time.Duration(rapid.SampledFrom([]int{0, 1, 20, 100, 400, 1000, 3000, 9000}).Draw(rt, "wait"))*time.Millisecond)
		p := a.phones[rapid.IntRange(0, 1).Draw(rt, "who")]
		what := rapid.SampledFrom([]string{"hold", "resume", "sendrecv", "inactive", "update", "updatehold", "updateoff", "info", "cancel", "cancel", "bye", "takeover", "crash"}).Draw(rt, "what")
		a.act(p, what, rapid.IntRange(0, 5).Draw(rt, "really") == 0)
	}
	a.run(a.now + 5*time.Minute)
	if why := a.quiet(); why != "" {
		rt.Fatalf("%s\n%s", why, strings.Join(a.log, "\n"))
	}
}

func (a *air) act(p *model, what string, really bool) {
	switch {
	case what == "cancel":
		p.cancel()
	case what == "takeover" || what == "crash":
		clear(a.remotes)
		clear(a.joins)
		a.note("%s", what)
		a.replace(what == "crash")
	case !p.up || p.over:
	case what == "bye":
		if really {
			p.hangUp()
		}
	case strings.HasPrefix(what, "update"):
		p.update(map[string]string{"update": "sendrecv", "updatehold": "sendonly", "updateoff": "inactive"}[what])
	case what == "info":
		p.request("INFO", "Signal=1\r\n", nil)
	default:
		p.offer(map[string]string{"hold": "sendonly", "resume": "sendrecv"}[what] + map[bool]string{true: what}[what != "hold" && what != "resume"])
	}
}

// quiet says what is wrong when nothing happens any more, and then ends the call.
func (a *air) quiet() string {
	alice, bob := a.phones[0], a.phones[1]
	for _, p := range a.phones {
		for branch, status := range p.answers {
			if status == 0 && !p.over {
				return fmt.Sprintf("%s's request %s has no final answer", p.name, branch)
			}
		}
	}
	if alice.up && !alice.over || bob.up && !bob.over {
		switch {
		case alice.over || bob.over || !alice.up || !bob.up:
			return fmt.Sprintf("one is in the call, one is not: alice up %v over %v, bob up %v over %v", alice.up, alice.over, bob.up, bob.over)
		case alice.agreed.mine != bob.agreed.their || alice.agreed.their != bob.agreed.mine:
			return fmt.Sprintf("alice believes %+v, bob %+v", alice.agreed, bob.agreed)
		}
		if why := a.paths(); why != "" {
			return why
		}
		a.loss, a.double = 0, 0
		alice.hangUp()
	}
	a.run(a.now + 10*time.Minute)
	if alice.up && !alice.over || bob.up && !bob.over {
		return "the end has not reached both"
	}
	if n := a.srv.table.len(); n != 0 || a.srv.Active() != 0 || len(a.relay.open) != 0 {
		return fmt.Sprintf("%d calls and %d ports are left", n, len(a.relay.open))
	}
	return ""
}

// paths compares the relay with what the phones have agreed on.
func (a *air) paths() string {
	if len(a.relay.open) != 2 {
		return fmt.Sprintf("%d ports are open", len(a.relay.open))
	}
	for id := range a.relay.open {
		r := a.remotes[id]
		if !a.relay.open[a.joins[id]] {
			return "the ports are not joined"
		}
		for _, p := range a.phones {
			if r.RTP.Addr() != p.addr.Addr() {
				continue
			}
			send := p.agreed.mine == "sendrecv" || p.agreed.mine == "recvonly"
			receive := p.agreed.mine == "sendrecv" || p.agreed.mine == "sendonly"
			if int(r.RTP.Port()) != p.agreed.port || r.Send != send || r.Receive != receive {
				return fmt.Sprintf("the relay has %+v for %s, which believes %+v", r, p.name, p.agreed)
			}
		}
	}
	return ""
}
