package sip

import (
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// view reads one thing of a message through its typed views: "from.tag", "via.branch", "contact2.uri" ...
func view(m *Message, name string) string {
	field, part, _ := strings.Cut(name, ".")
	switch field {
	case "method":
		return string(m.MethodName)
	case "reason":
		return string(m.Reason)
	case "body":
		return strconv.Itoa(len(m.Body))
	case "cseq":
		n, _ := m.CSeq()
		return strconv.Itoa(int(n))
	case "uri":
		return uriPart(m.RequestURI, part)
	case "from", "to":
		a, _ := ParseAddress([]byte(m.Header(field)))
		return addressPart(a, part)
	}
	number := 1
	if c := field[len(field)-1]; c >= '1' && c <= '9' {
		field, number = field[:len(field)-1], int(c-'0')
	}
	one := element(m, HeaderIDOf([]byte(field)), number)
	if field == "via" {
		v, _ := ParseVia(one)
		switch part {
		case "host":
			return string(v.Host)
		case "port":
			return strconv.Itoa(int(v.Port))
		case "transport":
			return string(v.Transport)
		}
		value, _ := v.Params.Get(part)
		return string(value)
	}
	if part == "" {
		return strings.Join(strings.Fields(string(one)), " ")
	}
	a, _ := ParseAddress(one)
	return addressPart(a, part)
}

// element returns the n-th element of a list header over all its lines.
func element(m *Message, id HeaderID, n int) []byte {
	for _, h := range m.Headers {
		for v, one := h.Value, []byte(nil); h.ID == id && len(v) > 0; {
			if one, v = CutValue(v); n == 1 {
				return one
			}
			n--
		}
	}
	return nil
}

func addressPart(a Address, part string) string {
	switch part {
	case "display":
		return string(Unquote(a.Display))
	case "uri":
		return string(a.URI)
	case "user", "host", "port", "headers":
		return uriPart(a.URI, part)
	}
	if p, ok := strings.CutPrefix(part, "uri;"); ok {
		return uriPart(a.URI, p)
	}
	value, ok := a.Params.Get(part)
	return flag(value, ok)
}

func uriPart(b []byte, part string) string {
	u, err := ParseURI(b)
	switch {
	case err != nil:
		return err.Error()
	case part == "user":
		return string(u.User)
	case part == "host":
		return string(u.Host)
	case part == "port":
		return strconv.Itoa(int(u.Port))
	case part == "headers":
		return string(u.Headers)
	case part == "opaque":
		return string(u.Opaque)
	}
	value, ok := u.Params.Get(part)
	return flag(value, ok)
}

func flag(value []byte, ok bool) string {
	switch {
	case !ok:
		return "(none)"
	case value == nil:
		return "(flag)"
	}
	return string(value)
}

// tortureCase says what becomes of a message: accepted, with what the views read, or refused with a status, which is
// answered if it can be. Silence is for responses and for requests that no answer would find.
type tortureCase struct {
	name   string
	status int
	silent bool
	reads  []string // view=value
	why    string   // of an exception to the letter of the RFC
}

var torture = []tortureCase{
	// RFC 4475 3.1.1: valid messages.
	{name: "valid/wsinv", reads: []string{"to.tag=1918181833n", "to.uri=sip:vivekg@chair-dnrc.example.com", `from.display=J Rosenberg \"`,
		"from.tag=98asjd8", "cseq=9", "via.host=192.0.2.2", "via.transport=UDP", "via.branch=390skdjuw", "via2.transport=TCP",
		"via2.host=spindle.example.com", "via2.branch=z9hG4bK9ikj8", "via3.host=192.168.255.111", "via3.branch=z9hG4bK30239",
		`contact.display=Quoted string ""`, "contact.newparam=newvalue", "contact.secondparam=(flag)", "contact.q=0.33",
		"route.uri;lr=(flag)", "route.uri;unknownwith=value", "uri.unknownparam=(flag)", "max-forwards=0068", "subject=", "body=150"}},
	{name: "valid/intmeth", reads: []string{"method=!interesting-Method0123456789_*+`.%indeed'~", "uri.host=example.com",
		"uri.user=1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)",
		"to.display=BEL:\a NUL:\x00 DEL:\x7f", "to.user=1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*",
		"from.display=token1~` token2'+_ token3*%!.-", "from.tag=_token~1'+`*%!-.", "via.branch=z9hG4bK-.!%66*_+`'~", "cseq=139122385"}},
	{name: "valid/esc01", reads: []string{"uri.user=sips%3Auser%40example.com", "uri.host=example.net", "to.user=%75se%72",
		"from.user=I%20have%20spaces", "contact.user=cal%6Cer", "contact.uri;%6C%72=(flag)", "contact.uri;lr=(none)",
		"contact.uri;n%61me=v%61lue%25%34%31", "body=150"}},
	{name: "valid/escnull", reads: []string{"to.user=null-%00-null", "contact.user=%00", "contact2.user=%00%00"}},
	{name: "valid/esc02", reads: []string{"method=RE%47IST%45R", "to.display=%Z%45", "via.branch=z9hG4bK209%fzsnel234",
		"contact.user=alias1", "contact2.user=alias3", "contact3="}},
	{name: "valid/lwsdisp", reads: []string{"from.display=caller", "from.tag=323"}},
	{name: "valid/longreq", reads: []string{"via.host=sip33.example.com", "via.branch=", "contact.host=host5.example.net", "to.port=6000", "body=150"}},
	{name: "valid/dblreq", reads: []string{"method=REGISTER", "body=0"}},
	{name: "valid/semiuri", reads: []string{"uri.user=user;par=u%40example.net", "uri.host=example.com", "accept2=application/pkcs7-mime",
		"accept6=message/sipfrag"}},
	{name: "valid/transports", reads: []string{"via2.transport=SCTP", "via3.transport=TLS", "via4.transport=UNKNOWN", "via5.transport=TCP"}},
	{name: "valid/mpart01", reads: []string{"body=553", "route.port=5080", "via.rport=", "content-type=multipart/mixed;boundary=7a9cbec02ceef655"}},
	{name: "valid/unreason", reads: []string{"reason== 2**3 * 5**2 но сто девяносто девять - простое", "to.tag=2229", "body=154"}},
	{name: "valid/noreason", reads: []string{"reason=", "to.tag=902jndnke3"}},

	// RFC 4475 3.1.2: invalid messages.
	{name: "invalid/badinv01", status: 400},
	{name: "invalid/clerr", status: 400},
	{name: "invalid/ncl", status: 400},
	{name: "invalid/scalar02", status: 400},
	{name: "invalid/scalarlg", status: 400, silent: true},
	{name: "invalid/quotbal", status: 400},
	{name: "invalid/ltgtruri", status: 400},
	{name: "invalid/lwsruri", status: 400},
	{name: "invalid/lwsstart", status: 400},
	{name: "invalid/trws", status: 400},
	{name: "invalid/escruri", status: 400},
	{name: "invalid/baddate", reads: []string{"date=Fri"}, why: "no decision hangs on Date; RFC 4475 allows to ignore it"},
	{name: "invalid/regbadct", status: 400},
	{name: "invalid/badaspec", reads: []string{"to.uri=sip:t.watson@example.org", "from.display=Bell, Alexander"},
		why: "blanks between the angle brackets are harmless; RFC 4475 allows to be liberal"},
	{name: "invalid/baddn", status: 400},
	{name: "invalid/badvers", status: 505},
	{name: "invalid/mismatch01", status: 400},
	{name: "invalid/mismatch02", status: 400},
	{name: "invalid/bigcode", status: 400, silent: true},
	{name: "invalid/test", status: 400, silent: true, why: "no Via to answer to"},

	// RFC 4475 3.2: transaction layer.
	{name: "invalid/badbranch", status: 400},

	// RFC 4475 3.3: what a parser accepts and the core or the body's reader may refuse.
	{name: "invalid/insuf", status: 400},
	{name: "invalid/unkscm", reads: []string{"uri.opaque=totallyopaquecontent"}, why: "416 is the core's answer"},
	{name: "invalid/novelsc", reads: []string{"uri.opaque=//192.0.2.103:3002"}, why: "416 is the core's answer"},
	{name: "invalid/unksm2", reads: []string{"to.uri=isbn:2983792873", "from.uri=http://www.example.com", "contact.uri=name:John_Smith"},
		why: "the registrar would refuse it"},
	{name: "invalid/bext01", reads: []string{"require=nothingSupportsThis", "require2=nothingSupportsThisEither"}, why: "420 is the core's answer"},
	{name: "invalid/invut", reads: []string{"content-type=application/unknownformat", "body=40"}, why: "415 is the core's answer"},
	{name: "invalid/regaut01", reads: []string{"authorization=NoOneKnowsThisScheme opaque-data=here"}, why: "the registrar would challenge it"},
	{name: "invalid/multi01", status: 400},
	{name: "invalid/mcl01", status: 400},
	{name: "invalid/bcast", status: 400, silent: true},
	{name: "invalid/zeromf", reads: []string{"max-forwards=0"}, why: "483 is the core's answer, and an OPTIONS to us may end here"},
	{name: "invalid/cparam01", reads: []string{"contact.uri=sip:+19725552222@gw1.example.net", "contact.unknownparam=(flag)"}},
	{name: "invalid/cparam02", reads: []string{"contact.uri;unknownparam=(flag)", "contact.unknownparam=(none)"}},
	{name: "invalid/regescrt", reads: []string{"contact.headers=Route=%3Csip:sip.example.com%3E", "contact.host=example.com"}},
	{name: "invalid/sdp01", reads: []string{"accept=text/nobodyKnowsThis", "body=150"}, why: "406 is the core's answer"},

	// RFC 4475 3.4: backward compatibility. RFC 3261 12.1.1 wants a missing From tag borne.
	{name: "invalid/inv2543", reads: []string{"via.branch=", "from.tag=(none)", "to.uri=sip:+16505552222@ss1.example.net",
		"record-route.uri;maddr=ss1.example.com", "body=105"}},
}

// tortureDir finds the messages of RFC 4475 where sipgo, whose phones the demo uses, ships them.
func tortureDir(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/emiago/sipgo").Output()
	dir := strings.TrimSpace(string(out))
	if err != nil || dir == "" {
		t.Fatalf("the module github.com/emiago/sipgo is not there (go mod download): %v", err)
	}
	return filepath.Join(dir, "sip", "testdata", "torture")
}

func TestTortureRFC4475(t *testing.T) {
	dir := tortureDir(t)
	left := map[string]bool{}
	files, _ := filepath.Glob(filepath.Join(dir, "*", "*.dat"))
	for _, f := range files {
		left[f] = true
	}
	if len(files) < 49 {
		t.Fatalf("%d files in %s, RFC 4475 has 49 messages", len(files), dir)
	}
	for _, c := range torture {
		file := filepath.Join(dir, c.name+".dat")
		delete(left, file)
		t.Run(c.name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if c.name == "invalid/baddn" { // the file lacks the empty line it has in the RFC
				text = append(text, "\r\n"...)
			}
			runTorture(t, c, string(text))
		})
	}
	for f := range left {
		t.Errorf("%s has no case", f)
	}
}

