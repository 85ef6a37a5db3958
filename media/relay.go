package media

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// A PortID is a slot of the table and the slot's generation. With the socket it fits the 32 bits that epoll gives back.
const (
	slotBits = 18
	maxPorts = 1 << slotBits
	maxGen   = 1 << (30 - slotBits)
)

// Relay owns the ports of one process and the threads that move their packets.
type Relay struct {
	cfg     Config
	log     *slog.Logger
	start   time.Time
	threads []*thread
	done    sync.WaitGroup
	looking atomic.Bool // whether any call is

	secret [32]byte // of CNAMEs

	mu     sync.Mutex // guards what follows and all ports; never held over a system call
	slots  []slot
	free   []uint32
	pool   pool
	totals totals
	open   int
	closed bool
	rooms  map[RoomID]*room
	looks  map[uint64]*look // by call; nil until the first
	left   map[PortID]*port // closed ones whose sockets are not
	roused uint64           // threads to be woken for what a command asked
}

type slot struct {
	port *port
	gen  uint32
}

// New starts a relay and its threads; Shutdown ends them.
func New(cfg Config, log *slog.Logger) (*Relay, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if info, err := os.Stat(cfg.Recordings); cfg.Recordings != "" && (err != nil || !info.IsDir()) {
		return nil, fmt.Errorf("media: recordings: %s is no directory", cfg.Recordings)
	}
	recordings, err := filepath.Abs(cfg.Recordings) // what is told of a file must not depend on where one stands
	if err != nil {
		return nil, fmt.Errorf("media: recordings: %w", err)
	}
	cfg.Recordings = recordings
	r := &Relay{
		cfg: cfg, log: log, start: time.Now(),
		pool: pool{first: cfg.first(), pairs: cfg.pairs(), used: map[netip.Addr][]uint64{}}, left: map[PortID]*port{},
	}
	if _, err := io.ReadFull(cfg.Rand, r.secret[:]); err != nil {
		return nil, fmt.Errorf("start media relay: %w", err)
	}
	for range cfg.Threads {
		t, err := newThread(r)
		if err != nil {
			for _, t := range r.threads {
				t.close()
			}
			return nil, fmt.Errorf("start media thread: %w", err)
		}
		t.index = len(r.threads)
		r.threads = append(r.threads, t)
	}
	for _, t := range r.threads {
		r.done.Go(t.run) // ends when Shutdown sets closed and wakes it
	}
	return r, nil
}

// Open binds a port. It returns ErrNoPorts when there is none.
func (r *Relay) Open(at Place) (Port, error) {
	local, want := at.Local.Unmap(), at.Number
	var random [4 + seedLen]byte
	if _, err := io.ReadFull(r.cfg.Rand, random[:]); err != nil {
		return Port{}, fmt.Errorf("open media port: %w", err)
	}
	p := &port{call: at.Call, leg: at.Leg, dscp: at.DSCP, clock: defaultClock, thread: uint16(at.Call % uint64(len(r.threads))),
		seed: [seedLen]byte(random[4:])}
	var foreign []netip.AddrPort // taken by other processes
	defer func() { r.release(foreign) }()
	for from := binary.BigEndian.Uint32(random[:]); !r.reuse(p, local, want, from, minSpares); {
		number, err := r.take(local, want, from)
		if err != nil && r.reuse(p, local, want, from, 1) {
			break
		}
		if err != nil {
			return Port{}, err
		}
		p.local = netip.AddrPortFrom(local, number)
		err = p.bind()
		if err == nil {
			break
		}
		foreign = append(foreign, p.local)
		switch busy := errors.Is(err, unix.EADDRINUSE); {
		case busy && want == 0:
			from = uint32(int(number)-r.pool.first) / 2
		case busy:
			return Port{}, fmt.Errorf("open media port %s: %w: %w", p.local, ErrNoPorts, err)
		default:
			return Port{}, fmt.Errorf("open media port %s: %w", p.local, err)
		}
	}
	if err := r.insert(p); err != nil {
		return Port{}, err
	}
	return Port{ID: p.id, Local: p.local}, nil
}

func (r *Relay) take(local netip.Addr, want uint16, from uint32) (uint16, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return 0, ErrShutdown
	}
	if most := r.cfg.Most; most != 0 && r.open+len(r.left) >= most {
		return 0, fmt.Errorf("%d media ports are all that the limit of open files allows: %w", most, ErrNoPorts)
	}
	if want != 0 {
		if !r.pool.takeOne(local, want) {
			return 0, fmt.Errorf("media port %d of %s: %w", want, local, ErrNoPorts)
		}
		return want, nil
	}
	number, ok := r.pool.take(local, int(from%uint32(r.pool.pairs)))
	if !ok {
		return 0, fmt.Errorf("media ports of %s: %w", local, ErrNoPorts)
	}
	return number, nil
}

