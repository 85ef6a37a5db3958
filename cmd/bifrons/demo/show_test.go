package demo

import (
	"bytes"
	"encoding/binary"
	"math"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtp"
)

func raw(lines ...string) []byte { return []byte(strings.Join(lines, "\r\n")) }

var folded = Message{Raw: raw(
	"INVITE sip:bob@h SIP/2.0", "v: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKa", "Via: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKb",
	`f: "Al; tag=no" <sip:alice@h;x=1>`, " ;tag=17", "CSeq: 4 INVITE", "m: <sip:alice@10.0.0.1:5060>", "",
	"v=0", "o=- 1 2 IN IP4 10.0.0.1", "c=IN IP4 10.0.0.1/127", "m=audio 4000 RTP/AVP 0", "a=sendonly", "")}

func TestMessageReadsWhatIsThere(t *testing.T) {
	got := []string{
		folded.Method(), folded.Title(), param(folded.Header("From"), "TAG"), uri(folded.Header("From")), user(uri(folded.Header("From"))),
		strings.Join(folded.Headers("Via"), " | "), sentBy(folded.Headers("via")[1]), hostport(uri(folded.Header("Contact"))),
		address(folded.SDP("c=")), mediaPort(folded), bodyDirection(folded),
	}
	want := []string{
		"INVITE", "INVITE  4", "17", "sip:alice@h", "alice",
		"SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKa | SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKb", "10.0.0.2", "10.0.0.1:5060",
		"10.0.0.1", "4000", "sendonly",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	res := Message{Raw: raw("SIP/2.0 486 Busy Here", "CSeq: 9 INVITE", "", "")}
	if res.Status() != 486 || res.Method() != "INVITE" || res.Title() != "486 Busy Here  9 INVITE" {
		t.Errorf("%d %q %q", res.Status(), res.Method(), res.Title())
	}
}

func FuzzMessage(f *testing.F) {
	f.Add(folded.Raw)
	f.Add([]byte("SIP/2.0 \r\n :\r\nVia"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m := Message{Raw: b}
		a, z := faces(party{messages: []Message{m}}, party{messages: []Message{m}}, nil)
		if len(a.Rows) != 12 || len(z.Rows) != 9 {
			t.Errorf("%d and %d rows", len(a.Rows), len(z.Rows))
		}
		reoffer(string(b), "sendonly")
	})
}

func TestContainsWholeWords(t *testing.T) {
	for _, test := range []struct {
		text, value string
		want        bool
	}{
		{"IN IP4 127.0.0.11\r\n", "127.0.0.11", true},
		{"IN IP4 127.0.0.11\r\n", "127.0.0.1", false},
		{"x127.0.0.1 127.0.0.1", "127.0.0.1", true},
		{"sip:a@127.0.0.1:50600", "127.0.0.1:5060", false},
		{"tag=abc;x", "abc", true},
		{"", "abc", false},
	} {
		if got := contains(test.text, test.value); got != test.want {
			t.Errorf("contains(%q, %q) = %v", test.text, test.value, got)
		}
	}
}

func TestReofferKeepsTheOriginAndCountsTheVersion(t *testing.T) {
	got := reoffer("v=0\r\no=- 7 7 IN IP4 1.2.3.4\r\nm=audio 4 RTP/AVP 0\r\na=sendrecv\r\na=ptime:20\r\n", "sendonly")
	want := "v=0\r\no=- 7 8 IN IP4 1.2.3.4\r\nm=audio 4 RTP/AVP 0\r\na=ptime:20\r\na=sendonly\r\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLevels(t *testing.T) {
	pcm := make([]byte, 2*sampleRate)
	if _, err := (&tone{frequency: 440}).Read(pcm); err != nil {
		t.Fatal(err)
	}
	var h Heard
	for i := 0; i < len(pcm); i += 2 {
		h.Samples = append(h.Samples, int16(binary.LittleEndian.Uint16(pcm[i:])))
	}
	if l := h.Level(440); math.Abs(l+6) > 0.2 {
		t.Errorf("440 Hz at %.2f dB, want -6", l)
	}
	if l := h.Loudness(); math.Abs(l+6) > 0.2 {
		t.Errorf("loudness %.2f dB, want -6", l)
	}
	if l := h.Level(880); l > -60 {
		t.Errorf("880 Hz at %.2f dB in a pure 440 Hz", l)
	}
	if l := (Heard{}).Loudness(); l > silence {
		t.Errorf("nothing is at %.2f dB", l)
	}
	if l := (Heard{Samples: make([]int16, sampleRate)}).Level(440); l > silence {
		t.Errorf("silence is at %.2f dB", l)
	}
}

// Sequence numbers that wrap, a hole of two, one late packet, 5 ms of jitter
// once, and then another SSRC.
func TestReceptionStatistics(t *testing.T) {
	e, at := &ear{}, time.Unix(1000, 0)
	from := net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:9"))
	packet := func(ssrc uint32, seq uint16, n int, late time.Duration) {
		e.take(&rtp.Packet{Header: rtp.Header{SSRC: ssrc, SequenceNumber: seq, Timestamp: uint32(n) * 160}, Payload: make([]byte, 160)},
			at.Add(time.Duration(n)*20*time.Millisecond+late), from)
	}
	packet(1, 65534, 0, 0)
	packet(1, 65535, 1, 0)
	packet(1, 0, 2, 0)
	packet(1, 4, 6, 0)
	packet(1, 3, 5, 0)
	packet(1, 5, 7, 5*time.Millisecond)
	packet(2, 100, 0, 0)
	packet(2, 102, 2, 0)
	got := e.reception()
	want := Reception{Packets: 8, Lost: 3, SSRCs: []uint32{1, 2}, Sources: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:9")}}
	if got.Jitter < 200*time.Microsecond || got.Jitter > 320*time.Microsecond {
		t.Errorf("jitter %v, want about 5 ms / 16", got.Jitter)
	}
	got.Jitter = 0
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func TestLadder(t *testing.T) {
	at := time.Unix(0, 0)
	msg := func(ms int, sent bool, start, cseq string) Message {
		return Message{At: at.Add(time.Duration(ms) * time.Millisecond), Sent: sent, Raw: raw(start, "CSeq: "+cseq, "", "")}
	}
	caller := []Message{msg(0, true, "INVITE sip:b SIP/2.0", "1 INVITE"), msg(9, true, "INVITE sip:b SIP/2.0", "1 INVITE"), msg(12, false, "SIP/2.0 200 OK", "1 INVITE")}
	callee := []Message{msg(1, false, "INVITE sip:b SIP/2.0", "5 INVITE"), msg(11, true, "SIP/2.0 200 OK", "5 INVITE")}
	var out bytes.Buffer
	p := newPaper(&out)
	p.ladder("Alice", "Bifrons", "Bob", rungs(caller, callee, []note{{at.Add(13 * time.Millisecond), "they talk"}}))
	shaft := func(left, title string, right string) string {
		text := " " + title + " "
		room := cell - 1 - len(text)
		return left + strings.Repeat("-", room/2) + text + strings.Repeat("-", room-room/2) + right
	}
	blank := strings.Repeat(" ", cell)
	want := []string{
		"     0.0  |" + shaft("", "INVITE  1", ">") + "|" + blank + "|",
		"     1.0  |" + blank + "|" + shaft("", "INVITE  5", ">") + "|",
		"     9.0  |" + shaft("", "INVITE  1  (again)", ">") + "|" + blank + "|",
		"    11.0  |" + blank + "|" + shaft("<", "200 OK  5 INVITE", "") + "|",
		"    12.0  |" + shaft("<", "200 OK  1 INVITE", "") + "|" + blank + "|",
	}
	lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
	if diff := cmp.Diff(want, lines[1:len(lines)-1]); diff != "" {
		t.Error(diff)
	}
	if last := lines[len(lines)-1]; !strings.Contains(last, "13.0  ...") || !strings.Contains(last, " they talk ") {
		t.Errorf("remark: %q", last)
	}
}

// What is at an address that everybody uses tells nothing; what is not there at
// all is not called hidden.
func TestVerdictsAreNotGivenAway(t *testing.T) {
	one := netip.MustParseAddr("127.0.0.1")
	own := Message{Raw: raw("INVITE sip:b SIP/2.0", "", "c=IN IP4 127.0.0.1", "m=audio 4000 RTP/AVP 0")}
	seen := Message{Raw: raw("INVITE sip:b SIP/2.0", "", "c=IN IP4 127.0.0.1", "m=audio 4001 RTP/AVP 0")}
	c := comparison{own: own, seen: seen, shared: []netip.Addr{one}}
	c.text("Call-ID", "Call-ID")
	c.media(party{ssrc: 1}, party{})
	var got []string
	for _, r := range c.rows {
		got = append(got, r.Field+": "+string(r.Verdict))
	}
	want := []string{"Call-ID: MISSING", "SDP o=: MISSING", "SDP c=: one address", "media port: hidden", "RTP from: MISSING", "RTP SSRC: MISSING"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// Colour changes how the show looks, not what it says.
func TestColourSaysTheSame(t *testing.T) {
	row := Face{Owner: "Alice", By: "Bob", Rows: []Row{{"Call-ID", "a", "", Hidden}, {"From", "b", "b", Meant}, {"SDP c=", "c", "c", Same}}, Scan: Scan{Found: []string{"SDP c="}}}
	show := func(colour bool) string {
		var out bytes.Buffer
		p := &paper{w: &out, colour: colour}
		p.ladder("Alice", "Bifrons", "Bob", rungs([]Message{folded}, []Message{folded, folded}, []note{{time.Unix(0, 0), "x"}}))
		p.face(row)
		p.streams(stream{from: "Alice", to: "Bob", held: -100})
		return out.String()
	}
	coloured := show(true)
	plain := regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(coloured, "")
	plain = strings.NewReplacer("│", "|", "─", "-", "▶", ">", "◀", "<", "·", ".").Replace(plain)
	if plain == coloured {
		t.Error("no colour at all")
	}
	if diff := cmp.Diff(show(false), plain); diff != "" {
		t.Error(diff)
	}
}
