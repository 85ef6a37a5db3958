package main

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// sipCalls sets calls up through a back-to-back user agent: this program is the caller and the callee. Calls are made one after
// the other, so that the callee knows which one it answers; call i offers port aBase+2i and is answered bBase+2i.
type sipCalls struct {
	options
	uac, uas *net.UDPConn
	dst      *net.UDPAddr
	byes     []string
	current  atomic.Int32
	bPort    sync.Map // relay port shown to the callee, by call
	callee   sync.WaitGroup
}

func newSIP(o options) (*sipCalls, error) {
	s := &sipCalls{options: o}
	var err error
	if s.dst, err = net.ResolveUDPAddr("udp4", o.sip); err != nil {
		return nil, err
	}
	if s.uac, err = listen(o.sipUAC); err != nil {
		return nil, err
	}
	if s.uas, err = listen(o.sipUAS); err != nil {
		return nil, err
	}
	s.callee.Go(s.serve)
	return s, nil
}

func listen(addr string) (*net.UDPConn, error) {
	a, err := net.ResolveUDPAddr("udp4", addr)
	if err != nil {
		return nil, err
	}
	return net.ListenUDP("udp4", a)
}

func header(m, name string) []string {
	var out []string
	for l := range strings.SplitSeq(m, "\r\n") {
		if l == "" {
			break
		}
		if k, v, ok := strings.Cut(l, ":"); ok && strings.EqualFold(strings.TrimSpace(k), name) {
			out = append(out, strings.TrimSpace(v))
		}
	}
	return out
}

func one(m, name string) string {
	if h := header(m, name); len(h) > 0 {
		return h[0]
	}
	return ""
}

// serve answers as the callee until its socket is closed.
func (s *sipCalls) serve() {
	buf := make([]byte, 65536)
	for {
		n, from, err := s.uas.ReadFromUDP(buf)
		if err != nil {
			return
		}
		m := string(buf[:n])
		if strings.HasPrefix(m, "SIP/2.0") || strings.HasPrefix(m, "ACK") {
			continue
		}
		to, body, extra := one(m, "To"), "", ""
		if strings.HasPrefix(m, "INVITE") {
			i := int(s.current.Load())
			s.bPort.Store(i, audioPort(m))
			to += fmt.Sprintf(";tag=callee%d", i)
			body, extra = sdp(s.ip, s.bBase+2*i), "Content-Type: application/sdp\r\n"
		}
		var b strings.Builder
		b.WriteString("SIP/2.0 200 OK\r\n")
		for _, name := range []string{"Via", "Record-Route"} {
			for _, v := range header(m, name) {
				fmt.Fprintf(&b, "%s: %s\r\n", name, v)
			}
		}
		fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\nContact: <sip:callee@%s>\r\n%sContent-Length: %d\r\n\r\n%s",
			one(m, "From"), to, one(m, "Call-ID"), one(m, "CSeq"), s.uas.LocalAddr(), extra, len(body), body)
		s.uas.WriteToUDP([]byte(b.String()), from)
	}
}

// request writes a request of call i.
func (s *sipCalls) request(i int, id, method, ruri, to, route string, cseq int, body string) string {
	me, kind := s.uac.LocalAddr().String(), ""
	if body != "" {
		kind = "Content-Type: application/sdp\r\n"
	}
	return fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s%s\r\nMax-Forwards: 70\r\nFrom: <sip:caller@%s>;tag=caller%d\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n%sContact: <sip:caller@%s>\r\n%sContent-Length: %d\r\n\r\n%s",
		method, ruri, me, method, id, me, i, to, id, cseq, method, route, me, kind, len(body), body)
}

// call makes call i and returns the relay's ports for A and B.
func (s *sipCalls) call(i int) ([2]int, error) {
	s.current.Store(int32(i))
	id := fmt.Sprintf("blast-%d-%d", time.Now().UnixNano(), i)
	ruri := fmt.Sprintf("sip:b%d@%s", i, s.sip)
	inv := s.request(i, id, "INVITE", ruri, "<"+ruri+">", "", 1, sdp(s.ip, s.aBase+2*i))
	for try := range 6 {
		s.uac.WriteToUDP([]byte(inv), s.dst)
		m := s.final(id, time.Now().Add(500*time.Millisecond<<min(try, 3)))
		if m == "" {
			continue
		}
		if !strings.HasPrefix(m, "SIP/2.0 200") {
			line, _, _ := strings.Cut(m, "\r\n")
			return [2]int{}, fmt.Errorf("call %d: %s", i, line)
		}
		_, contact, _ := strings.Cut(one(m, "Contact"), "<")
		contact, _, _ = strings.Cut(contact, ">")
		route := ""
		for _, r := range header(m, "Record-Route") {
			route = "Route: " + r + "\r\n" + route
		}
		s.uac.WriteToUDP([]byte(s.request(i, id, "ACK", contact, one(m, "To"), route, 1, "")), s.dst)
		s.byes = append(s.byes, s.request(i, id, "BYE", contact, one(m, "To"), route, 2, ""))
		toB, _ := s.bPort.Load(i)
		ports := [2]int{audioPort(m), toB.(int)}
		if ports[0] == 0 || ports[1] == 0 {
			return ports, fmt.Errorf("call %d: no audio in offer or answer", i)
		}
		return ports, nil
	}
	return [2]int{}, fmt.Errorf("call %d: no final response", i)
}

// final waits for the call's final response; "" when none came.
func (s *sipCalls) final(id string, until time.Time) string {
	buf := make([]byte, 65536)
	for {
		s.uac.SetReadDeadline(until)
		n, _, err := s.uac.ReadFromUDP(buf)
		if err != nil {
			return ""
		}
		m := string(buf[:n])
		if one(m, "Call-ID") == id && strings.HasPrefix(m, "SIP/2.0 ") && m[8] != '1' {
			return m
		}
	}
}

func (s *sipCalls) hangUp() {
	for _, b := range s.byes {
		s.uac.WriteToUDP([]byte(b), s.dst)
		time.Sleep(2 * time.Millisecond)
	}
	time.Sleep(500 * time.Millisecond) // the other leg's BYE is answered by serve
	s.uas.Close()
	s.callee.Wait()
	s.uac.Close()
}
