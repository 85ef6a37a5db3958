package demo

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/diago/audio"
	"github.com/emiago/diago/media"
	"github.com/pion/rtp"
)

// sampleRate is G.711's (RFC 3551 4.5.14).
const sampleRate = 8000

// tone is an endless sine in 16-bit PCM until it is stopped; half of full scale.
type tone struct {
	frequency float64
	n         int
	stopped   atomic.Bool
}

// Read fills b with the next samples, or ends.
func (t *tone) Read(b []byte) (int, error) {
	if t.stopped.Load() {
		return 0, io.EOF
	}
	for i := 0; i+1 < len(b); i += 2 {
		v := 16384 * math.Sin(2*math.Pi*t.frequency*float64(t.n)/sampleRate)
		binary.LittleEndian.PutUint16(b[i:], uint16(int16(v)))
		t.n++
	}
	return len(b) &^ 1, nil
}

// Heard is what a phone's ear took in while it listened.
type Heard struct {
	Packets int
	Samples []int16
}

// Level is the level of one frequency in dB of full scale (Goertzel's
// algorithm). Silence, and too little to tell, are -100.
func (h Heard) Level(frequency float64) float64 {
	if len(h.Samples) < sampleRate/10 {
		return -100
	}
	w := 2 * math.Cos(2*math.Pi*frequency/sampleRate)
	var s1, s2 float64
	for _, x := range h.Samples {
		s1, s2 = float64(x)/32768+w*s1-s2, s1
	}
	power := s1*s1 + s2*s2 - w*s1*s2
	amplitude := 2 * math.Sqrt(max(power, 0)) / float64(len(h.Samples))
	return max(20*math.Log10(amplitude+1e-12), -100)
}

// Loudness is the level of everything together, on the scale of Level.
func (h Heard) Loudness() float64 {
	if len(h.Samples) == 0 {
		return -100
	}
	var sum float64
	for _, x := range h.Samples {
		sum += float64(x) / 32768 * float64(x) / 32768
	}
	return max(10*math.Log10(2*sum/float64(len(h.Samples))+1e-24), -100)
}

// Reception is what a phone received of the other's audio during the call.
type Reception struct {
	Packets int
	Lost    int           // holes in the sequence numbers
	Jitter  time.Duration // RFC 3550 6.4.1
	SSRCs   []uint32
	Sources []netip.AddrPort
}

// ear reads the RTP of one call; one goroutine runs it, others ask.
type ear struct {
	mu      sync.Mutex
	rec     Reception
	ssrc    uint32
	first   uint16
	highest uint16
	count   int     // packets of this SSRC
	past    int     // holes of SSRCs before it
	cycles  int     // of the sequence number
	transit float64 // of the packet before, in timestamp units
	jitter  float64
	window  *Heard // nil when nobody listens
}

// listen reads until the session's socket is closed. It reads below diago's
// packet reader, which panics on some header extensions.
func (e *ear) listen(s session) {
	buf := make([]byte, media.RTPBufSize)
	for {
		// A re-INVITE replaces the session; the socket stays.
		rtpSession := s.RTPSession()
		var pkt rtp.Packet
		if _, err := rtpSession.ReadRTP(buf, &pkt); err != nil {
			if errors.Is(err, net.ErrClosed) || s.Context().Err() != nil {
				return
			}
			continue
		}
		e.take(&pkt, time.Now(), rtpSession.Sess.ReadRTPFromAddr)
	}
}

func (e *ear) take(pkt *rtp.Packet, at time.Time, from net.Addr) {
	pcm := make([]byte, 2*len(pkt.Payload))
	var err error
	switch pkt.PayloadType {
	case media.CodecAudioUlaw.PayloadType:
		_, err = audio.DecodeUlawTo(pcm, pkt.Payload)
	case media.CodecAudioAlaw.PayloadType:
		_, err = audio.DecodeAlawTo(pcm, pkt.Payload)
	default:
		return
	}
	if err != nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.count++
	e.rec.Packets++
	if udp, ok := from.(*net.UDPAddr); ok {
		ap := udp.AddrPort()
		ap = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
		if !slices.Contains(e.rec.Sources, ap) {
			e.rec.Sources = append(e.rec.Sources, ap)
		}
	}
	e.sequence(pkt, float64(at.UnixNano())/1e9*sampleRate)
	if e.window == nil {
		return
	}
	e.window.Packets++
	for i := 0; i+1 < len(pcm); i += 2 {
		e.window.Samples = append(e.window.Samples, int16(binary.LittleEndian.Uint16(pcm[i:])))
	}
}

// sequence keeps the statistics of RFC 3550 A.1 and A.8.
func (e *ear) sequence(pkt *rtp.Packet, arrival float64) {
	transit := arrival - float64(pkt.Timestamp)
	if e.count == 1 || pkt.SSRC != e.ssrc {
		if e.count > 1 {
			e.past += e.holes(e.count - 1)
			e.count, e.cycles = 1, 0
		}
		e.ssrc, e.first, e.highest, e.transit = pkt.SSRC, pkt.SequenceNumber, pkt.SequenceNumber, transit
		if !slices.Contains(e.rec.SSRCs, pkt.SSRC) {
			e.rec.SSRCs = append(e.rec.SSRCs, pkt.SSRC)
		}
		return
	}
	if step := pkt.SequenceNumber - e.highest; step > 0 && step < 1<<15 {
		if pkt.SequenceNumber < e.highest {
			e.cycles++
		}
		e.highest = pkt.SequenceNumber
	}
	// RFC 3551 4.1: the marker begins a talkspurt; the pause before it is no jitter.
	if !pkt.Marker {
		e.jitter += (math.Abs(transit-e.transit) - e.jitter) / 16
	}
	e.transit = transit
}

// holes tells how many of the packets from the first to the highest are missing.
func (e *ear) holes(received int) int {
	if received == 0 {
		return 0
	}
	return max(e.cycles<<16+int(e.highest)-int(e.first)+1-received, 0)
}

// reception returns the statistics so far.
func (e *ear) reception() Reception {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.rec
	r.SSRCs, r.Sources = slices.Clone(r.SSRCs), slices.Clone(r.Sources)
	r.Lost = e.past + e.holes(e.count)
	r.Jitter = time.Duration(e.jitter / sampleRate * float64(time.Second))
	return r
}

// open begins to keep what is heard; shut ends it and returns it.
func (e *ear) open() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.window = &Heard{}
}

func (e *ear) shut() Heard {
	e.mu.Lock()
	defer e.mu.Unlock()
	h := e.window
	e.window = nil
	if h == nil {
		return Heard{}
	}
	return *h
}
