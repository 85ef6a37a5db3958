package b2bua

import (
	"testing"
	"time"

	"github.com/bifrons/bifrons/sip"
)

// TestDigitIn reads the digits that telephones write into INFO.
func TestDigitIn(t *testing.T) {
	for _, tt := range []struct {
		contentType, body string
		key               byte // 0: none
		long              time.Duration
	}{
		{"application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", '5', 160 * time.Millisecond},
		{"application/dtmf-relay", "Signal= 5 \nDuration= 160", '5', 160 * time.Millisecond},
		{"Application/DTMF-Relay; charset=utf-8", "duration=250\r\nsignal=*", '*', 250 * time.Millisecond},
		{"application/dtmf-relay", "Signal=11\r\n", '#', 0},
		{"application/dtmf-relay", "Signal=c\r\nDuration=x\r\n", 'C', 0},
		{"application/dtmf-relay", "Signal=16\r\nDuration=99999999\r\n", '!', 8 * time.Second},
		{"application/dtmf", "7", '7', 0},
		{"application/dtmf", " 12\r\n", 'A', 0},
		{"application/dtmf-relay", "Duration=160", 0, 160 * time.Millisecond},
		{"application/dtmf-relay", "Signal=\r\n", 0, 0},
		{"application/dtmf", "17", 0, 0},
		{"application/dtmf", "E", 0, 0},
		{"application/dtmf", "", 0, 0},
		{"text/plain", "7", 0, 0},
	} {
		var m sip.Message
		text := "INFO sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@b>;tag=2\r\nCall-ID: 1\r\n" +
			"CSeq: 1 INFO\r\nMax-Forwards: 70\r\nContent-Type: " + tt.contentType + "\r\n\r\n" + tt.body
		if err := m.Parse([]byte(text)); err != nil {
			t.Fatal(err)
		}
		key, long, ok := digitIn(&m)
		if ok != (tt.key != 0) || ok && (key != tt.key || long != tt.long) {
			t.Errorf("%s %q: %q for %s, %v", tt.contentType, tt.body, key, long, ok)
		}
	}
}
