package test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// patience is how long an endpoint waits for what has to come.
const patience = 20 * time.Second

// ua is a telephone made of one UDP socket. It answers nothing by itself but what answers says, and repeats nothing; what it received and the
// test did not take yet is pending, copies are counted once.
type ua struct {
	t    *testing.T
	conn *net.UDPConn
	addr string // its own
	peer string // where out-of-dialog requests go
	mark string // what its branches have, and the user of its Contact: secret for the caller, hidden for the callee
	news chan struct{}

	camera atomic.Pointer[camera] // films what it sends and receives, if there is one

	mu      sync.Mutex
	pending []message
	copies  map[string]int
	answers map[string]string // method to status line: taken care of while it reads
	heard   []string          // everything, as it came
	lose    func() bool       // of a datagram that comes or goes: the network loses it
}

func newUA(t *testing.T, addr, peer, mark string) *ua {
	t.Helper()
	conn := listenUDP(t, addr)
	u := &ua{t: t, conn: conn, addr: addr, peer: peer, mark: mark, news: make(chan struct{}, 1), copies: map[string]int{}}
	var reader sync.WaitGroup
	reader.Go(u.read)
	t.Cleanup(func() {
		conn.Close()
		reader.Wait()
		if t.Failed() {
			t.Logf("%s heard:\n%s", addr, strings.Join(u.heard, "----\n"))
		}
	})
	return u
}

// listenUDP opens a socket. A program being started beside us holds a copy of every socket for the moment between fork and
// exec, so an address that was closed may be taken a little longer.
func listenUDP(t *testing.T, addr string) *net.UDPConn {
	t.Helper()
	at, err := net.ResolveUDPAddr("udp4", addr)
	if err != nil {
		t.Fatal(err)
	}
	var conn *net.UDPConn
	eventually(t, patience, "the address "+addr+" is free", func() bool {
		conn, err = net.ListenUDP("udp4", at)
		if err != nil && !errors.Is(err, syscall.EADDRINUSE) {
			t.Fatal(err)
		}
		return err == nil
	})
	return conn
}

// read ends when the socket is closed.
func (u *ua) read() {
	buf := make([]byte, 65536)
	for {
		n, from, err := u.conn.ReadFromUDP(buf)
		if err != nil {
			return
		}
		m, err := parse(string(buf[:n]))
		if err != nil {
			u.t.Errorf("%s got from %s: %v", u.addr, from, err)
			continue
		}
		m.source = from.String()
		if film := u.camera.Load(); film != nil {
			film.film(m.source, u.addr, buf[:n])
		}
		if u.lost() {
			continue
		}
		u.mu.Lock()
		u.heard = append(u.heard, m.raw)
		status := ""
		if m.status() == 0 {
			status = u.answers[m.method()]
		}
		if u.copies[m.key()]++; u.copies[m.key()] == 1 && status == "" {
			u.pending = append(u.pending, m)
		}
		u.mu.Unlock()
		if status != "" {
			u.reply(m, status, "", "")
			continue
		}
		select {
		case u.news <- struct{}{}:
		default:
		}
	}
}

// await takes the first pending message that fits, waiting at most d for it.
func (u *ua) await(d time.Duration, what string, fits func(message) bool) message {
	u.t.Helper()
	m, ok := u.within(d, fits)
	if !ok {
		u.t.Fatalf("%s did not get %s within %v", u.addr, what, d)
	}
	return m
}

func (u *ua) within(d time.Duration, fits func(message) bool) (message, bool) {
	end := time.After(d)
	for {
		u.mu.Lock()
		for i, m := range u.pending {
			if fits(m) {
				u.pending = append(u.pending[:i:i], u.pending[i+1:]...)
				u.mu.Unlock()
				return m, true
			}
		}
		u.mu.Unlock()
		select {
		case <-u.news:
		case <-end:
			return message{}, false
		}
	}
}

// always makes the telephone answer a method by itself.
func (u *ua) always(method, status string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.answers == nil {
		u.answers = map[string]string{}
	}
	u.answers[method] = status
}

// request takes a request by its method.
func (u *ua) request(method string) message {
	u.t.Helper()
	return u.await(patience, method, func(m message) bool { return m.status() == 0 && m.method() == method })
}

// answer takes the response to req that has the status.
func (u *ua) answer(req message, status int) message {
	u.t.Helper()
	return u.answerIn(patience, req, status)
}

