package media

import (
	"encoding/binary"
	"strings"
	"time"
)

// keys are the DTMF events of RFC 4733 3.2 by number; 16 is the flash.
const keys = "0123456789*#ABCD!"

// digitGap ends an event whose end packets were all lost.
const digitGap = int64(200 * time.Millisecond)

// digit is the telephone event that a party sends now.
type digit struct {
	time     uint32 // its RTP timestamp, which names it (RFC 4733 2.2.2),
	source   uint32 // in the stream of this SSRC: another one has timestamps of its own (RFC 3550 5.1)
	duration uint32 // so far, in ticks
	clock    uint32
	at       int64  // of its last packet
	before   uint32 // ticks of its earlier segments
	code     byte
	known    bool // there was one
	open     bool // its end has not been seen
	told     bool // that it is held
}

// watch looks at a telephone event without changing it and returns a key whose event is over, 0 if there is none.
func (d *digit) watch(h *header, payload []byte, clock uint32, now int64) (key byte, long time.Duration) {
	if len(payload) < 4 {
		return 0, 0
	}
	code, end, duration := payload[0], payload[1]&0x80 != 0, uint32(binary.BigEndian.Uint16(payload[2:]))
	same := d.known && h.ssrc == d.source
	if same && int32(h.time-d.time) < 0 && now-d.at < int64(time.Second) {
		return 0, 0 // late, of one that is over
	}
	switch {
	case same && d.continues(h.time-d.time, code): // what a duration has no room for has a timestamp of its own (RFC 4733 2.5.1.3)
		d.before += h.time - d.time
		d.time, d.duration = h.time, 0
	case !same || h.time != d.time:
		key, long = d.over() // the end of the one before was lost
		*d = digit{time: h.time, source: h.ssrc, code: code, clock: clock, known: true, open: true}
	}
	if !d.open {
		return key, long // the end is sent three times
	}
	d.duration, d.at = max(d.duration, duration), now
	if end && key == 0 {
		key, long = d.over()
	}
	return key, long
}

// pressed returns the key that is held down, once; 0 if there is no new one.
func (d *digit) pressed() (key byte) {
	if !d.open || d.told || int(d.code) >= len(keys) {
		return 0
	}
	d.told = true
	return keys[d.code]
}

// segment is how long an event at least is, in ticks, before it goes on with another timestamp. The longest is 65535; the last
// packets may have been lost.
const segment = 0xc000

// continues tells whether a key whose timestamp is so much later is the one that is still held.
func (d *digit) continues(later uint32, code byte) bool {
	return d.open && code == d.code && d.duration >= segment && later >= d.duration && later <= 0xffff
}

// overdue ends an event that has stopped without an end.
func (d *digit) overdue(now int64) (key byte, long time.Duration) {
	if !d.open || now-d.at < digitGap {
		return 0, 0
	}
	return d.over()
}

func (d *digit) over() (key byte, long time.Duration) {
	if !d.open {
		return 0, 0
	}
	d.open = false
	if int(d.code) >= len(keys) {
		return 0, 0
	}
	return keys[d.code], time.Duration(d.before+d.duration) * time.Second / time.Duration(max(d.clock, 1))
}

// rescale converts the duration of an event to another clock rate, in place.
func rescale(payload []byte, from, to uint32) {
	if from == to || from == 0 || to == 0 || len(payload) < 4 {
		return
	}
	d := uint64(binary.BigEndian.Uint16(payload[2:])) * uint64(to) / uint64(from)
	binary.BigEndian.PutUint16(payload[2:], uint16(min(d, 0xffff)))
}

// codeOf returns the event number of a key.
func codeOf(key byte) (byte, bool) {
	i := strings.IndexByte(keys, key)
	return byte(max(i, 0)), i >= 0
}
