package sdp

import (
	"bytes"
	"net/netip"
	"testing"
)

func seeds(f *testing.F) {
	for _, in := range []string{
		volte, top, top + "m=audio 4000 RTP/AVP 0\n", "v=0\nc=IN IP6 2001:db8::7\nm=audio 4000/2 RTP/SAVPF 96 97\na=crypto:1 x inline:a\na=rtcp:1 IN IP4 9.9.9.9\n",
		"v=0\r\nc=IN IP4 0.0.0.0\r\nm=image 4 udptl t38\r\na=x:10.0.0.1\r\nm=audio 5 RTP/AVP 8\r\na=curr:qos local none\r\na=des:qos mandatory local sendrecv\r\n",
	} {
		f.Add([]byte(in))
	}
}

// FuzzParse: whatever parses has sections that lie within the lines, and parses the same a second time.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		var s Session
		if err := s.Parse(in); err != nil {
			return
		}
		lines := len(s.Lines)
		for i := range s.Media {
			m := &s.Media[i]
			lines += len(m.Lines)
			if m.Active() && !m.RTPAddr().IsValid() {
				t.Fatalf("section %d is active and has no address", i)
			}
		}
		if lines != len(s.lines) {
			t.Fatalf("%d lines in sections, %d in all", lines, len(s.lines))
		}
		media := len(s.Media)
		if err := s.Parse(in); err != nil || len(s.Media) != media {
			t.Fatalf("second parse: %v, %d sections", err, len(s.Media))
		}
	})
}

// FuzzAnchor: what we write parses, keeps the sections, is stable when written again, and has no address of the far side.
func FuzzAnchor(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		var s, again Session
		if err := s.Parse(in); err != nil {
			return
		}
		local := make([]Local, len(s.Media))
		for i := range local {
			local[i].RTP = netip.AddrPortFrom(netip.MustParseAddr("192.0.2.9"), 20000+2*uint16(i))
		}
		for _, name := range []string{"untrusted", "ims-home", "transparent"} {
			p := PolicyNamed(name)
			o := Origin{ID: 1, Version: 1}
			out := Anchor(nil, &s, &o, p, local, AnchorOptions{Address: local9})
			if err := again.Parse(out); err != nil {
				t.Fatalf("%s: %v in\n%s", name, err, out)
			}
			if len(again.Media) != len(s.Media) {
				t.Fatalf("%s: %d sections became %d", name, len(s.Media), len(again.Media))
			}
			for i := range again.Media {
				got := again.Media[i].RTPAddr()
				if p.Accepts(&s.Media[i]) != got.IsValid() || got.IsValid() && got != local[i].RTP {
					t.Fatalf("%s: section %d at %v in\n%s", name, i, got, out)
				}
				if got.IsValid() && again.Media[i].Direction != s.Media[i].Effective() {
					t.Fatalf("%s: section %d was %v, is %v", name, i, s.Media[i].Effective(), again.Media[i].Direction)
				}
			}
			if stranger(out) {
				t.Fatalf("%s: an address crossed in\n%s", name, out)
			}
			version := o.Version
			if twice := Anchor(nil, &s, &o, p, local, AnchorOptions{Address: local9}); o.Version != version || !bytes.Equal(out, twice) {
				t.Fatalf("%s: not stable", name)
			}
			through := Anchor(nil, &s, &o, p, nil, AnchorOptions{Address: local9})
			if err := again.Parse(through); err != nil {
				t.Fatalf("%s, not anchored: %v in\n%s", name, err, through)
			}
		}
		if out, ok := answered(&s, nil, Local{RTP: netip.AddrPortFrom(local9, 20000)}); ok {
			if err := again.Parse(out); err != nil {
				t.Fatalf("answer: %v in\n%s", err, out)
			}
		}
	})
}

var local9 = netip.MustParseAddr("192.0.2.9")

// stranger tells whether a line has an address in it that is not ours.
func stranger(out []byte) bool {
	for line := range bytes.Lines(out) {
		if containsAddress(bytes.ReplaceAll(line[2:], []byte("192.0.2.9"), nil)) {
			return true
		}
	}
	return false
}
