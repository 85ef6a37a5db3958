package sdp

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// audioOf parses one audio section with the given formats and lines.
func audioOf(t testing.TB, formats string, lines ...string) *Media {
	t.Helper()
	var s Session
	in := "v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 4000 RTP/AVP " + formats + "\r\n"
	for _, l := range lines {
		in += "a=" + l + "\r\n"
	}
	if err := s.Parse([]byte(in)); err != nil {
		t.Fatal(err)
	}
	return &s.Media[0]
}

func TestPayloads(t *testing.T) {
	m := audioOf(t, "0 97 98 101 102", "rtpmap:0 PCMU/8000", "rtpmap:97 AMR-WB/16000/1", "rtpmap:98 amr-wb/16000", "fmtp:98 max-red=0; octet-align=1",
		"rtpmap:101 telephone-event/16000", "rtpmap:102 rtx/90000", "fmtp:102 apt=97", "rtpmap:103 L16/8000", "rtpmap:97 H263/90000")
	got := m.Payloads()
	if len(got) != 4 || got[0].Name != got[1].Name || got[0].Form == got[1].Form || got[1].Clock != 16000 ||
		got[2].Format != FormatEvent || got[3].Format != FormatRepair || got[3].Form == 0 || got[0].Format != FormatMedia {
		t.Fatalf("%+v", got)
	}
	if stereo := audioOf(t, "96", "rtpmap:96 L16/8000/2").Payloads(); stereo[0].Name == audioOf(t, "96", "rtpmap:96 L16/8000").Payloads()[0].Name {
		t.Error("two channels are taken for one")
	}
	if m := audioOf(t, "0 8"); m.Payloads() != nil {
		t.Error("static types have no numbers to keep")
	}
}

// TestShow goes through descriptions that one party makes in turn, and the numbers that the other party sees.
func TestShow(t *testing.T) {
	amr := func(pt string) []string { return []string{"rtpmap:" + pt + " AMR/8000"} }
	wb := func(pt string) []string { return []string{"rtpmap:" + pt + " AMR-WB/16000"} }
	tests := []struct {
		name  string
		own   []string // the reader's own numbers
		steps [][]string
		want  [][]Change
	}{
		{"equal numbers", amr("96"), [][]string{amr("96")}, [][]Change{nil}},
		{"the answer uses a number of its own", amr("96"), [][]string{amr("97")}, [][]Change{{{97, 96, 0}}}},
		{"a re-offer renumbers", nil, [][]string{amr("96"), amr("98")}, [][]Change{nil, {{98, 96, 0}}}},
		{"a number changes its codec", nil, [][]string{amr("96"), wb("96")}, [][]Change{nil, {{96, 97, 0}}}},
		{"and back", nil, [][]string{amr("96"), wb("96"), amr("96"), wb("96")}, [][]Change{nil, {{96, 97, 0}}, nil, {{96, 97, 0}}}},
		{"the number is the reader's for another codec", wb("96"), [][]string{amr("96")}, [][]Change{{{96, 97, 0}}}},
		{"two change places", append(amr("96"), wb("97")...), [][]string{append(wb("96"), amr("97")...)}, [][]Change{{{96, 97, 0}, {97, 96, 0}}}},
		{"two forms of one codec", []string{"rtpmap:96 AMR/8000", "rtpmap:97 AMR/8000", "fmtp:97 octet-align=1"},
			[][]string{{"rtpmap:100 AMR/8000", "rtpmap:101 AMR/8000", "fmtp:100 octet-align=1"}}, [][]Change{{{100, 97, 0}, {101, 96, 0}}}},
		{"keys at a clock rate the reader has not", []string{"rtpmap:101 telephone-event/8000"},
			[][]string{{"rtpmap:100 telephone-event/16000"}, {"rtpmap:100 telephone-event/16000"}}, [][]Change{{{100, 101, 8000}}, {{100, 101, 8000}}}},
		{"keys at two clock rates, one is known", []string{"rtpmap:101 telephone-event/8000"},
			[][]string{{"rtpmap:100 telephone-event/16000", "rtpmap:101 telephone-event/8000"}}, [][]Change{nil}},
		{"an answer narrows the parameters", []string{"rtpmap:96 AMR/8000", "fmtp:96 octet-align=1"}, [][]string{amr("96")}, [][]Change{nil}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			own := audioOf(t, "96 97 98 99 100 101", tt.own...).Payloads()
			var shown []Payload
			for i, step := range tt.steps {
				var got []Change
				shown, got = Show(shown, audioOf(t, "96 97 98 99 100 101", step...).Payloads(), own, false)
				if d := cmp.Diff(tt.want[i], got); d != "" {
					t.Fatalf("step %d: %s", i, d)
				}
			}
		})
	}
}

