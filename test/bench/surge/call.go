package main

import (
	"bytes"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"
)

// call is one offered call.
type call struct {
	sent     time.Time
	answered time.Duration // from INVITE to 200; 0 not yet
	refused  bool
	to       string // value of To, with the server's tag
	bye      time.Time
}

// surge is the caller.
type surge struct {
	conn *net.UDPConn
	to   *net.UDPAddr
	hold time.Duration

	mu    sync.Mutex
	run   int
	calls []call
	byes  []int // in the order they are due
}

func (s *surge) begin(room int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run++
	s.calls, s.byes = make([]call, 0, room), nil
}

func (s *surge) end() []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

const (
	// more is what an INVITE has in an IMS.
	more = "P-Asserted-Identity: \"Alice\" <sip:+4930111111@ims.example.org>\r\nP-Asserted-Identity: <tel:+4930111111>\r\n" +
		"P-Charging-Vector: icid-value=\"AyretyU0dm+6O2IrT5tAFrbHLso=023551024\";orig-ioi=home1.example\r\nP-Access-Network-Info: 3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=2620100011a2b3c4d\r\n" +
		"Accept-Contact: *;+g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel\"\r\nP-Asserted-Service: urn:urn-7:3gpp-service.ims.icsi.mmtel\r\n" +
		"Privacy: none\r\nSupported: path, gruu\r\nUser-Agent: surge\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, MESSAGE\r\nContent-Type: application/sdp\r\n"
	sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
)

// invite sends the next call's INVITE.
func (s *surge) invite() {
	s.mu.Lock()
	i := len(s.calls)
	s.calls = append(s.calls, call{sent: time.Now()})
	s.mu.Unlock()
	s.send("INVITE", i, 1, "<sip:bob@ims.example.org>", "c", more, sdp)
}

func (s *surge) send(method string, i, cseq int, to, branch, extra, body string) {
	id := strconv.Itoa(s.run) + "-" + strconv.Itoa(i)
	own := s.conn.LocalAddr().String()
	_, _ = s.conn.WriteToUDP(fmt.Appendf(nil, "%s sip:bob@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s%s\r\nMax-Forwards: 70\r\nFrom: <sip:alice@ims.example.org>;tag=%s\r\nTo: %s\r\n"+
		"Call-ID: %s@surge\r\nCSeq: %d %s\r\nContact: <sip:alice@%s>\r\n%sContent-Length: %d\r\n\r\n%s", method, s.to, own, branch, id, id, to, id, cseq, method, own, extra, len(body), body), s.to)
}

// read takes the answers; it ends with the program.
func (s *surge) read() {
	buf := make([]byte, 65536)
	for {
		n, err := s.conn.Read(buf)
		if err != nil {
			return
		}
		m := buf[:n]
		if !bytes.HasPrefix(m, []byte("SIP/2.0 ")) || !bytes.HasSuffix(header(m, "CSeq"), []byte("INVITE")) {
			continue
		}
		status := string(m[8:11])
		run, rest, _ := bytes.Cut(header(m, "Call-ID"), []byte("-"))
		number, _, _ := bytes.Cut(rest, []byte("@"))
		i, _ := strconv.Atoi(string(number))
		s.mu.Lock()
		if string(run) != strconv.Itoa(s.run) || i >= len(s.calls) || status < "200" {
			s.mu.Unlock()
			continue
		}
		c := &s.calls[i]
		to := string(header(m, "To"))
		branch := "c"
		if status < "300" {
			if branch = "a"; c.answered == 0 {
				c.answered, c.to, c.bye = time.Since(c.sent), to, time.Now().Add(s.hold)
				s.byes = append(s.byes, i)
			}
		} else {
			c.refused = true
		}
		s.mu.Unlock()
		s.send("ACK", i, 1, to, branch, "", "")
	}
}

// hangUp sends the BYEs that are due.
func (s *surge) hangUp() {
	for {
		s.mu.Lock()
		if len(s.byes) == 0 || time.Now().Before(s.calls[s.byes[0]].bye) {
			s.mu.Unlock()
			return
		}
		i := s.byes[0]
		s.byes = s.byes[1:]
		to := s.calls[i].to
		s.mu.Unlock()
		s.send("BYE", i, 2, to, "b", "", "")
	}
}

// header returns the value of the first header of that name.
func header(m []byte, name string) []byte {
	_, rest, ok := bytes.Cut(m, []byte("\r\n"+name+": "))
	if !ok {
		return nil
	}
	value, _, _ := bytes.Cut(rest, []byte("\r\n"))
	return value
}

// answer is the callee: 200 to everything but ACK; it ends with the program.
func answer(c *net.UDPConn) {
	buf := make([]byte, 65536)
	own := c.LocalAddr().String()
	for {
		n, from, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		m := buf[:n]
		if bytes.HasPrefix(m, []byte("ACK ")) || bytes.HasPrefix(m, []byte("SIP/2.0 ")) {
			continue
		}
		out := []byte("SIP/2.0 200 OK\r\n")
		for _, name := range []string{"Via", "From", "To", "Call-ID", "CSeq"} {
			out = append(append(append(out, name...), ": "...), header(m, name)...)
			if name == "To" && !bytes.Contains(header(m, name), []byte(";tag=")) {
				out = append(out, ";tag=callee"...)
			}
			out = append(out, "\r\n"...)
		}
		body, kind := "", ""
		if bytes.HasPrefix(m, []byte("INVITE ")) {
			body, kind = sdp, "Content-Type: application/sdp\r\n"
		}
		out = fmt.Appendf(out, "Contact: <sip:bob@%s>\r\n%sContent-Length: %d\r\n\r\n%s", own, kind, len(body), body)
		_, _ = c.WriteToUDPAddrPort(out, from)
	}
}
