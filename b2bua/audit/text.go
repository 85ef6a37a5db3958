package audit

import (
	"bytes"
	"net/netip"

	"github.com/bifrons/bifrons/internal/leak"
	"github.com/bifrons/bifrons/sip"
)

// text hears the hosts of the URIs in a text, and the addresses anywhere else.
func (e *Ear) text(v []byte) {
	done := 0
	for from := 0; ; {
		i := bytes.IndexByte(v[from:], ':')
		if i < 0 {
			break
		}
		i += from
		from = i + 1
		if i == 0 || !letter(v[i-1]) {
			continue
		}
		if end := e.uri(v, i); end > from {
			e.addresses(v[done:i])
			from, done = end, end
		}
	}
	e.addresses(v[done:])
}

// uri hears the host of a URI whose scheme ends at i, and returns where it ended: scheme:[//][user@]host[:port].
func (e *Ear) uri(v []byte, i int) int {
	start := i + 1
	slashes := start+1 < len(v) && v[start] == '/' && v[start+1] == '/'
	if slashes {
		start += 2
	}
	at, end := -1, start
	for ; end < len(v) && !ends[v[end]]; end++ {
		if v[end] == '@' {
			at = end
		}
	}
	switch {
	case at >= 0:
		e.addresses(v[start:at])
		start = at + 1
	case !slashes && !sipScheme(v[:i]): // urn:, a time, the port of something, or a number in its context (RFC 3966 5.1.5)
		if i >= 3 && sip.EqualFold(v[i-3:i], "tel") {
			e.context(v[end:])
		}
		return start
	}
	e.hostPort(v[start:end])
	return end
}

// hostPort hears host[:port].
func (e *Ear) hostPort(v []byte) {
	n := -1
	if len(v) > 0 && v[0] == '[' {
		n = bytes.IndexByte(v, ']') + 1
	} else {
		n = bytes.IndexByte(v, ':')
	}
	if n <= 0 {
		n = len(v)
	}
	e.host(v[:n], v[n:])
}

// context hears the domain that a local number belongs to.
func (e *Ear) context(params []byte) {
	_, domain, ok := bytes.Cut(params[:min(len(params), 200)], []byte("phone-context="))
	if !ok || len(domain) == 0 || domain[0] == '+' {
		return
	}
	end := 0
	for end < len(domain) && !ends[domain[end]] {
		end++
	}
	e.host(domain[:end], nil)
}

// ends has the bytes that cannot be in the user, host and port of a URI.
var ends = func() (t [256]bool) {
	for _, c := range []byte(" \t\r\n;><\",?/'&{}") {
		t[c] = true
	}
	return t
}()

// sipScheme tells whether sip or sips stands at the end of a text.
func sipScheme(before []byte) bool {
	n := len(before)
	if n > 3 && before[n-1]|0x20 == 's' {
		n--
	}
	return n >= 3 && sip.EqualFold(before[n-3:n], "sip") && (n == 3 || !letter(before[n-4]))
}

// host hears a host name or address, with the port that follows it in after.
func (e *Ear) host(name, after []byte) {
	port := 0
	if len(after) > 1 && after[0] == ':' {
		for port = 1; port < len(after) && after[port]-'0' < 10; port++ {
		}
	}
	bare := name
	if len(bare) > 2 && bare[0] == '[' && bare[len(bare)-1] == ']' {
		bare = bare[1 : len(bare)-1]
	}
	if !address(bare) {
		if hostName(bare) && !e.known(bare) {
			e.Add(leak.Host, bytes.TrimSuffix(bare, []byte(".")))
		}
		return
	}
	if !e.known(bare) {
		e.Add(leak.Address, bare)
	}
	if port > 1 {
		var both [64]byte
		if whole := append(append(both[:0], name...), after[:port]...); !e.known(whole) {
			e.Add(leak.Port, whole)
		}
	}
}

// known tells whether a name is ours.
func (e *Ear) known(name []byte) bool { return e.Own != nil && e.Own.Has(name) }

// hostName tells whether a text can be the name of a host.
func hostName(b []byte) bool {
	for _, c := range b {
		if c-'0' > 9 && !letter(c) && c != '.' && c != '-' && c != '_' {
			return false
		}
	}
	return len(b) > 0
}

// address tells whether a text is an IP address.
func address(b []byte) bool {
	if len(b) < 2 || len(b) > 45 {
		return false
	}
	if bytes.IndexByte(b, ':') >= 0 {
		_, err := netip.ParseAddr(string(b))
		return err == nil
	}
	dots, digits, value := 0, 0, 0
	for _, c := range b {
		switch {
		case c == '.' && digits > 0:
			dots, digits, value = dots+1, 0, 0
		case c-'0' < 10 && digits < 3:
			digits, value = digits+1, value*10+int(c-'0')
		default:
			return false
		}
		if value > 255 {
			return false
		}
	}
	return dots == 3 && digits > 0
}

