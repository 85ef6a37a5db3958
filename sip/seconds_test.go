package sip

import (
	"testing"
	"time"
)

func TestSeconds(t *testing.T) {
	t.Parallel()
	const most = MaxDelta
	for v, want := range map[string]time.Duration{
		"0": 0, "1": time.Second, "3600": time.Hour, " 3600\t": time.Hour, "007": 7 * time.Second, "86401": 86401 * time.Second,
		"4294967295": most, "4294967296": most, "18446744073709551616": most, "99999999999999999999999999999999": most,
		"": -1, " ": -1, "-1": -1, "+1": -1, "1.5": -1, "1e3": -1, "0x10": -1, "3600 s": -1, "3600;x": -1, "\"60\"": -1, "1_000": -1, "١": -1,
	} {
		got, ok := Seconds(v)
		if !ok {
			got = -1
		}
		if again, ok2 := Seconds([]byte(v)); got != want || ok2 != ok || ok && again != got {
			t.Errorf("%q: %v, want %v", v, got, want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for v, want := range map[string]time.Duration{
		"18000;duration=3600": 5 * time.Hour, "120 (I'm in a meeting)": 2 * time.Minute, "5(x);duration=9": 5 * time.Second,
		"5": 5 * time.Second, "99999999999": (1<<32 - 1) * time.Second, "Fri, 31 Dec 1999 23:59:59 GMT": 0, "(5)": 0, "": 0,
	} {
		m := &Message{Headers: []Header{{ID: HdrRetryAfter, Value: []byte(v)}}}
		if got := m.RetryAfter(); got != want {
			t.Errorf("%q: %v, want %v", v, got, want)
		}
	}
}
