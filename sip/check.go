package sip

import "bytes"

// check finds what no element may accept: missing or doubled headers, a CSeq that contradicts the request line, a body
// shorter than announced, and broken text in the views every later step relies on.
func (m *Message) check() error {
	if err := m.checkOnce(); err != nil {
		return err
	}
	_, method, ok := ParseCSeq(m.Get(HdrCSeq))
	if !ok {
		return bad("bad CSeq")
	}
	if m.IsRequest() {
		if !bytes.Equal(method, m.MethodName) {
			return bad("CSeq method is not the request's")
		}
		if err := m.checkRequestURI(); err != nil {
			return err
		}
	} else {
		m.Method, m.MethodName = MethodOf(method), method
	}
	if v := m.Get(HdrContentLength); v != nil {
		n, ok := number(v)
		if !ok || n > len(m.Body) {
			return bad("bad Content-Length")
		}
		m.Body = m.Body[:n]
	}
	if v := m.Get(HdrMaxForwards); v != nil {
		if n, ok := number(v); !ok || n > 255 {
			return bad("bad Max-Forwards")
		}
	}
	if v := m.Get(HdrMaxBreadth); v != nil {
		if _, ok := number(v); !ok {
			return bad("bad Max-Breadth")
		}
	}
	if err := m.checkVia(); err != nil {
		return err
	}
	return m.checkAddresses()
}

// checkOnce looks for the headers every message has, and for those it may have only once.
func (m *Message) checkOnce() error {
	var seen [NumHeaders]bool
	for i := range m.Headers {
		id := m.Headers[i].ID
		if seen[id] && single[id] {
			return bad("more than one " + id.String())
		}
		seen[id] = true
	}
	for id := HdrVia; id <= HdrCSeq; id++ { // Via, From, To, Call-ID, CSeq
		if len(m.Get(id)) == 0 {
			return bad("no " + id.String())
		}
	}
	return nil
}

// checkRequestURI refuses what RFC 3261 19.1.1 does not allow in a Request-URI. Schemes are the core's matter (416).
func (m *Message) checkRequestURI() error {
	u, err := ParseURI(m.RequestURI)
	if err != nil || u.Headers != nil {
		return bad("bad Request-URI")
	}
	return nil
}

func (m *Message) checkVia() error {
	v, rest, ok := m.topVia()
	if !ok || string(v.Version) != "2.0" {
		return bad("bad Via")
	}
	if m.IsRequest() {
		if string(v.Branch()) == "z9hG4bK" { // the mark of RFC 3261 8.1.1.7 and no identifier
			return bad("bad Via branch")
		}
		return nil
	}
	if len(rest) > 0 {
		return bad("more than one Via")
	}
	n := 0
	for i := range m.Headers {
		if m.Headers[i].ID == HdrVia {
			n++
		}
	}
	if n > 1 { // RFC 3261 8.1.3.3: misrouted, or sent to us to be sent on
		return bad("more than one Via")
	}
	return nil
}

func (m *Message) checkAddresses() error {
	if _, err := ParseAddress(m.Get(HdrFrom)); err != nil {
		return bad("bad From")
	}
	if _, err := ParseAddress(m.Get(HdrTo)); err != nil {
		return bad("bad To")
	}
	if m.first[HdrContact] == 0 {
		return nil
	}
	for i := int(m.first[HdrContact]) - 1; i < len(m.Headers); i++ {
		v := m.Headers[i].Value
		if m.Headers[i].ID != HdrContact || string(v) == "*" && m.Method == REGISTER && m.IsRequest() {
			continue
		}
		if !addressList(v) {
			return bad("bad Contact")
		}
	}
	return nil
}

// addressList checks a comma list of addresses.
func addressList(v []byte) bool {
	for {
		_, next, ok := parseAddress(v)
		if !ok || next == len(v) {
			return ok
		}
		v = v[next+1:]
	}
}

// Answerable tells whether enough of a request was read for its 4xx: the method, a Via and a CSeq, by which the sender
// finds its transaction (RFC 3261 17.1.3). They may be broken: they are sent back as they came, to where they came from.
// From, To and Call-ID may be missing; then they are missing in the response too.
func (m *Message) Answerable() bool {
	return m.IsRequest() && m.Method != ACK && len(m.MethodName) > 0 && len(m.Get(HdrVia)) > 0 && len(m.Get(HdrCSeq)) > 0
}
