package sdp

import "bytes"

// preconditions answers the quality-of-service preconditions of an offered section (RFC 3312 5.1). We need no resource
// reservation of our own, so our side is met at once; the offerer's side is as it said, and we ask to be told when it
// changes (a=conf) unless it is met already. What is local for the offerer is remote for us, what it sends we receive.
func (w *writer) preconditions(m *Media) {
	have, asked := Inactive, false
	for i := range m.Lines {
		l := &m.Lines[i]
		if l.attr != attrCurr {
			continue
		}
		kind, rest, _ := bytes.Cut(l.Attr(), space)
		where, what, _ := bytes.Cut(rest, space)
		if string(kind) != "qos" {
			continue
		}
		asked = true
		if d, ok := qosDirection(what); ok && string(where) == "local" {
			have = d.Reverse()
		}
		if string(where) == "e2e" {
			w.str("a=curr:qos e2e sendrecv\r\n")
		}
	}
	if !asked {
		return
	}
	w.str("a=curr:qos local sendrecv\r\na=curr:qos remote " + qosNames[have] + "\r\n")
	if needed := w.desired(m); needed&^have != 0 {
		w.str("a=conf:qos remote " + qosNames[needed] + "\r\n")
	}
}

// desired writes the a=des lines of the answer and returns what the offerer must still reserve on its side.
func (w *writer) desired(m *Media) (needed Direction) {
	for i := range m.Lines {
		l := &m.Lines[i]
		if l.attr != attrDes {
			continue
		}
		kind, rest, _ := bytes.Cut(l.Attr(), space)
		strength, rest, _ := bytes.Cut(rest, space)
		where, what, _ := bytes.Cut(rest, space)
		d, ok := qosDirection(what)
		if string(kind) != "qos" || !ok || !strengths[string(strength)] {
			continue
		}
		d = d.Reverse()
		switch string(where) {
		case "local":
			w.des(strength, "remote", d)
			if string(strength) == "mandatory" {
				needed |= d
			}
		case "remote":
			w.des(strength, "local", d)
		case "e2e":
			w.des(strength, "e2e", d)
		}
	}
	return needed
}

// Ready tells that the party has reserved of its own resources what it must have before it can hear us, and we it (RFC 3312 5):
// until then what is sent to it may be lost.
func (m *Media) Ready() bool {
	var have, need Direction
	for i := range m.Lines {
		l := &m.Lines[i]
		f := bytes.Fields(l.Attr())
		switch {
		case l.attr == attrCurr && len(f) == 3 && string(f[0]) == "qos" && string(f[1]) == "local":
			have, _ = qosDirection(f[2])
		case l.attr == attrDes && len(f) == 4 && string(f[0]) == "qos" && string(f[1]) == "mandatory" && string(f[2]) == "local":
			d, _ := qosDirection(f[3])
			need |= d
		}
	}
	return need&^have == 0
}

func (w *writer) des(strength []byte, where string, d Direction) {
	w.str("a=des:qos ")
	w.dst = append(w.dst, strength...)
	w.str(" " + where + " " + qosNames[d] + "\r\n")
}

var strengths = map[string]bool{"mandatory": true, "optional": true, "none": true, "failure": true, "unknown": true}

// qosNames are the direction tags of RFC 3312 4, by direction.
var qosNames = [...]string{"none", "send", "recv", "sendrecv"}

func qosDirection(b []byte) (Direction, bool) {
	for d, name := range qosNames {
		if string(b) == name {
			return Direction(d), true
		}
	}
	return 0, false
}
