package media

import (
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// A pair of sockets that has left quarantine is spare for a while: it stays bound and drains, and when there are many, or nothing else
// is left, the next port of its address takes one. To make, bind and close sockets is most of what the kernel does for a busy call core.

const (
	spareFor  = 2 * time.Second
	minSpares = 64
	maxSpares = 8192 // of a thread and an address
	// quietFor is how long nobody must have sent to a pair that is taken: a party that goes on after its call, and would be heard
	// in another one.
	quietFor = time.Second
)

// leave goes through the ports in quarantine and the spares. It returns those whose sockets are to be closed, and the connected
// sockets of what has become spare. The lock is held; only the thread itself closes what it watches, or it might read from a
// descriptor that is something else by then.
func (t *thread) leave(now int64) (over []*port, connected []int32) {
	loud := func(p *port) bool { return now-p.heard < int64(quietFor) }
	for a, spares := range t.spares {
		spares = slices.DeleteFunc(spares, func(l leaving) bool {
			old := l.until <= now || loud(l.port)
			if old {
				over = append(over, l.port)
			}
			return old
		})
		t.keep(a, spares)
	}
	t.leaving = slices.DeleteFunc(t.leaving, func(l leaving) bool {
		p := l.port
		a := p.local.Addr()
		switch {
		case l.until > now:
			return false
		case loud(p) || len(t.spares[a]) >= maxSpares:
			over = append(over, p)
			return true
		}
		if fd := p.fd[sockPeer]; fd >= 0 {
			connected = append(connected, fd)
			p.fd[sockPeer] = -1
		}
		t.keep(a, append(t.spares[a], leaving{port: p, until: now + int64(spareFor)}))
		return true
	})
	return over, connected
}

// keep holds the spares of an address.
func (t *thread) keep(a netip.Addr, spares []leaving) {
	if len(spares) == 0 {
		delete(t.spares, a)
		return
	}
	t.spares[a] = spares
}

// reuse gives a port the sockets of a spare, one at random of its thread, else of another one. Want is 0 or the number it must have.
// There must be least of them at the address: who was in a call shall not know whose port his is now.
func (r *Relay) reuse(p *port, local netip.Addr, want uint16, random uint32, least int) bool {
	now := r.now()
	var t *thread
	var old *port
	r.mu.Lock()
	if r.closed { // its spares are closed with it
		r.mu.Unlock()
		return false
	}
	for i := range r.threads {
		t = r.threads[(int(p.thread)+i)%len(r.threads)]
		if old = t.spare(local, want, random, least, now); old != nil {
			break
		}
	}
	if old == nil {
		r.mu.Unlock()
		return false
	}
	delete(r.left, old.id)
	r.mu.Unlock()
	p.local, p.fd, p.watched = old.local, old.fd, old.thread == p.thread
	for _, fd := range p.fd[:sockPeer] {
		if p.dscp != old.dscp {
			_ = mark(int(fd), local.Is6(), p.dscp) // as it could when the socket was made
		}
		if !p.watched {
			_ = unix.EpollCtl(t.epoll, unix.EPOLL_CTL_DEL, int(fd), nil)
		}
	}
	return true
}

func (t *thread) spare(local netip.Addr, want uint16, random uint32, least int, now int64) *port {
	spares := t.spares[local]
	n := len(spares)
	if n < least {
		return nil
	}
	for i := range n {
		at := (int(random%uint32(n)) + i) % n
		p := spares[at].port
		if (want == 0 || p.local.Port() == want) && now-p.heard >= int64(quietFor) {
			spares[at] = spares[n-1]
			spares[n-1] = leaving{}
			t.keep(local, spares[:n-1])
			return p
		}
	}
	return nil
}
