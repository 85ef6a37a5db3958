package demo

import (
	"strconv"
	"strings"
)

// The proof reads the recorded messages with a reader of its own, independent
// of the phones' library and of the server: plain text, no interpretation.

// compact has the short forms of RFC 3261 7.3.3 for the headers read here.
func compact(name string) string {
	switch strings.ToLower(name) {
	case "call-id":
		return "i"
	case "from":
		return "f"
	case "to":
		return "t"
	case "via":
		return "v"
	case "contact":
		return "m"
	}
	return ""
}

// split returns the start line, the unfolded header lines and the body.
func (m Message) split() (start string, headers []string, body string) {
	head, body, _ := strings.Cut(string(m.Raw), "\r\n\r\n")
	for line := range strings.SplitSeq(head, "\r\n") {
		switch {
		case start == "":
			start = line
		case line != "" && (line[0] == ' ' || line[0] == '\t') && len(headers) > 0:
			// RFC 3261 7.3.1: a line that begins with a blank continues the one before.
			headers[len(headers)-1] += " " + strings.TrimSpace(line)
		default:
			headers = append(headers, line)
		}
	}
	return start, headers, body
}

// Headers returns the values of every header of that name, in order.
func (m Message) Headers(name string) []string {
	_, lines, _ := m.split()
	var values []string
	for _, line := range lines {
		n, v, ok := strings.Cut(line, ":")
		n = strings.TrimSpace(n)
		if ok && (strings.EqualFold(n, name) || n != "" && strings.EqualFold(n, compact(name))) {
			values = append(values, strings.TrimSpace(v))
		}
	}
	return values
}

// Header returns the first header of that name, or nothing.
func (m Message) Header(name string) string {
	if values := m.Headers(name); len(values) > 0 {
		return values[0]
	}
	return ""
}

// Status returns the status code of a response, 0 for a request.
func (m Message) Status() int {
	start, _, _ := m.split()
	rest, ok := strings.CutPrefix(start, "SIP/2.0 ")
	if !ok {
		return 0
	}
	code, _, _ := strings.Cut(rest, " ")
	n, _ := strconv.Atoi(code)
	return n
}

// Method returns the method: of the request, or of the request it answers.
func (m Message) Method() string {
	start, _, _ := m.split()
	if m.Status() != 0 {
		_, method, _ := strings.Cut(m.Header("CSeq"), " ")
		return strings.TrimSpace(method)
	}
	method, _, _ := strings.Cut(start, " ")
	return method
}

// Title is what an arrow of the ladder says: the method or the status, and CSeq.
func (m Message) Title() string {
	start, _, _ := m.split()
	seq, method, _ := strings.Cut(m.Header("CSeq"), " ")
	if m.Status() != 0 {
		return strings.TrimPrefix(start, "SIP/2.0 ") + "  " + seq + " " + strings.TrimSpace(method)
	}
	return m.Method() + "  " + seq
}

// SDP returns the rest of the first line of the body that begins with the prefix.
func (m Message) SDP(prefix string) string {
	_, _, body := m.split()
	return sdpLine(body, prefix)
}

func sdpLine(body, prefix string) string {
	for line := range strings.Lines(body) {
		if v, ok := strings.CutPrefix(line, prefix); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// direction returns the media direction a session description asks for, and
// nothing without one. RFC 3264 5.1: sendrecv is the default.
func direction(body string) string {
	if !strings.Contains(body, "m=") {
		return ""
	}
	for line := range strings.Lines(body) {
		switch v := strings.TrimSpace(strings.TrimPrefix(line, "a=")); v {
		case "sendonly", "recvonly", "inactive", "sendrecv":
			return v
		}
	}
	return "sendrecv"
}

// param returns the value of one parameter of a header value.
func param(value, name string) string {
	_, rest, ok := strings.Cut(value, ">")
	if !ok {
		rest = value
	}
	for p := range strings.SplitSeq(rest, ";") {
		n, v, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(n), name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// uri returns the URI of a From, To or Contact value, without parameters.
func uri(value string) string {
	if _, rest, ok := strings.Cut(value, "<"); ok {
		value, _, _ = strings.Cut(rest, ">")
	}
	value, _, _ = strings.Cut(value, ";")
	return strings.TrimSpace(value)
}

// hostport returns what follows the user part of a URI.
func hostport(uri string) string {
	_, rest, _ := strings.Cut(uri, ":")
	if _, after, ok := strings.Cut(rest, "@"); ok {
		return after
	}
	return rest
}

// user returns the user part of a URI.
func user(uri string) string {
	_, rest, _ := strings.Cut(uri, ":")
	name, _, ok := strings.Cut(rest, "@")
	if !ok {
		return ""
	}
	return name
}

// sentBy returns host and port of a Via value. RFC 3261 20.42.
func sentBy(via string) string {
	_, rest, _ := strings.Cut(via, " ")
	host, _, _ := strings.Cut(rest, ";")
	return strings.TrimSpace(host)
}
