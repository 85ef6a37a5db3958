package media

import (
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// maxPacket is the longest packet we relay; RTP that is longer would have been fragmented.
const maxPacket = 2048

// wakeID stands in epoll for the thread's eventfd. No port has it: generations stay below maxGen.
const wakeID = -1

// thread is one relay thread: an epoll set and the goroutine that serves it, locked to an OS thread.
type thread struct {
	relay  *Relay
	epoll  int
	event  int // eventfd that ends a sleep
	next   int64
	events [256]unix.EpollEvent
	from   sockaddr
	to     sockaddr
	buf    [maxPacket]byte
	rtcp   [maxPacket + sdesSize]byte
	due    atomic.Int64 // when a key, a player, a room or news of them is due; 0 is never
	slow   int64        // when ports are gone through again

	// Guarded by the relay's lock.
	ports   int
	leaving []leaving
	spares  map[netip.Addr][]leaving
	dormant bool // asleep without a deadline

	sounding []PortID // ports whose party is sent a key
	sound    int64    // when the next packet of a key is due; 0 is never
	agenda   agenda
	news     []Event // of commands, to be posted by the thread
	index    int

	out    []delivery // of one round
	parcel parcel
}

// leaving is a port in quarantine.
type leaving struct {
	port  *port
	until int64
}

func newThread(r *Relay) (*thread, error) {
	t := &thread{relay: r, spares: map[netip.Addr][]leaving{}}
	var err error
	if t.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	if t.event, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		_ = unix.Close(t.epoll)
		return nil, err
	}
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(t.event), Pad: wakeID}
	if err = unix.EpollCtl(t.epoll, unix.EPOLL_CTL_ADD, t.event, &ev); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

func (t *thread) close() {
	_ = unix.Close(t.event)
	_ = unix.Close(t.epoll)
}

func (t *thread) wake() {
	one := [8]byte{1}
	_, _ = unix.Write(t.event, one[:]) // fails only if it is full, which wakes as well
}

// watch adds a socket to the set. The kernel hands descriptor, port and socket back with every event, so that a packet is
// read before the lock is taken. Again: it is in the set already, for another port.
func (t *thread) watch(fd int32, id PortID, s socket, again bool) error {
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: fd, Pad: int32(uint32(id)<<2 | uint32(s))}
	op := unix.EPOLL_CTL_ADD
	if again {
		op = unix.EPOLL_CTL_MOD
	}
	return unix.EpollCtl(t.epoll, op, int(fd), &ev)
}

// run serves the set until the relay is shut down. It looks before it sleeps: with traffic there is nearly always a packet,
// and a raw system call does not disturb the scheduler.
func (t *thread) run() {
	runtime.LockOSThread() // not unlocked: the OS thread ends with the goroutine
	if nice := t.relay.cfg.Nice; nice != 0 {
		if err := unix.Setpriority(unix.PRIO_PROCESS, 0, nice); err != nil { // 0 is this thread, on Linux
			t.relay.log.Debug("media thread keeps its priority", "nice", nice, "error", err)
		}
	}
	for {
		n := epollPoll(t.epoll, t.events[:])
		if n == 0 {
			wait, ok := t.sleep()
			if !ok {
				return
			}
			n, _ = unix.EpollWait(t.epoll, t.events[:], wait)
		}
		now := t.relay.now()
		for i := range max(n, 0) {
			ev := &t.events[i]
			if ev.Pad != wakeID {
				t.read(ev.Fd, PortID(uint32(ev.Pad)>>2), socket(ev.Pad&3), now)
				continue
			}
			_, _ = unix.Read(t.event, t.buf[:8])
			if t.relay.ended() {
				return
			}
		}
		if due := t.due.Load(); due != 0 && now >= due {
			t.work(now)
		}
		if now >= t.next {
			t.next = now + int64(t.tick(now))
		}
	}
}

// work does what is due now.
func (t *thread) work(now int64) {
	r := t.relay
	for {
		r.mu.Lock()
		out, news := r.perform(t, now)
		r.unlock()
		t.sendAll(out)
		t.tell(news)
		if due := t.due.Load(); due == 0 || due > now {
			return
		}
	}
}

func (r *Relay) ended() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

// sleep returns how long to wait for packets, in milliseconds, -1 if there is nothing to do but for packets and wake.
func (t *thread) sleep() (wait int, ok bool) {
	r := t.relay
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return 0, false
	}
	if t.dormant = t.ports == 0 && len(t.leaving) == 0 && len(t.spares) == 0; t.dormant {
		return -1, true
	}
	until := t.next
	if due := t.due.Load(); due != 0 {
		until = min(until, due)
	}
	return int(max(0, until-r.now())/1e6) + 1, true
}

// read takes one packet from a socket and does with it what judge says. One only: on sockets with a packet every 20 ms a
// second read finds nothing.
func (t *thread) read(fd int32, id PortID, s socket, now int64) {
	var n int
	var from netip.AddrPort
	if s == sockPeer {
		n = recv(fd, t.buf[:])
	} else {
		n = recvFrom(fd, t.buf[:], &t.from)
		from = t.from.addrPort()
	}
	if n >= 0 {
		t.packet(id, s, from, n, now)
	}
}

