package demo

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"net"
	"net/netip"
	"strings"
	"sync"
)

// mask is a stand-in for a hiding server: it passes every message on with each
// identifier and address replaced, one for one, and relays RTP under another
// SSRC. It has no state of a call; the tests of Run need no more.
type mask struct {
	legs  [2]*maskLeg // Alice's, Bob's
	mu    sync.Mutex
	alias [2]map[string]string // value on this leg: value on the other
	wg    sync.WaitGroup

	keep  string // a header whose value is let through, to see it reported
	mute  bool   // relays no audio
	calls int    // what Calls answers
}

type maskLeg struct {
	sip, rtp net.PacketConn
	phone    netip.AddrPort // its SIP
	media    netip.AddrPort // its RTP
}

func startMask(change func(*mask)) Start {
	return func(_ context.Context, bob netip.AddrPort) (Server, error) {
		m := &mask{alias: [2]map[string]string{{}, {}}}
		for i := range m.legs {
			leg := &maskLeg{}
			var err error
			if leg.sip, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
				return nil, err
			}
			if leg.rtp, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
				return nil, err
			}
			m.legs[i] = leg
		}
		m.legs[1].phone = bob
		change(m)
		for i := range m.legs {
			m.wg.Go(func() { m.read(m.legs[i].sip, i, m.signal) })
			m.wg.Go(func() { m.read(m.legs[i].rtp, i, m.audio) })
		}
		return m, nil
	}
}

func local(c net.PacketConn) netip.AddrPort { return c.LocalAddr().(*net.UDPAddr).AddrPort() }

func (m *mask) Addresses() (caller, callee netip.AddrPort) {
	return local(m.legs[0].sip), local(m.legs[1].sip)
}

func (m *mask) Calls() int { return m.calls }

func (m *mask) Close() error {
	for _, leg := range m.legs {
		_ = leg.sip.Close()
		_ = leg.rtp.Close()
	}
	m.wg.Wait()
	return nil
}

func (m *mask) read(c net.PacketConn, from int, pass func(b []byte, source netip.AddrPort, from int)) {
	buf := make([]byte, 4096)
	for {
		n, addr, err := c.ReadFrom(buf)
		if err != nil {
			return
		}
		pass(buf[:n], addr.(*net.UDPAddr).AddrPort(), from)
	}
}

func (m *mask) audio(b []byte, _ netip.AddrPort, from int) {
	m.mu.Lock()
	to := m.legs[1-from].media
	m.mu.Unlock()
	if m.mute || len(b) < 12 || !to.IsValid() {
		return
	}
	binary.BigEndian.PutUint32(b[8:], binary.BigEndian.Uint32(b[8:])^0x5a5a5a5a)
	_, _ = m.legs[1-from].rtp.WriteTo(b, net.UDPAddrFromAddrPort(to))
}

func (m *mask) signal(b []byte, source netip.AddrPort, from int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	near, far := m.legs[from], m.legs[1-from]
	near.phone = source
	msg := Message{Raw: b}
	for _, h := range []string{"Call-ID", "User-Agent", "Server"} {
		if h != m.keep {
			m.learn(from, msg.Header(h))
		}
	}
	m.learn(from, param(msg.Header("From"), "tag"))
	m.learn(from, param(msg.Header("To"), "tag"))
	m.learn(from, param(msg.Header("Via"), "branch"))
	m.learn(from, field(msg.SDP("o="), 1))
	pairs := []string{
		near.phone.String(), local(far.sip).String(), local(near.sip).String(), far.phone.String(),
	}
	for v, alias := range m.alias[from] {
		pairs = append(pairs, v, alias)
	}
	if at := address(msg.SDP("c=")); at != "" {
		near.media = netip.MustParseAddrPort(at + ":" + mediaPort(msg))
		pairs = append(pairs, "IP4 "+at, "IP4 "+local(far.rtp).Addr().String(),
			"m=audio "+mediaPort(msg), fmt.Sprintf("m=audio %d", local(far.rtp).Port()))
	}
	head, body, _ := strings.Cut(strings.NewReplacer(pairs...).Replace(string(b)), "\r\n\r\n")
	var lines []string
	for line := range strings.SplitSeq(head, "\r\n") {
		if !strings.HasPrefix(line, "Content-Length") {
			lines = append(lines, line)
		}
	}
	lines = append(lines, fmt.Sprintf("Content-Length: %d", len(body)), "", body)
	_, _ = far.sip.WriteTo([]byte(strings.Join(lines, "\r\n")), net.UDPAddrFromAddrPort(far.phone))
}

// learn gives a value of one leg its alias on the other. All aliases are
// decimal, so that they can stand in an o= line.
func (m *mask) learn(from int, v string) {
	if v == "" || m.alias[from][v] != "" {
		return
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(v))
	alias := fmt.Sprintf("1%018d", h.Sum64()%1e18)
	if strings.HasPrefix(v, "z9hG4bK") {
		alias = "z9hG4bK" + alias
	}
	m.alias[from][v], m.alias[1-from][alias] = alias, v
}
