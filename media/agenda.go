package media

// due is something a relay thread does at a time: the next packet of a player, or the next round of a room.
type due struct {
	at     int64
	player *player
	room   *room
}

// agenda is what a thread has to do in time, the next first: a binary heap. All players and rooms of a thread stand in it, so
// that a thousand of them need no more than the thread's one sleep.
type agenda []due

func (a *agenda) push(d due) {
	h := append(*a, d)
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if h[up].at <= h[i].at {
			break
		}
		h[up], h[i] = h[i], h[up]
		i = up
	}
	*a = h
}

func (a *agenda) pop() due {
	h := *a
	d, last := h[0], len(h)-1
	h[0], h[last] = h[last], due{}
	h = h[:last]
	for i := 0; ; {
		down := 2*i + 1
		if down >= last {
			break
		}
		if down+1 < last && h[down+1].at < h[down].at {
			down++
		}
		if h[i].at <= h[down].at {
			break
		}
		h[i], h[down] = h[down], h[i]
		i = down
	}
	*a = h
	return d
}

// batch is how many players a thread serves before it lets go of the lock.
const batch = 32

// perform does what is due on a thread: keys, players, rooms, and what is to be told of them. It returns the packets to send,
// which lie in the thread's own memory until the next call; the lock is held.
func (r *Relay) perform(t *thread, now int64) (out []delivery, news []Event) {
	t.parcel.reset()
	out = t.out[:0]
	next := int64(0)
	if at := t.sound; at != 0 {
		if now >= at {
			out = r.sound(t, now, out)
		}
		next = t.sound
	}
	for n := 0; n < batch && len(t.agenda) > 0 && t.agenda[0].at <= now; n++ {
		switch d := t.agenda.pop(); {
		case d.player != nil && d.player.due == d.at:
			out = r.play(t, d.player, now, out)
		case d.room != nil:
			out = r.mix(t, d.room, now, out)
		}
	}
	if len(t.agenda) > 0 && (next == 0 || t.agenda[0].at < next) {
		next = t.agenda[0].at
	}
	t.due.Store(next)
	news, t.news = t.news, nil
	t.out = out
	return out, news
}

// schedule puts something on a thread's agenda; the lock is held. The caller wakes the thread if it is another one.
func (r *Relay) schedule(t *thread, d due) {
	d.at = max(d.at, 1)
	t.agenda.push(d)
	if at := t.due.Load(); at == 0 || d.at < at {
		t.due.Store(d.at)
		r.rouse(t)
	}
}

// post has a port's thread tell of something; the lock is held.
func (r *Relay) post(p *port, e Event) {
	t := r.threads[p.thread]
	e.Call, e.Port = p.call, p.id
	t.news = append(t.news, e)
	t.due.Store(1)
	r.rouse(t)
}

// rouse notes that a thread is to be woken when the lock is given back.
func (r *Relay) rouse(t *thread) { r.roused |= 1 << t.index }

// unlock gives the lock back and wakes the threads that have got something to do.
func (r *Relay) unlock() {
	roused := r.roused
	r.roused = 0
	r.mu.Unlock()
	for i := 0; roused != 0; i, roused = i+1, roused>>1 {
		if roused&1 != 0 {
			r.threads[i].wake()
		}
	}
}

// parcel is the memory for the packets of one round.
type parcel struct {
	buf []byte
}

const parcelSize = 32 << 10

func (p *parcel) reset() { p.buf = p.buf[:0] }

// room returns n bytes of capacity, and none of length.
func (p *parcel) room(n int) []byte {
	if len(p.buf)+n > cap(p.buf) {
		p.buf = make([]byte, 0, max(parcelSize, n))
	}
	at := len(p.buf)
	p.buf = p.buf[:at+n]
	return p.buf[at : at : at+n]
}
