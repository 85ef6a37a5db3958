package test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// message is a SIP message as it was read: deliberately simple, and no relative of the sip package.
type message struct {
	start  string
	fields [][2]string // name in long form, value
	body   string
	raw    string
	source string // who sent it
}

// short names of RFC 3261 20 and of RFC 4028.
var short = map[string]string{"v": "Via", "f": "From", "t": "To", "i": "Call-ID", "m": "Contact", "l": "Content-Length", "c": "Content-Type", "k": "Supported", "s": "Subject", "x": "Session-Expires"}

func parse(raw string) (message, error) {
	head, body, ok := strings.Cut(raw, "\r\n\r\n")
	if !ok {
		return message{}, fmt.Errorf("no empty line: %q", raw)
	}
	lines := strings.Split(head, "\r\n")
	m := message{start: lines[0], body: body, raw: raw}
	for _, l := range lines[1:] {
		name, value, ok := strings.Cut(l, ":")
		if !ok {
			return message{}, fmt.Errorf("no colon in %q", l)
		}
		name = strings.TrimSpace(name)
		if long := short[strings.ToLower(name)]; long != "" {
			name = long
		}
		m.fields = append(m.fields, [2]string{name, strings.TrimSpace(value)})
	}
	if n, err := strconv.Atoi(m.get("Content-Length")); err != nil || n != len(body) {
		return message{}, fmt.Errorf("Content-Length %q but %d bytes of body", m.get("Content-Length"), len(body))
	}
	return m, nil
}

// get returns the first value of a header, or "".
func (m message) get(name string) string {
	for _, f := range m.fields {
		if strings.EqualFold(f[0], name) {
			return f[1]
		}
	}
	return ""
}

// all returns every value of a header, line by line.
func (m message) all(name string) []string {
	var list []string
	for _, f := range m.fields {
		if strings.EqualFold(f[0], name) {
			list = append(list, f[1])
		}
	}
	return list
}

// status is 0 for a request.
func (m message) status() int {
	if v, ok := strings.CutPrefix(m.start, "SIP/2.0 "); ok && len(v) >= 3 {
		n, _ := strconv.Atoi(v[:3])
		return n
	}
	return 0
}

// method is the request's, or the one that is answered.
func (m message) method() string {
	_, name, _ := strings.Cut(m.get("CSeq"), " ")
	return strings.TrimSpace(name)
}

// key is equal for two copies of one message.
func (m message) key() string {
	return strings.Join([]string{m.start, param(m.get("Via"), "branch"), m.get("CSeq"), m.get("Call-ID"), tag(m.get("To"))}, "|")
}

// options is a comma-separated header as a set.
func (m message) options(name string) map[string]bool {
	set := map[string]bool{}
	for _, line := range m.all(name) {
		for v := range strings.SplitSeq(line, ",") {
			set[strings.TrimSpace(v)] = true
		}
	}
	return set
}

// uri takes the URI out of a name-addr.
func uri(value string) string {
	if _, in, ok := strings.Cut(value, "<"); ok {
		in, _, _ = strings.Cut(in, ">")
		return in
	}
	in, _, _ := strings.Cut(value, ";")
	return in
}

// hostPort takes the address out of a SIP URI; the port is 5060 when it has none.
func hostPort(uri string) string {
	_, host, ok := strings.Cut(uri, "@")
	if !ok {
		host = strings.TrimPrefix(uri, "sip:")
	}
	if i := strings.IndexAny(host, ";?>"); i >= 0 {
		host = host[:i]
	}
	if !strings.Contains(host, ":") {
		host += ":5060"
	}
	return host
}

// param reads a parameter that follows the URI of a header value.
func param(value, name string) string {
	if i := strings.LastIndexByte(value, '>'); i >= 0 {
		value = value[i:]
	}
	for p := range strings.SplitSeq(value, ";") {
		if k, v, _ := strings.Cut(strings.TrimSpace(p), "="); strings.EqualFold(k, name) {
			return v
		}
	}
	return ""
}

func tag(value string) string { return param(value, "tag") }

// audio reads address and port of the first m=audio line.
func audio(t *testing.T, body string) (ip string, port int) {
	t.Helper()
	for line := range strings.SplitSeq(body, "\r\n") {
		if v, ok := strings.CutPrefix(line, "c=IN IP4 "); ok {
			ip = v
		}
		if v, ok := strings.CutPrefix(line, "m=audio "); ok && port == 0 {
			port, _ = strconv.Atoi(strings.Fields(v)[0])
		}
	}
	if ip == "" || port == 0 {
		t.Fatalf("no audio in\n%s", body)
	}
	return ip, port
}

// session is the o= session identifier of every telephone.
const session = "880015550199"

// sdp writes a description with one PCMA stream; extra are attribute lines such as a=sendonly.
func sdp(ip string, port, version int, extra ...string) string {
	lines := []string{"v=0", fmt.Sprintf("o=phone-%d %s %d IN IP4 %s", port, session, version, ip), "s=-", "c=IN IP4 " + ip, "t=0 0",
		fmt.Sprintf("m=audio %d RTP/AVP 8 101", port), "a=rtpmap:8 PCMA/8000", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15", "a=ptime:20"}
	return strings.Join(append(lines, extra...), "\r\n") + "\r\n"
}