func (u *ua) answerIn(d time.Duration, req message, status int) message {
	u.t.Helper()
	return u.await(d, fmt.Sprintf("%d to %s", status, req.method()), func(m message) bool {
		return m.status() == status && m.get("CSeq") == req.get("CSeq") && m.get("Call-ID") == req.get("Call-ID")
	})
}

// final takes the first final response to req, whatever it says.
func (u *ua) final(req message) message {
	u.t.Helper()
	return u.await(patience, "final response to "+req.method(), func(m message) bool {
		return m.status() >= 200 && m.get("CSeq") == req.get("CSeq") && m.get("Call-ID") == req.get("Call-ID")
	})
}

// silent fails the test if a message that fits comes within d.
func (u *ua) silent(d time.Duration, what string, fits func(message) bool) {
	u.t.Helper()
	if m, ok := u.within(d, fits); ok {
		u.t.Errorf("%s got %s:\n%s", u.addr, what, m.raw)
	}
}

// received counts the copies of a message.
func (u *ua) received(m message) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.copies[m.key()]
}

// losing makes the network lose datagrams from now on, both ways.
func (u *ua) losing(lose func() bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.lose = lose
}

func (u *ua) lost() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.lose != nil && u.lose()
}

// raw sends bytes to an address. A telephone that is put away says nothing more: its reader may be about to answer.
func (u *ua) raw(to, text string) {
	u.t.Helper()
	if u.lost() {
		return
	}
	at, err := net.ResolveUDPAddr("udp4", to)
	if err != nil {
		u.t.Fatal(err)
	}
	if film := u.camera.Load(); film != nil {
		film.film(u.addr, to, []byte(text))
	}
	if _, err := u.conn.WriteToUDP([]byte(text), at); err != nil && !errors.Is(err, net.ErrClosed) {
		u.t.Fatal(err)
	}
}

// write makes a message of a start line, headers and a body, and sends it.
func (u *ua) write(to, start string, headers []string, body string) message {
	u.t.Helper()
	if body != "" && !strings.Contains(strings.Join(headers, "\n"), "Content-Type:") {
		headers = append(headers, "Content-Type: application/sdp")
	}
	headers = append(headers, fmt.Sprintf("Content-Length: %d", len(body)))
	text := start + "\r\n" + strings.Join(headers, "\r\n") + "\r\n\r\n" + body
	m, err := parse(text)
	if err != nil {
		u.t.Fatal(err)
	}
	u.raw(to, text)
	return m
}

// reply answers a request where its topmost Via says. A tag is added to To when the request has none.
func (u *ua) reply(req message, status, toTag, body string, headers ...string) message {
	u.t.Helper()
	var h []string
	for _, v := range req.all("Via") {
		h = append(h, "Via: "+v)
	}
	to := req.get("To")
	if tag(to) == "" && toTag != "" {
		to += ";tag=" + toTag
	}
	h = append(h, "From: "+req.get("From"), "To: "+to, "Call-ID: "+req.get("Call-ID"), "CSeq: "+req.get("CSeq"))
	if toTag != "" && !strings.Contains(strings.Join(headers, "\n"), "Contact:") {
		h = append(h, "Contact: <sip:"+u.mark+"-phone@"+u.addr+">")
	}
	return u.write(req.source, "SIP/2.0 "+status, append(h, headers...), body)
}

// serial makes Call-IDs, tags and branches unequal.
var serial atomic.Int64

func unique(prefix string) string { return fmt.Sprintf("%s%d", prefix, serial.Add(1)) }

func (u *ua) branch() string { return unique("z9hG4bK" + u.mark) }

// dialog is one side of a dialog, ours.
type dialog struct {
	ua            *ua
	callID        string
	local, remote string // From and To of what we send
	target        string // the remote Contact
	cseq          int
	invite        message // the INVITE that we sent last
}

// dialogTo prepares a dialog with user at the server.
func (u *ua) dialogTo(user string) *dialog {
	return &dialog{ua: u, callID: unique("secret-callid-") + "@caller.invalid", local: "<sip:alice@ims.example.org>;tag=" + unique("secret-tag-"),
		remote: "<sip:" + user + "@ims.example.org>", target: "sip:" + user + "@" + u.peer}
}

