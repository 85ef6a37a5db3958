package media

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/bifrons/bifrons/media/codec"
)

// player is what speaks to a port's party. It has no thread of its own: it stands in the agenda of its port's thread whenever
// it has something to send.
type player struct {
	port   PortID
	id     uint32
	volume int8
	items  []Item        // the gap is the last one
	clips  []*codec.Clip // by item, as far as they are loaded
	format codec.Format  // of the clips
	amr    codec.AMROptions
	cancel func()        // ends loading
	begun  time.Duration // what Offset left out, and what was played in earlier formats
	spent  int64         // played since, in ticks
	item   int           // now
	head   []byte        // its beginning, if what was heard before makes it another
	at     int64         // ticks into it
	repeat int           // rounds to come, -1 without end
	clock  int64         // when the next packet is due
	due    int64         // what stands on the agenda, 0 is nothing
	time   uint32        // its timestamp
	fresh  bool          // it begins a talkspurt (RFC 3551 4.1)
	broken int           // the item that cannot be had, counted from 1
	idle   bool          // not on the agenda: it waits for a clip
	err    string
	then   func() // called instead of an event, with the lock
}

// late is how far behind a player may be before it gives up catching up, and slack when it counts as late.
const (
	late  = int64(200 * time.Millisecond)
	slack = int64(5 * time.Millisecond)
)

// maxItems bounds the items of a player.
const maxItems = 1000

func (c Play) apply(r *Relay) {
	p := r.lookup(c.Port)
	if p == nil {
		return
	}
	r.begin(p, &player{port: c.Port, id: c.ID, volume: min(max(c.Volume, -40), 20), repeat: max(c.Repeat, -1),
		begun: max(c.Offset, 0), items: append(slices.Clone(c.Items), Item{Silence: c.Gap})})
}

// begin puts a player in the place of the one that is there; the lock is held.
func (r *Relay) begin(p *port, n *player) {
	t := p.seen()
	r.finish(p, ReasonStopped, "")
	r.withdraw(p.peer) // what it sends to p stops for the player
	t.player = n
	switch {
	case p.raw:
		r.finish(p, ReasonFailed, "the stream is relayed as it is (SRTP, fax): nothing can be played into it")
	case r.cfg.Prompts == nil:
		r.finish(p, ReasonFailed, "there is no prompt library")
	case len(n.items) < 2 || len(n.items) > maxItems:
		r.finish(p, ReasonFailed, fmt.Sprintf("%d items to play, want 1 to %d", len(n.items)-1, maxItems-1))
	default:
		r.tune(p)
	}
}