func (t *thread) packet(id PortID, s socket, from netip.AddrPort, n int, now int64) {
	r := t.relay
	if n > len(t.buf) {
		r.giant(id)
		return
	}
	r.mu.Lock()
	if r.looks != nil {
		r.noteIn(id, s, from, t.buf[:n])
	}
	d := r.judge(id, s, from, t.buf[:n], t.rtcp[:], now)
	r.mu.Unlock()
	if d.data != nil && !t.send(&d) {
		r.refused(&d)
	}
	if d.latch != nil {
		t.connect(d.latch, from, now)
	}
	if len(d.events) > 0 {
		t.tell(d.events)
	}
}

func (t *thread) tell(events []Event) {
	if t.relay.cfg.Events != nil {
		for _, e := range events {
			t.relay.cfg.Events(e)
		}
	}
}

func (t *thread) sendAll(out []delivery) {
	for i := range out {
		if d := &out[i]; !t.send(d) {
			t.relay.refused(d)
		}
	}
}

func (t *thread) send(d *delivery) bool {
	if t.relay.looking.Load() {
		t.relay.noteOut(d)
	}
	if !d.to.IsValid() {
		return send(d.fd, d.data)
	}
	t.to.set(d.to)
	return sendTo(d.fd, d.data, &t.to)
}

// connect makes the port's connected socket lead to the new source. If that fails, the unconnected one serves.
func (t *thread) connect(p *port, from netip.AddrPort, now int64) {
	r := t.relay
	fd := p.fd[sockPeer] // changed by this thread only
	if !from.IsValid() { // it came by the connected socket
		return
	}
	var err error
	if fd < 0 {
		if fd, err = bindPeer(p.local, from, p.dscp); err != nil {
			r.log.Warn("media port not connected", "call", p.call, "error", err)
			return
		}
		err = t.watch(fd, p.id, sockPeer, false)
	} else {
		err = connect(fd, from)
	}
	r.mu.Lock()
	p.fd[sockPeer] = fd
	if err == nil && p.traffic != nil {
		p.traffic.conn = from
	}
	r.mu.Unlock()
	// Whoever sent between bind and connect is in the queue of the new socket: tell by the address.
	for range 64 {
		n := recvFrom(fd, t.buf[:], &t.from)
		if n < 0 {
			return
		}
		if a := t.from.addrPort(); a == from {
			t.packet(p.id, sockRTP, a, n, now)
		} else {
			r.stray(p.id)
		}
	}
}

// tick does what is due: quarantines that are over, silent parties, metrics. It returns when to come again.
func (t *thread) tick(now int64) time.Duration {
	r := t.relay
	r.mu.Lock()
	over, connected := t.leave(now)
	quiet := r.silent(t, now)
	var owed []delivery
	all := now >= t.slow
	if all {
		t.slow = now + int64(time.Second)
		owed = r.reports(t, now)
		quiet = append(quiet, r.overdue(t, now)...)
	}
	r.mu.Unlock()
	t.sendAll(owed)
	if all {
		t.handOver()
	}
	for _, fd := range connected {
		_ = unix.Close(int(fd))
	}
	for _, p := range over {
		p.closeSockets()
	}
	r.mu.Lock()
	for _, p := range over {
		delete(r.left, p.id)
		r.pool.release(p.local)
	}
	r.mu.Unlock()
	t.tell(quiet)
	r.flush()
	every := time.Second
	if q := r.cfg.Quarantine / 4; q > 0 {
		every = min(every, q)
	}
	if s := r.cfg.Silence / 4; s > 0 {
		every = min(every, s)
	}
	return max(every, 5*time.Millisecond)
}

// silent collects the ports of a thread that have gone quiet; the lock is held.
func (r *Relay) silent(t *thread, now int64) (events []Event) {
	if r.cfg.Silence == 0 || r.cfg.Events == nil {
		return nil
	}
	for i := range r.slots {
		p := r.slots[i].port
		if p == nil || r.threads[p.thread] != t || !p.known || !p.receive || p.silent || now-p.heard < int64(r.cfg.Silence) {
			continue
		}
		if r.collect(p); now-p.heard < int64(r.cfg.Silence) {
			continue
		}
		p.silent = true
		events = append(events, Event{Call: p.call, Port: p.id, Kind: Silence})
	}
	return events
}

// overdue collects the keys whose end never came; the lock is held.
func (r *Relay) overdue(t *thread, now int64) (events []Event) {
	for i := range r.slots {
		p := r.slots[i].port
		if p == nil || p.traffic == nil || r.threads[p.thread] != t {
			continue
		}
		if key, long := p.traffic.digit.overdue(now); key != 0 {
			events = append(events, Event{Call: p.call, Port: p.id, Kind: Digit, Key: key, Duration: long})
		}
	}
	return events
}
