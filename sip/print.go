package sip

import (
	"bytes"
	"strconv"
)

// AppendHeader prints one header line. A line end in the value becomes blanks, so that no value makes a second line.
func AppendHeader(dst []byte, name string, value []byte) []byte {
	dst = append(append(dst, name...), ": "...)
	return append(append(dst, oneLine(value)...), '\r', '\n')
}

// oneLine returns value, or a copy with blanks for its line ends.
func oneLine(value []byte) []byte {
	if bytes.IndexByte(value, '\n') < 0 && bytes.IndexByte(value, '\r') < 0 {
		return value
	}
	out := bytes.Clone(value)
	for i, c := range out {
		if c == '\r' || c == '\n' {
			out[i] = ' '
		}
	}
	return out
}

// AppendBody ends the header section with Content-Length and the body.
func AppendBody(dst, body []byte) []byte {
	dst = strconv.AppendInt(append(dst, "Content-Length: "...), int64(len(body)), 10)
	return append(append(dst, "\r\n\r\n"...), body...)
}

// Append prints the message as its fields say.
func (m *Message) Append(dst []byte) []byte {
	if m.IsRequest() {
		dst = append(append(dst, m.MethodName...), ' ')
		dst = append(append(dst, m.RequestURI...), " SIP/2.0\r\n"...)
	} else {
		dst = strconv.AppendInt(append(dst, "SIP/2.0 "...), int64(m.Status), 10)
		dst = append(append(append(dst, ' '), m.Reason...), '\r', '\n')
	}
	for i := range m.Headers {
		h := &m.Headers[i]
		if h.ID == HdrContentLength {
			continue
		}
		dst = append(append(dst, h.Name...), ": "...)
		dst = append(append(dst, h.Value...), '\r', '\n')
	}
	return AppendBody(dst, m.Body)
}

// AppendResponseHead prints the status line and what RFC 3261 8.2.6.2 copies from the request: all Via (the first with
// received and rport), From, To (with toTag if the request's has none and toTag is not empty), Call-ID, CSeq.
func (m *Message) AppendResponseHead(dst []byte, status int, reason string, toTag []byte) []byte {
	dst = strconv.AppendInt(append(dst, "SIP/2.0 "...), int64(status), 10)
	dst = append(append(dst, ' '), oneLine([]byte(reason))...)
	dst = append(dst, '\r', '\n')
	return m.AppendResponseHeaders(dst, toTag)
}

// AppendResponseHeaders prints the same headers without the status line.
func (m *Message) AppendResponseHeaders(dst []byte, toTag []byte) []byte {
	top := true
	for i := range m.Headers {
		if m.Headers[i].ID != HdrVia {
			continue
		}
		dst = append(dst, "Via: "...)
		if top {
			dst, top = m.AppendTopVia(dst), false
		} else {
			dst = append(dst, m.Headers[i].Value...)
		}
		dst = append(dst, '\r', '\n')
	}
	dst = appendCopied(dst, "From", m.Get(HdrFrom))
	if to := m.Get(HdrTo); len(to) > 0 {
		dst = append(append(dst, "To: "...), to...)
		if len(toTag) > 0 {
			if a, err := ParseAddress(to); err == nil {
				if _, has := a.Params.Get("tag"); !has {
					dst = append(append(dst, ";tag="...), toTag...)
				}
			}
		}
		dst = append(dst, '\r', '\n')
	}
	dst = appendCopied(dst, "Call-ID", m.Get(HdrCallID))
	return appendCopied(dst, "CSeq", m.Get(HdrCSeq))
}

// appendCopied prints a header of the request if it was there: a refused one may lack it.
func appendCopied(dst []byte, name string, value []byte) []byte {
	if len(value) == 0 {
		return dst
	}
	return AppendHeader(dst, name, value)
}

// ReasonPhrase returns the phrase of a status code (RFC 3261 21 and its extensions).
func ReasonPhrase(status int) string {
	if status > 0 && status < len(reasonPhrases) && reasonPhrases[status] != "" {
		return reasonPhrases[status]
	}
	return classPhrases[min(max(status/100, 1), 6)]
}

var classPhrases = [7]string{1: "Progress", 2: "OK", 3: "Redirection", 4: "Request Failure", 5: "Server Failure", 6: "Global Failure"}

var reasonPhrases = [...]string{
	100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 182: "Queued", 183: "Session Progress",
	199: "Early Dialog Terminated", 200: "OK", 202: "Accepted", 204: "No Notification", 300: "Multiple Choices",
	301: "Moved Permanently", 302: "Moved Temporarily", 305: "Use Proxy", 380: "Alternative Service", 400: "Bad Request",
	401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
	406: "Not Acceptable", 407: "Proxy Authentication Required", 408: "Request Timeout", 410: "Gone",
	412: "Conditional Request Failed", 413: "Request Entity Too Large", 414: "Request-URI Too Long",
	415: "Unsupported Media Type", 416: "Unsupported URI Scheme", 420: "Bad Extension", 421: "Extension Required",
	422: "Session Interval Too Small", 423: "Interval Too Brief", 433: "Anonymity Disallowed", 440: "Max-Breadth Exceeded",
	469: "Bad Info Package", 480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist",
	482: "Loop Detected", 483: "Too Many Hops", 484: "Address Incomplete", 485: "Ambiguous", 486: "Busy Here",
	487: "Request Terminated", 488: "Not Acceptable Here", 489: "Bad Event", 491: "Request Pending",
	493: "Undecipherable", 500: "Server Internal Error", 501: "Not Implemented", 502: "Bad Gateway",
	503: "Service Unavailable", 504: "Server Time-out", 505: "Version Not Supported", 513: "Message Too Large",
	580: "Precondition Failure", 600: "Busy Everywhere", 603: "Decline", 604: "Does Not Exist Anywhere",
	606: "Not Acceptable",
}
