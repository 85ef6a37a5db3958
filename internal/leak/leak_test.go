package leak

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// all lists what a set finds in a text.
func all(s *Set, text string) (out []string) {
	for at := 0; ; {
		h, ok := s.Next([]byte(text), at)
		if !ok {
			return out
		}
		out = append(out, fmt.Sprintf("%s %s", h.Kind, text[h.Start:h.End]))
		at = h.End
	}
}

func TestFind(t *testing.T) {
	var s Set
	for _, add := range []struct {
		kind  Kind
		token string
	}{{Address, "10.0.0.1"}, {Port, "10.0.0.1:5060"}, {Host, "example.org"}, {Host, "PCSCF1.example.org"}, {CallID, "a84b4c76e66710"}, {Tag, "9fxced76sl"},
		{Software, "FPBX-17.0.19.1(20.9.1)"}, {Origin, "123456"}, {Tag, "short"}, {Address, "2001:db8::1"}} {
		s.Add(add.kind, []byte(add.token))
	}
	for _, c := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{"nothing here at all, 10.0.0.2", nil},
		{"to 10.0.0.1.", []string{"address 10.0.0.1"}},
		{"10.0.0.1", []string{"address 10.0.0.1"}},
		{"110.0.0.1 10.0.0.12", nil},
		{"sip:bob@10.0.0.1:5060;lr", []string{"address with port 10.0.0.1:5060"}},
		{"sip:bob@10.0.0.1:50601", []string{"address 10.0.0.1"}},
		{"<sip:x@EXAMPLE.org>", []string{"host EXAMPLE.org"}},
		{"<sip:x@ims.example.org>", nil},
		{"example.organic my-example.org example.org-2", nil},
		{"pcscf1.example.org and example.org", []string{"host pcscf1.example.org", "host example.org"}},
		{"Call-ID: B2B.A84B4C76E66710-2", []string{"Call-ID A84B4C76E66710"}},
		{"xa84b4c76e66710y", []string{"Call-ID a84b4c76e66710"}},
		{"x9fxced76sl", nil},
		{"tag=9fxced76sl;", []string{"tag 9fxced76sl"}},
		{"short", nil},
		{"Server: FPBX-17.0.19.1(20.9.1)", []string{"software FPBX-17.0.19.1(20.9.1)"}},
		{"+49123456 123456", []string{"origin 123456"}},
		{"[2001:DB8::1]:5060", []string{"address 2001:DB8::1"}},
	} {
		if got := all(&s, c.text); !slices.Equal(got, c.want) {
			t.Errorf("in %q found %q, want %q", c.text, got, c.want)
		}
	}
	if !s.Has([]byte("EXAMPLE.ORG")) || s.Has([]byte("example")) || s.Has([]byte("10.0.0.")) {
		t.Error("Has is wrong")
	}
}

// TestChargedCallID: what was heard as a charging identity and is a Call-ID, too, is a Call-ID in either order.
func TestChargedCallID(t *testing.T) {
	for _, kinds := range [][]Kind{{ICID, CallID}, {CallID, ICID}} {
		var s Set
		for _, k := range kinds {
			s.Add(k, []byte("a84b4c76e66710"))
		}
		if got := all(&s, "x=a84b4c76e66710"); !slices.Equal(got, []string{"Call-ID a84b4c76e66710"}) {
			t.Errorf("%v: found %q", kinds, got)
		}
	}
}

// TestFindsWhatIsThere compares the search with a plain one.
func TestFindsWhatIsThere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Set
		tokens := rapid.SliceOfN(rapid.StringMatching(`[a-cA-C0-1.]{6,14}`), 0, 20).Draw(t, "tokens")
		for _, x := range tokens {
			s.Add(CallID, []byte(x))
		}
		text := rapid.StringMatching(`[a-cA-C0-1. ]{0,60}`).Draw(t, "text")
		if len(tokens) > 0 && rapid.Bool().Draw(t, "plant") {
			text += tokens[0] + rapid.StringMatching(`[a-c ]{0,8}`).Draw(t, "after")
		}
		var kept Set
		kept.Reset(bytes.Clone(s.Arena()))
		for at := 0; ; {
			want := first(tokens, text, at)
			h, ok := s.Next([]byte(text), at)
			again, _ := kept.Next([]byte(text), at)
			if again.Start != h.Start || again.End != h.End {
				t.Fatalf("the set made of the arena finds %v, not %v", again, h)
			}
			if ok != (want < len(text)) || ok && h.Start != want {
				t.Fatalf("in %q from %d: found %v %v, want it at %d; tokens %q", text, at, h, ok, want, tokens)
			}
			if !ok {
				return
			}
			at = h.Start + 1
		}
	})
}

// first finds the first token that stands alone, or is long enough not to have to.
func first(tokens []string, text string, from int) int {
	low := strings.ToLower(text)
	for at := from; at < len(low); at++ {
		for _, x := range tokens {
			if strings.HasPrefix(low[at:], strings.ToLower(x)) && (len(x) >= telling || (&Set{}).alone([]byte(text), at, at+len(x), CallID)) {
				return at
			}
		}
	}
	return len(text)
}

func TestMarks(t *testing.T) {
	var s Set
	s.Add(Tag, []byte("abcdefgh"))
	h, _ := s.Next([]byte("tag=abcdefgh"), 0)
	if s.Marked(h, 1) {
		t.Error("marked before Mark")
	}
	if s.Mark(h, 1); !s.Marked(h, 1) || s.Marked(h, 2) {
		t.Error("the mark is not the one that was set")
	}
}

// TestBounded: a party cannot make a set grow without end.
func TestBounded(t *testing.T) {
	var s Set
	for i := range 100000 {
		s.Add(Tag, fmt.Appendf(nil, "tag-%08d", i))
	}
	if n := len(s.Arena()); n > 16<<10+header+MaxLen {
		t.Errorf("%d bytes", n)
	}
	if long := bytes.Repeat([]byte("x"), 1000); !s.Has([]byte("tag-00000001")) || s.Add(Tag, long) {
		t.Error("what is full does not keep what it has")
	}
}

// TestMany: a set for a whole capture finds what a set for a call does.
func TestMany(t *testing.T) {
	s := Set{Limit: 1 << 24}
	for i := range 20000 {
		s.Add(Tag, fmt.Appendf(nil, "tag-%08d", i))
	}
	if s.Len() != 20000 {
		t.Fatalf("%d secrets", s.Len())
	}
	for _, i := range []int{0, 7, 19999} {
		token := fmt.Sprintf("tag-%08d", i)
		if h, ok := s.Next([]byte("From: <sip:a@b>;tag="+token+";x"), 0); !ok || string(s.Token(h)) != token {
			t.Errorf("%s: %v %v", token, h, ok)
		}
	}
}

func BenchmarkNext(b *testing.B) {
	var s Set
	for i := range 30 {
		s.Add(Tag, fmt.Appendf(nil, "%d.secret-%d", i*7919, i))
	}
	text := []byte(strings.Repeat("P-Asserted-Identity: <sip:+15550000001@ims.mnc001.mcc001.3gppnetwork.org>\r\n", 20))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, ok := s.Next(text, 0); ok {
			b.Fatal("found what is not there")
		}
	}
}
