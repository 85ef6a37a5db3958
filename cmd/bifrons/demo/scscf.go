package demo

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
)

// scscf is as much of an S-CSCF as one filter criterion needs (TS 24.229 5.4.3): an INVITE from a phone goes to the application
// server, with a Route of two entries, and comes back by the second of them, in which the S-CSCF knows its own dialog again.
// It is a stateless proxy with record-routing but for that. It is plain text in and plain text out, and knows nothing of the server.
type scscf struct {
	rec    *recorder
	addr   netip.AddrPort
	server netip.AddrPort // the application server
	domain string
	wg     sync.WaitGroup

	mu       sync.Mutex
	phones   map[string]netip.AddrPort // registered contacts, by user
	sources  map[string]netip.AddrPort // where a request came from, by our branch,
	targets  map[string]netip.AddrPort // and where it went
	sessions map[string]*errand        // by Call-ID of the phone's INVITE
	faults   []error
}

// errand is one visit of an INVITE to the application server.
type errand struct {
	number int
	route  string // the second entry, which is to come back byte for byte
	icid   string
	asked  Message
	back   *Message // what came back
}

func newSCSCF(domain string, at netip.Addr) (*scscf, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(at, 0)))
	if err != nil {
		return nil, fmt.Errorf("bind the S-CSCF: %w", err)
	}
	x := &scscf{rec: &recorder{PacketConn: conn}, addr: conn.LocalAddr().(*net.UDPAddr).AddrPort(), domain: domain,
		phones: map[string]netip.AddrPort{}, sources: map[string]netip.AddrPort{},
		targets: map[string]netip.AddrPort{}, sessions: map[string]*errand{}}
	return x, nil
}

// start begins to serve; Close ends it.
func (x *scscf) start(server netip.AddrPort) {
	x.server = server
	x.wg.Go(func() {
		b := make([]byte, 65536)
		for {
			n, from, err := x.rec.ReadFrom(b)
			if err != nil {
				return
			}
			if n <= 4 {
				continue
			}
			udp := from.(*net.UDPAddr).AddrPort()
			if err := x.pass(string(b[:n]), netip.AddrPortFrom(udp.Addr().Unmap(), udp.Port())); err != nil {
				x.mu.Lock()
				x.faults = append(x.faults, fmt.Errorf("S-CSCF: %w", err))
				x.mu.Unlock()
			}
		}
	})
}

// Close ends it.
func (x *scscf) Close() error {
	err := x.rec.Close()
	x.wg.Wait()
	return err
}

// Err returns what it could not do.
func (x *scscf) Err() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return errors.Join(x.faults...)
}

// register enters a phone as the contact of its user.
func (x *scscf) register(p *Phone) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.phones[p.cfg.User] = p.Addr()
}

// errands returns the visits so far.
func (x *scscf) errands() (all []errand) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, e := range x.sessions {
		all = append(all, *e)
	}
	return all
}

// pass sends a message on.
func (x *scscf) pass(text string, from netip.AddrPort) error {
	m := Message{Raw: []byte(text)}
	if m.Status() != 0 {
		x.mu.Lock()
		to, ok := x.sources[viaBranch(m.Header("Via"))]
		x.mu.Unlock()
		if !ok {
			return fmt.Errorf("a response that is not for us: %s", m.Title())
		}
		return x.send(without(text, "Via"), to)
	}
	via := m.Header("Via")
	branch := viaBranch(via) + "-s"
	x.mu.Lock()
	text, to, err := x.route(m, text, from)
	if before, ok := x.targets[branch]; ok && m.Method() == "ACK" { // of a failure: it goes the way of its INVITE (RFC 3261 17.1.1.3)
		to, err = before, nil
	}
	x.sources[branch], x.targets[branch] = from, to
	x.mu.Unlock()
	if err == nil && to == x.addr {
		err = errors.New("a request for nobody")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", m.Title(), err)
	}
	hops, _ := strconv.Atoi(m.Header("Max-Forwards"))
	text = without(text, "Max-Forwards")
	text = with(text, fmt.Sprintf("Via: SIP/2.0/UDP %s;branch=%s\r\nMax-Forwards: %d\r\n", x.addr, branch, hops-1))
	return x.send(text, to)
}

// route finds where a request goes, and changes what an S-CSCF changes. x.mu is held.
func (x *scscf) route(m Message, text string, from netip.AddrPort) (string, netip.AddrPort, error) {
	own := "@" + x.addr.String()
	routes := routeValues(m)
	ours := len(routes) > 0 && (strings.Contains(routes[0], own) || strings.Contains(routes[0], "sip:"+x.addr.String()))
	tagged := param(m.Header("To"), "tag") != ""
	switch {
	case !tagged && from != x.server: // from a phone: our filter criterion fits
		return x.ask(m, text)
	case !tagged:
		for _, e := range x.sessions {
			if ours && e.route == routes[0] {
				if m.Method() == "INVITE" {
					e.back = &m
				}
				return x.deliver(m, dropRoute(text, routes))
			}
		}
		return "", netip.AddrPort{}, fmt.Errorf("it came back with a Route that is none of ours: %s", strings.Join(routes, ", "))
	case ours:
		text = dropRoute(text, routes)
		routes = routes[1:]
	}
	next := strings.Split(m.startLine(), " ")[1]
	if len(routes) > 0 {
		next = uri(routes[0])
	}
	next, _, _ = strings.Cut(hostport(next), ";")
	to, err := netip.ParseAddrPort(next)
	return text, to, err
}

