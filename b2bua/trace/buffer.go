package trace

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/bifrons/bifrons/sip"
)

// Message is one message of a call, as it stood on the wire.
type Message struct {
	Call      uint64         `json:"call"`
	Leg       uint8          `json:"leg"` // 0 is the caller's
	Sent      bool           `json:"sent"`
	At        time.Time      `json:"at"`
	Side      string         `json:"side"`
	Transport sip.Transport  `json:"-"`
	Local     netip.AddrPort `json:"local"`
	Remote    netip.AddrPort `json:"remote"`
	Data      []byte         `json:"-"`
}

// String returns the transport, sent or received, and the addresses.
func (m *Message) String() string {
	way := "from"
	if m.Sent {
		way = "to"
	}
	return m.Transport.String() + " " + way + " " + m.Remote.String()
}

// shards share the work of many threads.
const shards = 8

// Buffer holds the last messages of all calls, and of those that failed. Nil holds nothing.
type Buffer struct {
	all, failed [shards]ring
}

// New reserves memory: so many bytes for the messages of all calls, and for those of calls that failed. The memory is taken
// at once, so that a busy hour needs no more of it than an idle one.
func New(all, failed int) *Buffer {
	b := &Buffer{}
	for i := range b.all {
		b.all[i].reserve(all / shards)
		b.failed[i].reserve(failed / shards)
	}
	return b
}

func (b *Buffer) shard(call uint64) uint64 { return call % shards }

// Note keeps a copy of a message of a call that has failed, or not.
func (b *Buffer) Note(m *Message, failed bool) {
	if b == nil {
		return
	}
	r := &b.all[b.shard(m.Call)]
	if failed {
		r = &b.failed[b.shard(m.Call)]
	}
	r.add(m)
}

// Fail saves the messages of a call that has failed from those of the others. Later ones are noted as failed.
func (b *Buffer) Fail(call uint64) {
	if b == nil {
		return
	}
	i := b.shard(call)
	for _, m := range b.all[i].read(call, true) {
		b.failed[i].add(&m)
	}
}

// Read returns what is still there of a call's messages, oldest first.
func (b *Buffer) Read(call uint64) []Message {
	if b == nil {
		return nil
	}
	i := b.shard(call)
	out := append(b.failed[i].read(call, false), b.all[i].read(call, false)...)
	slices.SortStableFunc(out, func(a, b Message) int { return a.At.Compare(b.At) })
	return out
}

// ring is a queue of messages in one piece of memory: a new one takes the place of the oldest. A message never wraps around the
// end of the memory: what is left there is skipped.
type ring struct {
	mu         sync.Mutex
	memory     []byte
	head, tail uint64 // bytes ever written and ever given up; memory is indexed by their remainder
}

// Layout of an entry: total length, call, time, leg and flags, transport, side, two addresses, data.
const (
	lengthAt    = 0
	callAt      = 4
	timeAt      = 12
	legAt       = 20
	flagsAt     = 21
	transportAt = 22
	sideAt      = 23 // length of the side's name, which stands behind the addresses
	localAt     = 24
	remoteAt    = 42
	headSize    = 60

	flagSent  = 1
	flagMoved = 2 // copied to the ring of calls that failed
	flagSkip  = 4 // rest of the memory
)

func (r *ring) reserve(n int) {
	if n < 4096 {
		return
	}
	r.memory = make([]byte, n)
	for i := 0; i < n; i += 4096 {
		r.memory[i] = 1
	}
}

// round is what an entry takes: a multiple of 8, and of no length that leaves no room for a header of 8 at the end.
func round(n int) int { return (n + 7) &^ 7 }

func (r *ring) add(m *Message) {
	size := uint64(len(r.memory))
	need := uint64(round(headSize + len(m.Side) + len(m.Data)))
	if need > size/2 || len(m.Side) > 255 {
		return // no ring, or a message that would push out all others
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.head % size
	if rest := size - at; rest < need {
		r.make(rest)
		if rest >= 8 {
			binary.LittleEndian.PutUint32(r.memory[at:], uint32(rest))
			if rest > flagsAt {
				r.memory[at+flagsAt] = flagSkip
			}
		}
		r.head += rest
		at = 0
	}
	r.make(need)
	e := r.memory[at : at+need]
	binary.LittleEndian.PutUint32(e[lengthAt:], uint32(headSize+len(m.Side)+len(m.Data)))
	binary.LittleEndian.PutUint64(e[callAt:], m.Call)
	binary.LittleEndian.PutUint64(e[timeAt:], uint64(m.At.UnixNano()))
	e[legAt], e[flagsAt], e[transportAt], e[sideAt] = m.Leg, 0, byte(m.Transport), byte(len(m.Side))
	if m.Sent {
		e[flagsAt] = flagSent
	}
	putAddr(e[localAt:], m.Local)
	putAddr(e[remoteAt:], m.Remote)
	copy(e[headSize:], m.Side)
	copy(e[headSize+len(m.Side):], m.Data)
	r.head += need
}

// make gives up the oldest entries until there is room for n bytes.
func (r *ring) make(n uint64) {
	for size := uint64(len(r.memory)); r.head+n-r.tail > size; {
		r.tail += r.step(r.tail % size)
	}
}

// step returns how far it is from an entry to the next.
func (r *ring) step(at uint64) uint64 {
	rest := uint64(len(r.memory)) - at
	if rest < headSize {
		return rest
	}
	return min(uint64(round(int(binary.LittleEndian.Uint32(r.memory[at:])))), rest)
}

func (r *ring) read(call uint64, move bool) (out []Message) {
	size := uint64(len(r.memory))
	if size == 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for pos := r.tail; pos < r.head; {
		at := pos % size
		step := r.step(at)
		pos += step
		if step < headSize || r.memory[at+flagsAt]&(flagSkip|flagMoved) != 0 || binary.LittleEndian.Uint64(r.memory[at+callAt:]) != call {
			continue
		}
		e := r.memory[at : at+uint64(binary.LittleEndian.Uint32(r.memory[at:]))]
		out = append(out, message(e))
		if move {
			e[flagsAt] |= flagMoved
		}
	}
	return out
}

func message(e []byte) Message {
	n := int(e[sideAt])
	return Message{Call: binary.LittleEndian.Uint64(e[callAt:]), At: time.Unix(0, int64(binary.LittleEndian.Uint64(e[timeAt:]))), Leg: e[legAt],
		Sent: e[flagsAt]&flagSent != 0, Transport: sip.Transport(e[transportAt]), Side: string(e[headSize : headSize+n]),
		Local: getAddr(e[localAt:]), Remote: getAddr(e[remoteAt:]), Data: slices.Clone(e[headSize+n:])}
}

func putAddr(b []byte, a netip.AddrPort) {
	ip := a.Addr().As16()
	copy(b, ip[:])
	binary.LittleEndian.PutUint16(b[16:], a.Port())
}

func getAddr(b []byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[:16])).Unmap(), binary.LittleEndian.Uint16(b[16:]))
}
