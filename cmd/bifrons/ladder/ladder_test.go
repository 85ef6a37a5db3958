package ladder

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestDraw: two legs, a fork, a remark, a repetition; every line has its bars in the same columns.
func TestDraw(t *testing.T) {
	at := time.Unix(0, 0)
	var b strings.Builder
	err := Draw(&b, Style{Width: 110}, []string{"core 192.0.2.9:5060", "carrier 203.0.113.7:5060"}, []Rung{
		{At: at, Title: "INVITE sip:bob@ims.example sdp"},
		{At: at.Add(1500 * time.Microsecond), Lane: 1, Out: true, Title: "INVITE sip:bob@203.0.113.7 sdp"},
		{At: at.Add(2 * time.Second), Lane: 1, Out: true, Title: "INVITE sip:bob@203.0.113.7 sdp", Again: true},
		{At: at.Add(2100 * time.Millisecond), Title: "a remark", Remark: true},
		{At: at.Add(2200 * time.Millisecond), Lane: 1, Title: "486 Busy Here (INVITE)", Wrong: true},
		{At: at.Add(2201 * time.Millisecond), Out: true, Title: "486 Busy Here (INVITE)", Wrong: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
	if len(lines) != 7 {
		t.Fatalf("%d lines:\n%s", len(lines), b.String())
	}
	var bars []string
	for _, l := range lines[1:] {
		if strings.Contains(l, "remark") {
			continue
		}
		at := ""
		for i, c := range l {
			if c == '|' {
				at += string(rune('0'+i/10)) + string(rune('0'+i%10)) + " "
			}
		}
		bars = append(bars, at)
	}
	for _, at := range bars {
		if d := cmp.Diff(bars[0], at); d != "" {
			t.Errorf("the bars wander:\n%s", b.String())
		}
	}
	for i, part := range []string{"INVITE sip:bob@ims.example sdp", "->", "(again)", "a remark", "<-", "<-"} {
		if !strings.Contains(lines[i+1], part) {
			t.Errorf("line %d has no %q:\n%s", i+1, part, b.String())
		}
	}
	b.Reset()
	if err := Draw(&b, Style{Terminal: true}, []string{"a"}, []Rung{{At: at, Lane: 3, Title: strings.Repeat("x", 300)}}); err != nil || !strings.Contains(b.String(), "..") {
		t.Errorf("a long title on a leg nobody named: %v\n%s", err, b.String())
	}
}
