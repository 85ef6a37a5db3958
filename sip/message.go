package sip

import (
	"net/netip"
	"time"
)

// MaxHeaders is how many header lines a message may have.
const MaxHeaders = 256

// Header is one header line: its identity, its name as written and its value without surrounding blanks.
type Header struct {
	ID    HeaderID
	Name  []byte
	Value []byte
}

// Message is a SIP request or response: the received bytes and an index of slices into them. Fields may be replaced; the
// message prints as its fields say. Status 0 makes it a request.
type Message struct {
	Method     Method // of the request line, or of the CSeq in a response
	MethodName []byte
	RequestURI []byte
	Status     int
	Reason     []byte
	Headers    []Header
	Body       []byte

	// Source is where the datagram came from.
	Source netip.AddrPort
	// Waited is how long it lay in the socket's buffer before it was read; 0 where that was not measured.
	Waited time.Duration
	// Names are those of the certificate that the peer has proved to own (RFC 5922 7.1), none without TLS.
	Names []string
	// User has proved by digest to be the sender; whoever checks that sets it.
	User string

	raw   []byte
	via   topVia
	first [HdrContentType + 1]int16 // index+1 of the first header of the ids that every message has
}

// Raw returns the message as it was received, nil for one that was not. It is a view of the read buffer.
func (m *Message) Raw() []byte { return m.raw }

// IsRequest tells a request from a response.
func (m *Message) IsRequest() bool { return m.Status == 0 }

// Get returns the value of the first header with this id, nil if there is none.
func (m *Message) Get(id HeaderID) []byte {
	if int(id) < len(m.first) && id != HdrOther {
		if i := m.first[id]; i > 0 {
			return m.Headers[i-1].Value
		}
		return nil
	}
	for i := range m.Headers {
		if m.Headers[i].ID == id {
			return m.Headers[i].Value
		}
	}
	return nil
}

// Has tells whether a header with this id is there.
func (m *Message) Has(id HeaderID) bool {
	for i := range m.Headers {
		if m.Headers[i].ID == id {
			return true
		}
	}
	return false
}

// Header returns the value of the first header of that name, in any case or compact form; "" if there is none.
func (m *Message) Header(name string) string {
	id := HeaderIDOf([]byte(name))
	for i := range m.Headers {
		h := &m.Headers[i]
		if h.ID == id && (id != HdrOther || EqualFold(h.Name, name)) {
			return string(h.Value)
		}
	}
	return ""
}

// Set replaces all headers of this id by one value.
func (m *Message) Set(id HeaderID, value []byte) {
	m.Del(id)
	m.Add(id, value)
}

// Add appends a header with this id.
func (m *Message) Add(id HeaderID, value []byte) {
	m.Headers = append(m.Headers, Header{ID: id, Name: []byte(id.String()), Value: oneLine(value)})
	m.index()
}

// Del removes all headers of this id.
func (m *Message) Del(id HeaderID) { m.DelFunc(func(h *Header) bool { return h.ID == id }) }

// DelFunc removes all headers that f holds for.
func (m *Message) DelFunc(f func(*Header) bool) {
	out := m.Headers[:0]
	for i := range m.Headers {
		if !f(&m.Headers[i]) {
			out = append(out, m.Headers[i])
		}
	}
	m.Headers = out
	m.index()
}

func (m *Message) index() {
	m.first = [HdrContentType + 1]int16{}
	for i := range m.Headers {
		if id := m.Headers[i].ID; int(id) < len(m.first) && m.first[id] == 0 {
			m.first[id] = int16(i + 1)
		}
	}
}

// Clone returns a copy that lives longer than the read buffer.
func (m *Message) Clone() *Message {
	size := len(m.MethodName) + len(m.RequestURI) + len(m.Reason) + len(m.Body)
	for i := range m.Headers {
		size += len(m.Headers[i].Name) + len(m.Headers[i].Value)
	}
	buf := make([]byte, 0, size)
	keep := func(b []byte) []byte {
		if b == nil {
			return nil
		}
		start := len(buf)
		buf = append(buf, b...)
		return buf[start:len(buf):len(buf)]
	}
	c := *m
	c.raw, c.via = nil, topVia{}
	c.MethodName, c.RequestURI, c.Reason = keep(m.MethodName), keep(m.RequestURI), keep(m.Reason)
	c.Headers = make([]Header, len(m.Headers))
	for i, h := range m.Headers {
		c.Headers[i] = Header{ID: h.ID, Name: keep(h.Name), Value: keep(h.Value)}
	}
	c.Body = keep(m.Body)
	c.topVia() // now: a copy may be read by several goroutines
	return &c
}

// CSeq returns the sequence number and method of the CSeq header.
func (m *Message) CSeq() (uint32, []byte) {
	n, method, _ := ParseCSeq(m.Get(HdrCSeq))
	return n, method
}

// TopVia returns the first Via of the message.
func (m *Message) TopVia() (Via, error) {
	v, _, ok := m.topVia()
	if !ok {
		return Via{}, ErrVia
	}
	return v, nil
}

// ParseCSeq reads "number method" (RFC 3261 20.16).
func ParseCSeq(v []byte) (n uint32, method []byte, ok bool) {
	i := 0
	var x uint64
	for i < len(v) && v[i] >= '0' && v[i] <= '9' {
		if x = x*10 + uint64(v[i]-'0'); x > 1<<32-1 {
			return 0, nil, false
		}
		i++
	}
	if i == 0 || i == len(v) || !isBlank(v[i]) {
		return 0, nil, false
	}
	if method = trim(v[i:]); !isToken(method) {
		return 0, nil, false
	}
	return uint32(x), method, true
}