func runTorture(t *testing.T, c tortureCase, text string) {
	m := Message{Source: netip.MustParseAddrPort("192.0.2.1:5060")}
	err := m.Parse([]byte(text))
	if c.status == 0 {
		if err != nil {
			t.Fatalf("refused: %v", err)
		}
		for _, r := range c.reads {
			name, want, _ := strings.Cut(r, "=")
			if got := view(&m, name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		sameAgain(t, &m, c)
		return
	}
	var pe *ParseError
	if !errors.As(err, &pe) || pe.Status != c.status {
		t.Fatalf("got %v, want %d", err, c.status)
	}
	if m.Answerable() == c.silent {
		t.Fatalf("answerable is %v", m.Answerable())
	}
	if m.Answerable() {
		checkAnswer(t, &m, pe.Status)
	}
}

// sameAgain prints a message and reads it again: nothing may have changed for the views.
func sameAgain(t *testing.T, m *Message, c tortureCase) {
	for name, again := range map[string]*Message{"print": {}, "clone": m.Clone()} {
		if name == "print" {
			if err := again.Parse(m.Append(nil)); err != nil {
				t.Errorf("what was printed is refused: %v", err)
			}
		}
		for _, r := range c.reads {
			if name, _, _ := strings.Cut(r, "="); view(again, name) != view(m, name) {
				t.Errorf("%s changed to %q", name, view(again, name))
			}
		}
	}
}

// checkAnswer builds the response to a refused request and looks whether it is one message and belongs to the request.
func checkAnswer(t *testing.T, m *Message, status int) {
	out := AppendBody(m.AppendResponseHead(nil, status, ReasonPhrase(status), []byte("tag1")), nil)
	lines := strings.Split(strings.TrimSuffix(string(out), "\r\n\r\n"), "\r\n")
	for i, l := range lines {
		name, _, ok := strings.Cut(l, ": ")
		if strings.ContainsAny(l, "\r\n") || i > 0 && (!ok || HeaderIDOf([]byte(name)) == HdrOther) {
			t.Errorf("line %q", l)
		}
	}
	want := 2 // status line and Content-Length
	for _, h := range m.Headers {
		if h.ID == HdrVia || h.ID >= HdrFrom && h.ID <= HdrCSeq && m.first[h.ID] > 0 && &m.Headers[m.first[h.ID]-1].Value[0] == &h.Value[0] {
			want++
		}
	}
	if len(lines) != want {
		t.Errorf("%d lines, want %d:\n%s", len(lines), want, out)
	}
	if branch := view(m, "via.branch"); branch != "" && !strings.Contains(lines[1], "branch="+branch) {
		t.Errorf("no branch %q in %q", branch, lines[1])
	}
}