// TestShowInAnAnswer: the offerer's number stands in the answer, although it was shown another one before.
func TestShowInAnAnswer(t *testing.T) {
	offer, answer := audioOf(t, "96", "rtpmap:96 AMR/8000").Payloads(), audioOf(t, "101", "rtpmap:101 AMR/8000").Payloads()
	shown, changes := Show(nil, answer, nil, false)
	if changes != nil {
		t.Fatal(changes)
	}
	if _, changes = Show(shown, answer, offer, false); changes != nil {
		t.Errorf("an offer: %v", changes)
	}
	if _, changes = Show(shown, answer, offer, true); len(changes) != 1 || changes[0] != (Change{101, 96, 0}) {
		t.Errorf("an answer: %v", changes)
	}
}

func TestShowUsesEveryNumberOnce(t *testing.T) {
	var shown []Payload
	seen := map[uint8]uint32{}
	for name := range uint32(90) {
		p := Payload{Name: name + 1, Clock: 8000, PT: 96}
		var changes []Change
		shown, changes = Show(shown, []Payload{p}, nil, false)
		to := uint8(96)
		if len(changes) > 0 {
			to = changes[0].To
		}
		if was, ok := seen[to]; ok && name < 32+29 {
			t.Fatalf("codec %d is shown as %d, which was codec %d", name, to, was)
		}
		seen[to] = name
	}
	if len(seen) != 32+29 {
		t.Errorf("%d numbers used", len(seen))
	}
}

