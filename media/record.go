package media

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/bifrons/bifrons/media/codec"
)

// recorder writes the speech of a port to a file. Relay threads only add to its tap; its goroutine, which ends with the
// recording, fetches, decodes and writes.
type recorder struct {
	Record
	call uint64
	tap  tap
	stop chan struct{} // closed when it is to end

	// Guarded by the relay's lock.
	reason  Reason
	formats []codec.Format
	begun   bool
	paused  int64 // since when
}

const (
	// fetchTime is how often speech is fetched and written.
	fetchTime = 200 * time.Millisecond
	// maxRecord is the limit of a recording that names none.
	maxRecord = time.Hour
)

func (c Record) apply(r *Relay) {
	p := r.lookup(c.Port)
	if p == nil {
		return
	}
	t := p.seen()
	if t.recorder != nil {
		t.recorder.end(ReasonStopped)
	}
	r.withdraw(p)
	r.withdraw(p.peer)
	n := &recorder{Record: c, call: p.call, stop: make(chan struct{}), formats: p.formats}
	if n.Max <= 0 {
		n.Max = maxRecord
	}
	t.recorder = n
	switch {
	case p.raw:
		n.Path = ""
	case n.Path != "" && !filepath.IsAbs(n.Path):
		n.Path = filepath.Join(r.cfg.Recordings, n.Path)
	}
	if r.closed {
		t.recorder = nil
		return
	}
	if c.Beep && !p.raw {
		r.begin(p, &player{port: p.id, items: []Item{{Tone: "beep"}, {}}, then: func() { n.begin(r.now()) }})
	} else {
		n.begin(r.now())
	}
	r.done.Go(func() { r.record(n) }) // ends when stop is closed, or when the recording is over
}

func (n *recorder) begin(now int64) {
	n.begun, n.tap.origin = true, now
	n.tap.on = n.paused == 0
	if !n.tap.on {
		n.paused = now
	}
}

// end has the recorder end; the lock is held.
func (n *recorder) end(reason Reason) {
	if n.reason == 0 {
		n.reason = reason
		close(n.stop)
	}
}

func (c StopRecord) apply(r *Relay) {
	if n := r.recorderOf(c.Port, c.ID); n != nil {
		n.end(ReasonStopped)
		r.lookup(c.Port).traffic.recorder = nil
	}
}

func (c Pause) apply(r *Relay) {
	n := r.recorderOf(c.Port, c.ID)
	if n == nil || c.On == (n.paused != 0) {
		return
	}
	now := r.now()
	if n.tap.on = !c.On && n.begun; c.On {
		n.paused = now
		return
	}
	if n.begun {
		n.tap.origin += now - n.paused
		n.tap.part++
	}
	n.paused = 0
}

func (r *Relay) recorderOf(id PortID, number uint32) *recorder {
	p := r.lookup(id)
	if p == nil || p.traffic == nil || p.traffic.recorder == nil || number != 0 && number != p.traffic.recorder.ID {
		return nil
	}
	return p.traffic.recorder
}

// errSpeech is a recording that the party's format does not allow.
var errSpeech = errors.New("cannot be recorded")

// open chooses the kind of the file and makes it.
func (n *recorder) open() (tape, error) {
	if n.Path == "" {
		return nil, fmt.Errorf("the stream is relayed as it is (SRTP, fax), or there is no path: %w", errSpeech)
	}
	if len(n.formats) == 0 {
		return nil, fmt.Errorf("the party has no format that is known here: %w", errSpeech)
	}
	first := n.formats[0]
	ext := map[string]string{codec.AMR: ".amr", codec.AMRWB: ".awb"}[first.Codec]
	if ext == "" {
		ext = ".wav"
	}
	switch filepath.Ext(n.Path) {
	case ".wav", ".amr", ".awb":
		if got := filepath.Ext(n.Path); got != ext {
			return nil, fmt.Errorf("%s to a %s file: %w", first.Codec, got, errSpeech)
		}
	default:
		n.Path += ext
	}
	f, err := os.OpenFile(n.Path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, err
	}
	var t tape
	if ext == ".wav" {
		t, err = newWavTape(f, n)
	} else {
		t, err = newFrameTape(f, first)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return t, nil
}

// tape is a file that is being recorded to.
type tape interface {
	// put takes a packet.
	put(f codec.Format, p spoken, payload []byte)
	// write writes what lies before a time, in nanoseconds of the recording, and tells how long the party has been silent.
	write(until int64) (quiet time.Duration, err error)
	// close returns how much is in the file.
	close() (time.Duration, error)
}

// record is the recorder's goroutine.
func (r *Relay) record(n *recorder) {
	reason, long, err := r.taping(n)
	text := ""
	if err != nil {
		reason, text = ReasonFailed, err.Error()
	}
	r.mu.Lock()
	if n.tap.lost > 0 && text == "" {
		text = fmt.Sprintf("%d packets were lost: the disk is too slow", n.tap.lost)
	}
	n.tap = tap{}
	if p := r.lookup(n.Port); p != nil && p.traffic != nil && p.traffic.recorder == n {
		p.traffic.recorder = nil
	}
	r.mu.Unlock()
	if r.cfg.Events != nil {
		r.cfg.Events(Event{Call: n.call, Port: n.Port, Kind: Recorded, ID: n.ID, Reason: reason, Path: n.Path, Duration: long, Err: text})
	}
}

func (r *Relay) taping(n *recorder) (reason Reason, long time.Duration, err error) {
	t, err := n.open()
	if err != nil {
		return 0, 0, err
	}
	defer func() {
		d, e := t.close()
		if long = d; err == nil {
			err = e
		}
	}()
	tick := time.NewTicker(fetchTime)
	defer tick.Stop()
	for {
		over := false
		select {
		case <-n.stop:
			over = true
		case <-tick.C:
		}
		r.mu.Lock()
		packets, bytes, formats, begun, origin := n.tap.packets, n.tap.bytes, n.formats, n.begun, n.tap.origin
		n.tap.packets, n.tap.bytes = nil, nil
		now := r.now()
		if n.paused != 0 {
			now = n.paused
		}
		reason = n.reason
		r.mu.Unlock()
		if !begun {
			if over {
				return reason, 0, nil
			}
			continue
		}
		slices.SortStableFunc(packets, byTime)
		for _, p := range packets {
			if i := slices.IndexFunc(formats, func(f codec.Format) bool { return f.Type == p.pt }); i >= 0 {
				t.put(formats[i], p, bytes[p.from:p.from+p.size])
			}
		}
		until := now - origin
		if !over {
			until -= settle
		}
		limit := until >= int64(n.Max)
		quiet, err := t.write(min(until, int64(n.Max)))
		switch {
		case err != nil:
			return 0, 0, err
		case limit:
			return ReasonLimit, 0, nil
		case over:
			return reason, 0, nil
		case n.Silence > 0 && quiet >= n.Silence:
			return ReasonSilence, 0, nil
		}
	}
}

// byTime puts packets in order, each direction and each part of the recording for itself.
func byTime(a, b spoken) int {
	switch {
	case a.part != b.part:
		return int(int8(a.part - b.part))
	case a.out != b.out:
		if b.out {
			return -1
		}
		return 1
	}
	return int(int32(a.time - b.time))
}