// send sends a new request in the dialog.
func (d *dialog) send(method, body string, headers ...string) message {
	d.ua.t.Helper()
	d.cseq++
	m := d.sendAs(method, d.cseq, d.ua.branch(), body, headers...)
	if method == "INVITE" {
		d.invite = m
	}
	return m
}

func (d *dialog) sendAs(method string, cseq int, branch, body string, headers ...string) message {
	d.ua.t.Helper()
	h := []string{"Via: SIP/2.0/UDP " + d.ua.addr + ";branch=" + branch}
	if !strings.Contains(strings.Join(headers, "\n"), "Max-Forwards:") {
		h = append(h, "Max-Forwards: 70")
	}
	h = append(h, "From: "+d.local, "To: "+d.remote, "Call-ID: "+d.callID, fmt.Sprintf("CSeq: %d %s", cseq, method))
	if method != "ACK" && method != "CANCEL" && method != "BYE" {
		h = append(h, "Contact: <sip:"+d.ua.mark+"-phone@"+d.ua.addr+">")
	}
	to := d.ua.peer
	if tag(d.remote) != "" {
		to = hostPort(d.target)
	}
	return d.ua.write(to, method+" "+d.target+" SIP/2.0", append(h, headers...), body)
}

// cancel cancels the last INVITE.
func (d *dialog) cancel() message {
	d.ua.t.Helper()
	return d.sendAs("CANCEL", d.cseq, param(d.invite.get("Via"), "branch"), "")
}

// accept takes remote tag and target from a response that makes or refreshes the dialog.
func (d *dialog) accept(m message) {
	d.remote = m.get("To")
	if c := m.get("Contact"); c != "" {
		d.target = uri(c)
	}
}

// ack acknowledges a 2xx.
func (d *dialog) ack(body string) message {
	d.ua.t.Helper()
	return d.sendAs("ACK", sequence(d.invite), d.ua.branch(), body)
}

// ackFailure acknowledges another final response, inside its transaction.
func (d *dialog) ackFailure(res message) message {
	d.ua.t.Helper()
	failed := *d
	failed.remote = res.get("To")
	failed.target = strings.Fields(d.invite.start)[1]
	return failed.sendAs("ACK", sequence(d.invite), param(d.invite.get("Via"), "branch"), "")
}

func sequence(m message) (n int) {
	fmt.Sscan(m.get("CSeq"), &n)
	return n
}

// answered is the callee's side of the dialog that its answer to an INVITE made.
func (u *ua) answered(req, res message) *dialog {
	return &dialog{ua: u, callID: req.get("Call-ID"), local: res.get("To"), remote: req.get("From"), target: uri(req.get("Contact")), cseq: 700}
}

// call is a call that was answered, seen by both telephones.
type call struct {
	server         *server
	caller, callee *ua
	a, b           *dialog
	offer, answer  message // the INVITE at the callee, the 200 at the caller
}

// phones makes the two telephones of a server.
func (s *server) phones() (caller, callee *ua) {
	s.t.Helper()
	return newUA(s.t, s.caller(), s.core(), "secret"), newUA(s.t, s.callee(), s.carrier(), "hidden")
}

// connect makes a whole call from caller to callee: INVITE, 180, 200, ACK.
func (s *server) connect(caller, callee *ua) *call { return s.connectWith(caller, callee) }

// connectWith has more headers in the INVITE.
func (s *server) connectWith(caller, callee *ua, headers ...string) *call {
	s.t.Helper()
	c := &call{server: s, caller: caller, callee: callee, a: caller.dialogTo("bob")}
	inv := c.a.send("INVITE", sdp(s.media(s.caller()), 31000, 1), headers...)
	c.offer = callee.request("INVITE")
	to := unique("hidden-tag-")
	callee.reply(c.offer, "180 Ringing", to, "")
	caller.answer(inv, 180)
	res := callee.reply(c.offer, "200 OK", to, sdp(s.media(s.callee()), 32000, 1))
	c.answer = caller.answer(inv, 200)
	c.a.accept(c.answer)
	c.a.ack("")
	callee.request("ACK")
	c.b = callee.answered(c.offer, res)
	return c
}

// hangUp ends the call by a BYE from one side.
func (c *call) hangUp(by, other *dialog) {
	c.server.t.Helper()
	bye := by.send("BYE", "")
	by.ua.answer(bye, 200)
	other.ua.reply(other.ua.request("BYE"), "200 OK", "", "")
}