// tune makes the player speak the port's first format, from where it is; the lock is held.
func (r *Relay) tune(p *port) {
	n := p.traffic.player
	f := p.speech()
	if n.cancel != nil {
		n.cancel()
	}
	if n.format.Codec != "" {
		n.begun += n.played()
		n.at = n.at * int64(f.ClockRate()) / int64(n.format.ClockRate())
	} else if n.item == 0 && n.at == 0 {
		n.at = span(n.begun, f)
	}
	if f.IsAMR() {
		n.at -= n.at % span(20*time.Millisecond, f)
	}
	n.amr, _ = f.AMR()
	n.format, n.clips, n.spent, n.idle, n.fresh = f, make([]*codec.Clip, len(n.items)), 0, true, true
	n.due, n.broken, n.head = 0, 0, nil
	if f.Codec == "" || r.closed { // stands still until there is a format
		n.format, n.cancel = codec.Format{}, nil
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel = cancel
	first, items, gap := n.item, n.items, n.repeat != 0 && n.items[len(n.items)-1].Silence > 0
	r.done.Go(func() { // ends when all is loaded, or cancelled
		defer cancel()
		r.load(ctx, n, items, f, first, gap)
	})
}

// load gets the clips of a player, the one needed first first.
func (r *Relay) load(ctx context.Context, n *player, items []Item, f codec.Format, first int, gap bool) {
	for i := range items {
		at := (first + i) % len(items)
		if at == len(items)-1 && !gap {
			continue
		}
		item, said := &items[at], ""
		clip, err := r.cfg.Prompts.Clip(ctx, *item, f, n.volume)
		for err != nil && item.Fallback != nil && ctx.Err() == nil {
			said, item = err.Error(), item.Fallback
			clip, err = r.cfg.Prompts.Clip(ctx, *item, f, n.volume)
		}
		r.mu.Lock()
		p := r.lookup(n.port)
		if p == nil || p.traffic == nil || p.traffic.player != n || ctx.Err() != nil {
			r.unlock()
			return
		}
		if err != nil { // what stands before it is played yet
			if n.broken, n.err = at+1, err.Error(); n.idle && at == n.item {
				r.finish(p, ReasonFailed, "")
			}
			r.unlock()
			return
		}
		if n.err == "" {
			n.err = said
		}
		n.clips[at] = clip
		if at == n.item && n.idle {
			n.idle = false
			n.clock = max(r.now(), p.traffic.main.out.end) // what was sent last is heard to its end
			r.next(r.threads[p.thread], n)
		}
		r.unlock()
	}
}

// span converts time to ticks of a format.
func span(d time.Duration, f codec.Format) int64 {
	rate := int64(f.ClockRate())
	return int64(d/time.Second)*rate + int64(d%time.Second)*rate/int64(time.Second)
}

// played is how much of it was heard since it was last tuned.
func (n *player) played() time.Duration {
	rate := int64(n.format.ClockRate())
	return time.Duration(n.spent/rate)*time.Second + time.Duration(n.spent%rate)*time.Second/time.Duration(rate)
}

// finish ends a port's player, if there is one, and tells so; the lock is held.
func (r *Relay) finish(p *port, reason Reason, err string) {
	n := p.traffic.player
	if n == nil {
		return
	}
	p.traffic.player = nil
	r.drop(n)
	if err == "" {
		err = n.err
	}
	long := n.begun
	if n.format.Codec != "" {
		long += n.played()
	}
	if n.then != nil {
		n.then()
		return
	}
	r.post(p, Event{Kind: Played, ID: n.id, Reason: reason, Duration: long, Err: err})
}

// next puts a player on the agenda for its next packet. It stands there once: what is older counts no more.
func (r *Relay) next(t *thread, n *player) {
	n.due = max(n.clock, 1)
	r.schedule(t, due{at: n.due, player: n})
}

func (r *Relay) drop(n *player) {
	n.due = 0
	if n.cancel != nil {
		n.cancel()
	}
}

func (c Stop) apply(r *Relay) {
	p := r.lookup(c.Port)
	if p == nil || p.traffic == nil || p.traffic.player == nil || c.ID != 0 && c.ID != p.traffic.player.id {
		return
	}
	r.finish(p, ReasonStopped, "")
}

// speaks tells whether Bifrons itself speaks to the party, in the place of the far one.
func (t *traffic) speaks() bool { return t.seat != nil || t.player != nil && !t.player.idle }

// play sends the next packet of a player; the lock is held.
func (r *Relay) play(t *thread, n *player, now int64, out []delivery) []delivery {
	n.due = 0
	p := r.lookup(n.port)
	step := n.format.Packet()
	ticks := span(step, n.format)
	if now-n.clock > late {
		n.clock, n.fresh = now, true
	}
	fd, to, ok := p.destination()
	if !ok || !p.send { // held: it stands still
		n.clock += int64(step)
		n.fresh = true
		r.next(t, n)
		return out
	}
	b := t.parcel.room(rtpFixed + int(ticks)*max(1, n.format.Rate()))[:rtpFixed]
	b, got, end := n.fill(b, ticks, p.traffic.spoken)
	if got > 0 {
		p.traffic.remember(n.format, b[rtpFixed:])
		if now-n.clock > slack {
			r.totals.late++
		}
		r.totals.played++
		b[0], b[1] = rtpVersion, n.format.Type
		if n.fresh {
			n.time, n.fresh = p.traffic.main.out.clockAt(n.clock, n.format.ClockRate()), false
			if n.clock != p.traffic.main.out.end { // else it goes on without a pause
				b[1] |= 0x80
			}
		}
		if len(p.traffic.tones) == 0 { // else a key sounds in its place
			out = append(out, r.depart(p, b, n.time, n.clock, step, fd, to))
		}
		n.time += uint32(ticks)
		n.spent += got
		n.clock += int64(step)
	}
	switch {
	case end:
		r.finish(p, ReasonDone, "")
	case n.broken == n.item+1:
		r.finish(p, ReasonFailed, "")
	case n.clips[n.item] == nil:
		n.idle, n.fresh = true, true
	default:
		r.next(t, n)
	}
	return out
}

// depart completes a packet of our own with the port's numbers. It is due at that time, and has so much speech.
func (r *Relay) depart(p *port, b []byte, stamp uint32, at int64, long time.Duration, fd int32, to netip.AddrPort) delivery {
	s := &p.traffic.main.out
	putRTP(b, s.insert(len(b)-rtpFixed, at), stamp, s.ssrc)
	s.last, s.end = stamp, at+int64(long)
	p.traffic.sent.add(b)
	r.totals.sent.add(b)
	r.emit(p, b, at)
	return delivery{data: b, port: p, fd: fd, to: to}
}

// remember keeps the end of what is said in a format where it counts for what is said next.
func (t *traffic) remember(f codec.Format, said []byte) {
	if !f.Remembers() {
		t.spoken = nil
		return
	}
	if len(t.spoken)+len(said) > 2*codec.Memory {
		t.spoken = append(t.spoken[:0], t.spoken[len(t.spoken)-codec.Memory:]...)
	}
	t.spoken = append(t.spoken, said...)
}

// fill appends the payload of the next packet to b and tells how many ticks of it are from the items; the rest is silence.
// When the last one is over, end is set. What was said before is heard.
func (n *player) fill(b []byte, ticks int64, heard []byte) (_ []byte, got int64, end bool) {
	start := len(b)
	var frames [maxFrames][]byte
	count := 0
	for {
		c := n.clips[n.item]
		if c != nil && c.Length != codec.Endless && n.at >= c.Length {
			n.at -= c.Length
			if end = !n.advance(); !end {
				continue
			}
		}
		if end || c == nil || got >= ticks {
			break
		}
		take := ticks - got
		if c.Length != codec.Endless {
			take = min(take, c.Length-n.at)
		}
		if c.Frames != nil {
			take = min(take, c.Step())
			frames[count%maxFrames] = c.Frame(n.at)
			count++
		} else {
			if n.at == 0 && n.format.Remembers() {
				n.head = n.format.After(slices.Concat(heard, b[start:]), c)
			}
			var data []byte
			if head := int64(len(n.head)); n.at < head {
				take = min(take, head-n.at)
				data = n.head[n.at : n.at+take]
			} else {
				data, take = c.Part(n.at, take, n.format.Rate())
			}
			b = append(b, data...)
		}
		n.at += take
		got += take
	}
	if got == 0 {
		return b, 0, end
	}
	if n.format.IsAMR() {
		return n.amr.Pack(b, frames[:min(count, maxFrames)]), got, end
	}
	return n.format.AppendSilence(b, ticks-got), got, end
}

// maxFrames is how many frames of AMR a packet has at most: 120 ms.
const maxFrames = 6

// advance goes on to the next item, and tells whether there is one.
func (n *player) advance() bool {
	n.item++
	n.head = nil
	last := len(n.items) - 1 // the gap
	switch {
	case n.item < last:
		return true
	case n.item == last && n.repeat == 0:
		n.item--
		return false
	case n.item == last && n.items[last].Silence > 0:
		return true
	}
	total := int64(0)
	for _, c := range n.clips {
		if c != nil {
			total += c.Length
		}
	}
	if n.item = 0; total == 0 { // all are empty
		return false
	}
	skip := n.at / total // of what Offset leaves out
	if n.repeat > 0 {
		skip = min(skip, int64(n.repeat)-1)
		n.repeat -= int(skip) + 1
	}
	n.at -= skip * total
	return true
}