// addresses hears the IPv4 addresses anywhere in a text, with their ports, and IPv6 addresses in brackets.
func (e *Ear) addresses(v []byte) {
	for from := 0; ; {
		i := bytes.IndexByte(v[from:], '.')
		if i < 0 {
			break
		}
		i += from
		from = i + 1
		if i == 0 || v[i-1]-'0' > 9 || from == len(v) || v[from]-'0' > 9 {
			continue
		}
		start, end := i, i
		for start > 0 && v[start-1]-'0' < 10 {
			start--
		}
		for end < len(v) && (v[end]-'0' < 10 || v[end] == '.') {
			end++
		}
		if from = end; start > 0 && letter(v[start-1]) {
			continue
		}
		if n := end; address(v[start:n]) || v[n-1] == '.' && address(v[start:n-1]) {
			e.host(bytes.TrimSuffix(v[start:n], []byte(".")), v[n:])
		}
	}
	if bytes.IndexByte(v, '[') >= 0 {
		e.bracketed(v)
	}
}

// bracketed hears the IPv6 addresses in brackets.
func (e *Ear) bracketed(v []byte) {
	for from := 0; ; {
		i := bytes.IndexByte(v[from:], '[')
		if i < 0 {
			return
		}
		from += i + 1
		if j := bytes.IndexByte(v[from:], ']'); j > 0 && j < 46 && bytes.IndexByte(v[from:from+j], ':') >= 0 {
			e.host(v[from-1:from+j+1], v[from+j+1:])
		}
	}
}

func letter(c byte) bool { return c|0x20-'a' < 26 }

// maxBody is how much of a body is heard.
const maxBody = 64 << 10

// body hears a body: descriptions line by line, and addresses and URIs in whatever else it is.
func (e *Ear) body(b []byte) {
	b = b[:min(len(b), maxBody)]
	if !bytes.HasPrefix(b, []byte("v=0")) {
		e.text(b) // a multipart body may have a description in it
	}
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\n') + 1
		if i == 0 {
			i = len(b)
		}
		line := b[:i]
		if b = b[i:]; len(line) < 8 || line[1] != '=' || !speaking[line[0]] {
			continue
		}
		for n := len(line); n > 0 && line[n-1] <= '\r'; n = len(line) {
			line = line[:n-1]
		}
		switch line[0] {
		case 'o':
			e.origin(line[2:])
		case 'c':
			e.connection(line[2:])
		case 'a':
			e.attribute(line[2:])
		case 's', 'i', 'u', 'e', 'p':
			e.text(line[2:])
		}
	}
}

// speaking are the lines of a description that may name somebody.
var speaking = [256]bool{'o': true, 'c': true, 'a': true, 's': true, 'i': true, 'u': true, 'e': true, 'p': true}

// field cuts the next word off.
func field(v []byte) (word, rest []byte) {
	for len(v) > 0 && v[0] == ' ' {
		v = v[1:]
	}
	i := bytes.IndexByte(v, ' ')
	if i < 0 {
		return v, nil
	}
	return v[:i], v[i:]
}

// origin hears username, session, version and address of an o= line (RFC 8866 5.2).
func (e *Ear) origin(v []byte) {
	var f [6][]byte
	for i := range f {
		f[i], v = field(v)
	}
	for _, one := range f[:3] {
		e.Add(leak.Origin, one)
	}
	e.host(f[5], nil)
}

// connection hears the address of a c= line: IN IP6 address.
func (e *Ear) connection(v []byte) {
	_, v = field(v)
	_, v = field(v)
	host, _ := field(v)
	if i := bytes.IndexByte(host, '/'); i >= 0 {
		host = host[:i]
	}
	e.host(host, nil)
}

// plain are the attributes that name nobody.
var plain = [...]string{"rtpmap:", "fmtp:", "send", "recv", "inactive", "ptime:", "maxptime:", "curr:", "des:", "conf:", "rtcp-", "mid:"}

// attribute hears candidates (RFC 8839 5.1), a=rtcp (RFC 3605), canonical names (RFC 5576 6.1), and addresses in what is
// not plain.
func (e *Ear) attribute(v []byte) {
	for _, p := range plain {
		if len(v) >= len(p) && string(v[:len(p)]) == p {
			return
		}
	}
	switch {
	case bytes.HasPrefix(v, []byte("candidate:")):
		f := bytes.Fields(v)
		for i := 4; i+1 < len(f); i++ {
			if i == 4 || string(f[i-1]) == "raddr" {
				e.host(f[i], nil)
			}
		}
	case bytes.HasPrefix(v, []byte("rtcp:")):
		if f := bytes.Fields(v); len(f) > 3 {
			e.host(f[3], nil)
		}
	case bytes.HasPrefix(v, []byte("ssrc:")):
		if _, name, ok := bytes.Cut(v, []byte("cname:")); ok {
			e.Add(leak.CNAME, name)
		}
	default:
		e.text(v)
	}
}
