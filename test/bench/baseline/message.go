package main

import "bytes"

// msg is an index of slices into a datagram.
type msg struct {
	raw                                        []byte
	line                                       []byte // start line
	via, from, to, callID, cseq, contact, ctyp []byte // values
	pass                                       [16][]byte
	npass                                      int
	allVia                                     [8][]byte
	nvia                                       int
	body                                       []byte
	status                                     int
	method                                     byte // I A B C or other
}

// trim takes blanks off both ends.
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// eq compares with a name in lower case.
func eq(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i := range b {
		if b[i]|0x20 != s[i] {
			return false
		}
	}
	return true
}

// parse indexes one datagram in place; false when it is not worth an answer.
func (m *msg) parse(b []byte) bool {
	m.raw, m.npass, m.nvia, m.status = b, 0, 0, 0
	m.via, m.from, m.to, m.callID, m.cseq, m.contact, m.ctyp, m.body = nil, nil, nil, nil, nil, nil, nil, nil
	i := bytes.IndexByte(b, '\n')
	if i < 12 {
		return false
	}
	m.line = b[:i-1]
	for {
		b = b[i+1:]
		i = bytes.IndexByte(b, '\n')
		if i < 1 {
			return false
		}
		l := b[:i-1]
		if len(l) == 0 {
			m.body = b[i+1:]
			break
		}
		c := bytes.IndexByte(l, ':')
		if c < 1 {
			return false
		}
		m.field(trim(l[:c]), trim(l[c+1:]), l)
	}
	if m.callID == nil || m.cseq == nil || m.via == nil {
		return false
	}
	if m.line[0] == 'S' && m.line[3] == '/' {
		m.status = int(m.line[8]-'0')*100 + int(m.line[9]-'0')*10 + int(m.line[10]-'0')
	}
	sp := bytes.IndexByte(m.cseq, ' ')
	m.method = m.cseq[sp+1]
	return true
}

// field files one header line.
func (m *msg) field(k, v, l []byte) {
	switch {
	case eq(k, "via"):
		if m.via == nil {
			m.via = v
		}
		if m.nvia < len(m.allVia) {
			m.allVia[m.nvia] = v
			m.nvia++
		}
	case eq(k, "from"):
		m.from = v
	case eq(k, "to"):
		m.to = v
	case eq(k, "call-id"):
		m.callID = v
	case eq(k, "cseq"):
		m.cseq = v
	case eq(k, "contact"):
		m.contact = v
	case eq(k, "content-type"):
		m.ctyp = v
	case eq(k, "content-length"), eq(k, "max-forwards"), eq(k, "record-route"), eq(k, "route"):
	default:
		if m.npass < len(m.pass) {
			m.pass[m.npass] = l
			m.npass++
		}
	}
}

// param reads a parameter; name is written ";tag=".
func param(v []byte, name string) []byte {
	i := bytes.Index(v, []byte(name))
	if i < 0 {
		return nil
	}
	v = v[i+len(name):]
	for j, c := range v {
		if c == ';' || c == ',' || c == ' ' {
			return v[:j]
		}
	}
	return v
}

// uri takes the URI out of a name-addr.
func uri(v []byte) []byte {
	if i := bytes.IndexByte(v, '<'); i >= 0 {
		v = v[i+1:]
		if j := bytes.IndexByte(v, '>'); j >= 0 {
			return v[:j]
		}
	}
	return v
}