func (r *Relay) release(ports []netip.AddrPort) {
	if len(ports) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range ports {
		r.pool.release(a)
	}
}

// insert gives the port a slot and hands its sockets to its thread.
func (r *Relay) insert(p *port) error {
	r.mu.Lock()
	if r.closed || len(r.free) == 0 && len(r.slots) == maxPorts {
		closed := r.closed
		r.pool.release(p.local)
		r.mu.Unlock()
		p.closeSockets()
		if closed {
			return ErrShutdown
		}
		return ErrNoPorts
	}
	if len(r.free) == 0 {
		r.free = append(r.free, uint32(len(r.slots)))
		r.slots = append(r.slots, slot{gen: 1})
	}
	n := r.free[len(r.free)-1]
	r.free = r.free[:len(r.free)-1]
	p.id = PortID(r.slots[n].gen<<slotBits | n)
	r.slots[n].port = p
	r.open++
	t := r.threads[p.thread]
	t.ports++
	wake := t.dormant
	t.dormant = false
	r.mu.Unlock()
	if wake {
		t.wake()
	}
	for _, s := range []socket{sockRTP, sockRTCP} {
		if err := t.watch(p.fd[s], p.id, s, p.watched); err != nil {
			r.Close(p.id)
			return fmt.Errorf("watch media port %s: %w", p.local, err)
		}
	}
	return nil
}

// lookup returns an open port; the lock is held.
func (r *Relay) lookup(id PortID) *port {
	n := uint32(id) & (maxPorts - 1)
	if int(n) >= len(r.slots) || r.slots[n].port == nil || r.slots[n].port.id != id {
		return nil
	}
	return r.slots[n].port
}

// Do carries out a command. It is in force for every packet that is read from now on.
func (r *Relay) Do(c Command) {
	r.mu.Lock()
	c.apply(r)
	r.unlock()
}

// Stats returns the statistics of an open port, the zero value for one that is closed.
func (r *Relay) Stats(id PortID) Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.lookup(id); p != nil {
		r.collect(p)
		r.collect(p.peer)
		return p.stats()
	}
	return Stats{}
}

// Close ends a port and its link and returns its final statistics. From now on nothing is sent by it; it stays bound and
// drains for the quarantine before its number is given out again.
func (r *Relay) Close(id PortID) Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.lookup(id)
	if p == nil {
		return Stats{}
	}
	r.withdraw(p)
	r.withdraw(p.peer)
	stats := p.stats()
	r.silence(p)
	r.part(p)
	p.traffic = nil
	n := uint32(id) & (maxPorts - 1)
	r.slots[n].port = nil
	r.slots[n].gen = max(1, (r.slots[n].gen+1)%maxGen)
	r.free = append(r.free, n)
	r.open--
	t := r.threads[p.thread]
	t.ports--
	quarantine := r.cfg.Quarantine
	if len(r.threads) > 1 {
		// Another thread may be about to send by this port's socket.
		quarantine = max(quarantine, 100*time.Millisecond)
	}
	r.left[id], p.heard = p, r.now()-int64(quietFor) // nobody has sent to it since
	t.leaving = append(t.leaving, leaving{port: p, until: r.now() + int64(quarantine)})
	return stats
}

// now is monotonic time since the relay was made, in nanoseconds.
func (r *Relay) now() int64 { return int64(time.Since(r.start)) }

// Shutdown closes every port without quarantine and ends the threads. It returns when they are gone.
func (r *Relay) Shutdown() {
	r.mu.Lock()
	again := r.closed
	r.closed = true
	for _, s := range r.slots {
		if s.port != nil {
			r.silence(s.port)
		}
	}
	r.mu.Unlock()
	if !again {
		for _, t := range r.threads {
			t.wake()
		}
	}
	r.done.Wait()
	if again {
		return
	}
	r.mu.Lock()
	for _, s := range r.slots {
		if s.port != nil {
			r.withdraw(s.port)
			r.threads[s.port.thread].leaving = append(r.threads[s.port.thread].leaving, leaving{port: s.port})
		}
	}
	r.slots, r.free, r.open = nil, nil, 0
	r.mu.Unlock()
	for _, t := range r.threads {
		for _, spares := range t.spares {
			t.leaving = append(t.leaving, spares...)
		}
		for _, l := range t.leaving {
			l.port.closeSockets()
		}
		t.close()
	}
	r.flush()
}
