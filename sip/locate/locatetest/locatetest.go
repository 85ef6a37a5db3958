package locatetest

import (
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// Server is the name server.
type Server struct {
	Addr netip.AddrPort

	mu    sync.Mutex
	zone  map[dns.Question][]dns.RR
	names map[string]bool
	asked []string // NAPTR example.com. ...
	reply func(w dns.ResponseWriter, q *dns.Msg) bool
	t     testing.TB
}

// Start serves a zone in the form of a master file until the test ends.
func Start(t testing.TB, zone string) *Server {
	t.Helper()
	s := &Server{t: t}
	s.Set(zone)
	pc, l := sockets(t)
	s.Addr = l.Addr().(*net.TCPAddr).AddrPort()
	for _, srv := range []*dns.Server{{PacketConn: pc, Handler: s}, {Listener: l, Handler: s}} {
		started := make(chan struct{})
		srv.NotifyStartedFunc = func() { close(started) }
		done := make(chan struct{})
		go func() { defer close(done); _ = srv.ActivateAndServe() }() // ends with Shutdown
		<-started
		t.Cleanup(func() { _ = srv.Shutdown(); <-done })
	}
	return s
}

// sockets binds the same port for UDP and TCP.
func sockets(t testing.TB) (net.PacketConn, net.Listener) {
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if pc, err := net.ListenPacket("udp", l.Addr().String()); err == nil {
			return pc, l
		}
		l.Close()
	}
	t.Fatal("no port is free for both UDP and TCP")
	return nil, nil
}

// Set replaces the zone.
func (s *Server) Set(zone string) {
	s.t.Helper()
	all, names := map[dns.Question][]dns.RR{}, map[string]bool{}
	z := dns.NewZoneParser(strings.NewReader(zone), ".", "zone")
	for rr, ok := z.Next(); ok; rr, ok = z.Next() {
		h := rr.Header()
		q := dns.Question{Name: dns.CanonicalName(h.Name), Qtype: h.Rrtype, Qclass: dns.ClassINET}
		all[q] = append(all[q], rr)
		names[q.Name] = true
	}
	if err := z.Err(); err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zone, s.names = all, names
}

// Reply lets a function answer queries in the zone's place; it returns false to leave one to the zone. nil ends that.
func (s *Server) Reply(f func(w dns.ResponseWriter, q *dns.Msg) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reply = f
}

// Asked returns what was asked since the last call, as "A name.".
func (s *Server) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.asked
	s.asked = nil
	return out
}

// ServeDNS answers one query.
func (s *Server) ServeDNS(w dns.ResponseWriter, m *dns.Msg) {
	if len(m.Question) != 1 {
		return
	}
	q := m.Question[0]
	q.Name = dns.CanonicalName(q.Name)
	s.mu.Lock()
	s.asked = append(s.asked, dns.TypeToString[q.Qtype]+" "+q.Name)
	reply, zone, names := s.reply, s.zone, s.names
	s.mu.Unlock()
	if reply != nil && reply(w, m) {
		return
	}
	out := new(dns.Msg).SetReply(m)
	out.Authoritative = true
	for range 8 {
		out.Answer = append(out.Answer, zone[q]...)
		alias := zone[dns.Question{Name: q.Name, Qtype: dns.TypeCNAME, Qclass: dns.ClassINET}]
		if len(alias) == 0 || q.Qtype == dns.TypeCNAME {
			break
		}
		out.Answer = append(out.Answer, alias...)
		q.Name = dns.CanonicalName(alias[0].(*dns.CNAME).Target)
	}
	if len(zone[q]) == 0 {
		if !names[q.Name] {
			out.Rcode = dns.RcodeNameError
		}
		out.Ns = []dns.RR{&dns.SOA{Hdr: dns.RR_Header{Name: "example.", Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: 20}, Ns: "ns.example.", Mbox: "x.example.", Minttl: 20}}
	}
	if _, udp := w.RemoteAddr().(*net.UDPAddr); udp {
		size := dns.MinMsgSize
		if o := m.IsEdns0(); o != nil {
			size = int(o.UDPSize())
		}
		out.Truncate(size)
	}
	_ = w.WriteMsg(out)
}