// ask takes an INVITE of a phone to the application server, for whom is called (sescase=term). The state of his registration is left
// to be found out. The original dialog identifier is a user part the first time, and a header parameter the next. x.mu is held.
func (x *scscf) ask(m Message, text string) (string, netip.AddrPort, error) {
	id := m.Header("Call-ID")
	e := x.sessions[id]
	if e == nil {
		n := len(x.sessions)
		e = &errand{number: n, route: fmt.Sprintf("<sip:odi-%d@%s;lr>", 1000+n, x.addr), icid: fmt.Sprintf("demo-%d", 7000+n)}
		if n%2 == 1 {
			e.route = fmt.Sprintf(`<sip:%s;lr>;orig-dialog-id="%d;x, y"`, x.addr, 1000+n)
		}
		x.sessions[id] = e
	}
	caller, called := uri(m.Header("From")), uri(m.Header("To"))
	text = withTarget(text, called)
	if m.Method() == "INVITE" {
		text = with(text, fmt.Sprintf("Record-Route: <sip:mt@%s;lr>\r\nP-Served-User: <%s>;sescase=term\r\nP-Asserted-Identity: <%s>\r\n"+
			"P-Charging-Vector: icid-value=%q;orig-ioi=%s\r\n", x.addr, called, caller, e.icid, x.domain))
	}
	text = with(text, fmt.Sprintf("Route: <sip:%s;lr>, %s\r\n", x.server, e.route))
	e.asked = Message{Raw: []byte(text)}
	return text, x.server, nil
}

// deliver takes a request to the contact of its Request-URI. x.mu is held.
func (x *scscf) deliver(m Message, text string) (string, netip.AddrPort, error) {
	target := strings.Split(m.startLine(), " ")[1]
	to, ok := x.phones[user(target)]
	if !ok {
		return "", to, fmt.Errorf("nobody is registered as %s", target)
	}
	if m.Method() == "INVITE" {
		text = with(text, fmt.Sprintf("Record-Route: <sip:mt@%s;lr>\r\nP-Called-Party-ID: <%s>\r\n", x.addr, uri(target)))
	}
	return withTarget(text, "sip:"+user(target)+"@"+to.String()), to, nil
}

func (x *scscf) send(text string, to netip.AddrPort) error {
	_, err := x.rec.WriteTo([]byte(text), net.UDPAddrFromAddrPort(to))
	return err
}

// startLine returns the first line.
func (m Message) startLine() string {
	start, _, _ := m.split()
	return start
}

// routeValues returns the entries of Route, which may stand on one line or on several.
func routeValues(m Message) (all []string) {
	for _, line := range m.Headers("Route") {
		for line != "" {
			end, quoted, angle := len(line), false, false
			for i, c := range line {
				switch {
				case c == '"':
					quoted = !quoted
				case c == '<' && !quoted, c == '>' && !quoted:
					angle = c == '<'
				case c == ',' && !quoted && !angle && end == len(line):
					end = i
				}
			}
			all = append(all, strings.TrimSpace(line[:end]))
			line = strings.TrimPrefix(line[end:], ",")
		}
	}
	return all
}

// dropRoute takes the first entry of Route away.
func dropRoute(text string, routes []string) string {
	for range routes {
		text = without(text, "Route")
	}
	rest := ""
	for _, r := range routes[1:] {
		rest += "Route: " + r + "\r\n"
	}
	return with(text, rest)
}

// without takes the first header line of that name away.
func without(text, name string) string {
	head, body, _ := strings.Cut(text, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	for i, line := range lines {
		n, _, ok := strings.Cut(line, ":")
		n = strings.TrimSpace(n)
		if i > 0 && ok && n != "" && (strings.EqualFold(n, name) || strings.EqualFold(n, compact(name))) {
			lines = append(lines[:i:i], lines[i+1:]...)
			break
		}
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n" + body
}

// with puts header lines in front of the others.
func with(text, lines string) string {
	start, rest, _ := strings.Cut(text, "\r\n")
	return start + "\r\n" + lines + rest
}

// withTarget changes the Request-URI.
func withTarget(text, target string) string {
	start, rest, _ := strings.Cut(text, "\r\n")
	f := strings.Split(start, " ")
	return f[0] + " " + target + " " + f[len(f)-1] + "\r\n" + rest
}

// viaBranch returns the branch of a Via value.
func viaBranch(via string) string { return param(via, "branch") }