func TestRoutes(t *testing.T) {
	a := audioOf(t, "96 97 101", "rtpmap:96 AMR-WB/16000", "rtpmap:97 rtx/90000", "fmtp:97 apt=96", "rtpmap:101 telephone-event/16000").Payloads()
	b := audioOf(t, "98 99", "rtpmap:98 AMR-WB/16000", "rtpmap:99 telephone-event/8000").Payloads()
	got := Routes(a, nil, b, 16000)
	want := []Route{
		{Payload: a[0], To: 98, ToClock: 16000}, {Payload: a[1], To: 97, ToClock: 90000}, {Payload: a[2], To: 99, ToClock: 8000},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	plain := audioOf(t, "96 100", "rtpmap:96 AMR/8000", "rtpmap:100 EVS/16000").Payloads()
	if got := Routes(plain, plain, plain, 8000); len(got) != 1 || got[0].PT != 100 || got[0].To != 100 {
		t.Errorf("nothing to say but a clock rate: %+v", got)
	}
}

// TestRenumbered: every place where a number stands follows.
func TestRenumbered(t *testing.T) {
	in := "v=0\r\nc=IN IP4 10.0.0.1\r\nm=video 4000 RTP/AVPF 96 97 98 34\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\n" +
		"a=rtcp-fb:96 nack pli\r\na=rtcp-fb:* ccm fir\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96;rtx-time=3000\r\na=rtpmap:98 red/90000\r\na=fmtp:98 96/96/34\r\n"
	var s Session
	if err := s.Parse([]byte(in)); err != nil {
		t.Fatal(err)
	}
	o := Origin{ID: 1, Version: 1}
	got := string(Anchor(nil, &s, &o, PolicyNamed("untrusted"), []Local{{RTP: local9port}}, AnchorOptions{Numbers: [][]Change{{{96, 120, 0}, {97, 121, 0}}}}))
	_, got, _ = strings.Cut(got, "t=0 0\r\n")
	want := "m=video 20000 RTP/AVPF 120 121 98 34\r\na=rtpmap:120 H264/90000\r\na=fmtp:120 packetization-mode=1\r\n" +
		"a=rtcp-fb:120 nack pli\r\na=rtcp-fb:* ccm fir\r\na=rtpmap:121 rtx/90000\r\na=fmtp:121 apt=120;rtx-time=3000\r\na=rtpmap:98 red/90000\r\na=fmtp:98 120/120/34\r\n"
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestEvents: telephone events are left out, added, and shown at another clock rate.
func TestEvents(t *testing.T) {
	in := "v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 4000 RTP/AVP 96 100\r\na=rtpmap:96 AMR-WB/16000\r\na=rtpmap:100 telephone-event/16000\r\n" +
		"a=fmtp:100 0-15\r\na=ptime:20\r\n"
	for name, tt := range map[string]struct {
		opts AnchorOptions
		want string
	}{
		"left out": {AnchorOptions{Events: []Events{{Drop: true}}}, "m=audio 20000 RTP/AVP 96\r\na=rtpmap:96 AMR-WB/16000\r\na=ptime:20\r\n"},
		"replaced": {AnchorOptions{Events: []Events{{Drop: true, Add: 101, Clock: 8000}}}, "m=audio 20000 RTP/AVP 96 101\r\na=rtpmap:96 AMR-WB/16000\r\n" +
			"a=ptime:20\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"},
		"another clock rate": {AnchorOptions{Numbers: [][]Change{{{100, 101, 8000}}}}, "m=audio 20000 RTP/AVP 96 101\r\na=rtpmap:96 AMR-WB/16000\r\n" +
			"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var s Session
			if err := s.Parse([]byte(in)); err != nil {
				t.Fatal(err)
			}
			_, got, _ := strings.Cut(string(Anchor(nil, &s, &Origin{ID: 1, Version: 1}, PolicyNamed("untrusted"), []Local{{RTP: local9port}}, tt.opts)), "t=0 0\r\n")
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
	m := audioOf(t, "96 101", "rtpmap:96 AMR-WB/16000", "rtpmap:101 EVS/16000")
	if pt, clock := m.FreeEvent(nil, nil); pt != 102 || clock != 16000 {
		t.Errorf("free: %d at %d", pt, clock)
	}
	if e, ok := Event(audioOf(t, "100", "rtpmap:100 telephone-event/48000").Payloads()); !ok || e != EventPayload(100, 48000) {
		t.Errorf("%+v, want %+v", e, EventPayload(100, 48000))
	}
}

// FuzzShow: no two payload types of one description are shown under one number while there are free ones, and a number
// that was shown keeps its codec.
func FuzzShow(f *testing.F) {
	f.Add([]byte{96, 1, 97, 2}, []byte{96, 2, 97, 1}, []byte{98, 3})
	f.Fuzz(func(t *testing.T, first, second, own []byte) {
		list := func(b []byte) (out []Payload) {
			for ; len(b) >= 2 && len(out) < 12; b = b[2:] {
				p := Payload{PT: firstDynamic + b[0]%(128-firstDynamic), Name: uint32(b[1] % 16), Form: uint32(b[1] >> 6), Clock: 8000}
				if find(out, p.PT) == nil {
					out = append(out, p)
				}
			}
			return out
		}
		var shown []Payload
		codec := map[uint8]uint32{}
		for _, theirs := range [][]Payload{list(first), list(second), list(first)} {
			var changes []Change
			shown, changes = Show(shown, theirs, list(own), len(own)%2 == 1)
			used := map[uint8]bool{}
			for _, p := range theirs {
				to := p.PT
				for _, c := range changes {
					if c.From == p.PT {
						to = c.To
					}
				}
				if used[to] {
					t.Fatalf("%d is shown twice", to)
				}
				used[to] = true
				if was, ok := codec[to]; ok && was != p.Name {
					t.Fatalf("%d was codec %d and is %d", to, was, p.Name)
				}
				codec[to] = p.Name
			}
		}
	})
}
