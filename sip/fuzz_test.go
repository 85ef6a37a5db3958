package sip

import (
	"bytes"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// The seeds of the fuzz targets, and of TestMillion.
var (
	parseSeeds = []string{invite, imsInvite, "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP [::1]:5060\r\nf: sip:a@b;tag=1\r\nt: sip:a@b\r\ni: 1\r\nCSeq: 1 BYE\r\n\r\n",
		request("INVITE", "sip:a@b", "Call-ID: x\ry", "To:\r\n \r\n\t<sip:a@b> ; x", "Foobar roobar")}
	addressSeeds = []string{`"A \"B\", C" <sip:a;b=c@d:5070;lr?x=y> ; tag = 1;q="a;b"`, "sip:a@b;tag=1", "Jörg  X < tel:+1 >", "<a:b>;x=;y"}
	uriSeeds     = []string{"sip:a;b=c@d:5070;lr;x=[::1]?y=z&w=", "sips:[2001:db8::1]:1", "tel:+1-2;phone-context=x", "sip:a:b@c", "SIP:?@x"}
	viaSeeds     = []string{"SIP / 2.0 / UDP h : 5060 ; branch = z9hG4bK1;rport", "SIP/2.0/TLS [::1];x=\"a,b\", SIP/2.0/UDP x", "sip/2.0/a b;received=::1"}
	paramsSeeds  = []string{`;a;b=c;D = "e;\"f" ; g=`, "a=b", ";;=;x", `;x="`, ";x=<a;b>"}
)

// Whatever is accepted prints as something that reads the same; whatever is refused is answered in one piece.
func FuzzParse(f *testing.F) {
	for _, s := range parseSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(tryParse)
}

func tryParse(t *testing.T, b []byte) {
	m, again := Message{Source: netip.MustParseAddrPort("192.0.2.1:5060")}, Message{}
	err := m.Parse(bytes.Clone(b)) // unfolds in place
	head := m.AppendResponseHead(nil, 400, "Bad Request", []byte("t"))
	if n := bytes.Count(head, []byte("\r\n")); bytes.Count(head, []byte("\r")) != n || bytes.Count(head, []byte("\n")) != n {
		t.Fatalf("answer in pieces: %q", head)
	}
	if err != nil {
		m.Answerable()
		return
	}
	out := m.Append(nil)
	if err := again.Parse(bytes.Clone(out)); err != nil {
		t.Fatalf("%v\n%q", err, out)
	}
	for name, same := range map[string]*Message{"print": &again, "clone": m.Clone()} {
		if got := same.Append(nil); !bytes.Equal(got, out) {
			t.Fatalf("%s is not stable:\n%q\n%q", name, out, got)
		}
	}
	if !m.IsRequest() {
		return
	}
	var answer Message
	if err := answer.Parse(AppendBody(head, nil)); err != nil && m.viaCount() == 1 {
		t.Fatalf("our answer is refused: %v\n%q", err, head)
	}
}

func (m *Message) viaCount() (n int) {
	for _, h := range m.Headers {
		for v := h.Value; h.ID == HdrVia && len(v) > 0; n++ {
			_, v = CutValue(v)
		}
	}
	return n
}

func FuzzAddress(f *testing.F) {
	for _, s := range addressSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(tryAddress)
}

func tryAddress(t *testing.T, b []byte) {
	a, err := ParseAddress(b)
	if err != nil {
		return
	}
	out := append(append(append(append(bytes.Clone(a.Display), '<'), a.URI...), '>'), a.Params...)
	same, err := ParseAddress(out)
	if err != nil || !bytes.Equal(same.Display, a.Display) || !bytes.Equal(same.URI, a.URI) || !bytes.Equal(same.Params, a.Params) {
		t.Fatalf("%q became %q: %v", b, out, err)
	}
	if first, rest := CutValue(append(bytes.Clone(b), ", <sip:next>"...)); !bytes.Equal(first, trim(b)) || string(rest) != "<sip:next>" {
		t.Fatalf("in a list %q is cut as %q and %q", b, first, rest)
	}
	sameParams(t, a.Params)
}

func FuzzURI(f *testing.F) {
	for _, s := range uriSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(tryURI)
}

func tryURI(t *testing.T, b []byte) {
	u, err := ParseURI(b)
	if err != nil {
		return
	}
	out := append(bytes.Clone(u.Scheme), ':')
	if !u.IsSIP() {
		out = append(out, u.Opaque...)
	} else {
		if u.User != nil {
			out = append(append(out, u.User...), '@')
		}
		out = append(out, u.Host...)
		if u.Port != 0 {
			out = strconv.AppendUint(append(out, ':'), uint64(u.Port), 10)
		}
		if out = append(out, u.Params...); u.Headers != nil {
			out = append(append(out, '?'), u.Headers...)
		}
	}
	same, err := ParseURI(out)
	if err != nil || !reflect.DeepEqual(u, same) {
		t.Fatalf("%q became %q: %v\n%s", b, out, err, cmp.Diff(u, same))
	}
	if a, err := ParseAddress(append(append([]byte{'<'}, b...), '>')); err != nil || !bytes.Equal(a.URI, b) {
		t.Fatalf("no address: %v", err)
	}
	HostAddr(u.Host)
}

func FuzzVia(f *testing.F) {
	for _, s := range viaSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(tryVia)
}

func tryVia(t *testing.T, b []byte) {
	v, rest, ok := parseVia(b)
	if !ok {
		return
	}
	out := append(append([]byte("SIP/"), v.Version...), '/')
	out = append(append(append(out, v.Transport...), ' '), v.Host...)
	if v.Port != 0 {
		out = strconv.AppendUint(append(out, ':'), uint64(v.Port), 10)
	}
	out = append(out, v.Params...)
	same, err := ParseVia(out)
	if err != nil || !reflect.DeepEqual(v, same) {
		t.Fatalf("%q became %q: %v\n%s", b, out, err, cmp.Diff(v, same, cmpopts.IgnoreUnexported(Via{})))
	}
	if branch, _ := same.Params.Get("branch"); !bytes.Equal(branch, v.Branch()) {
		t.Fatalf("branch %q, %q", v.Branch(), branch)
	}
	if _, more := CutValue(b); !bytes.Equal(more, rest) {
		t.Fatalf("%q is cut as %q and %q", b, rest, more)
	}
	HostAddr(v.Host)
	sameParams(t, v.Params)
}

func FuzzParams(f *testing.F) {
	for _, s := range paramsSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(tryParams)
}

func tryParams(t *testing.T, b []byte) {
	n := 0
	for p := Params(b); ; n++ {
		name, value, rest, ok := p.Next()
		if !ok {
			break
		}
		if len(rest) >= len(p) {
			t.Fatalf("%q does not get shorter", p)
		}
		if first, ok := Params(b).Get(string(name)); !ok || n == 0 && !bytes.Equal(first, value) {
			t.Fatalf("%q is not found", name)
		}
		Unquote(value)
		p = rest
	}
	if paramsEnd(b, 0) == len(b) {
		sameParams(t, Params(trim(b)))
	}
}

// sameParams takes legal parameters apart and puts them together: every name is a token, and the second reading is the first.
func sameParams(t *testing.T, p Params) {
	type param struct{ Name, Value string }
	read := func(p Params) (list []param, out []byte) {
		for {
			name, value, rest, ok := p.Next()
			if !ok {
				return list, out
			}
			list, p = append(list, param{string(name), string(value)}), rest
			if !isToken(name) {
				t.Fatalf("the name %q", name)
			}
			if out = append(append(out, ';'), name...); value != nil {
				out = append(append(out, '='), value...)
			}
		}
	}
	list, out := read(p)
	again, _ := read(out)
	if !slices.Equal(list, again) || paramsEnd(out, 0) != len(out) {
		t.Fatalf("%q became %q\n%s", p, out, cmp.Diff(list, again))
	}
}
