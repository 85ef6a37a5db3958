package media

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bifrons/bifrons/media/codec"
)

// BenchmarkPlayers plays to 500 parties for some seconds: by a relay; to compare with, by a goroutine with a ticker for each
// party that has its packets ready; and, as the floor, by a thread that does nothing but sleep and send. All send through a socket for each party. What is measured is the CPU
// time of the process for a packet, without the thread that receives, and how late packets are: by the kernel's time of
// arrival against the party's own schedule, which its earliest packet tells.
//
// What is sent over the loopback interface the kernel also receives, at the cost of who sends. PLAYERS_TO=address:port has them
// sent there instead, where nobody hears them, to an address behind an interface that takes packets and drops them (ifb, dummy):
// as root, docs/performance.md says how.
func BenchmarkPlayers(b *testing.B) {
	const parties, lasts = 500, 5 * time.Second
	for _, way := range []struct {
		name string
		play func(b *testing.B, to *audience, stop <-chan struct{}) (wait func())
	}{{"relay", playByRelay}, {"goroutine-and-ticker", playByTickers}, {"system-calls-alone", playBare}} {
		b.Run(way.name, func(b *testing.B) {
			for b.Loop() {
				e := newAudience(b, parties)
				stop := make(chan struct{})
				wait := way.play(b, e, stop)
				<-time.After(500 * time.Millisecond) // all have begun
				e.listen(lasts)
				close(stop)
				wait()
				_ = unix.Close(e.fd)
				e.report(b, lasts)
			}
		})
	}
}

// audience is a socket that hears all parties, told apart by the SSRC they are sent. Go's poller does not know it: it would
// wake up for every packet, at the cost of who sends.
type audience struct {
	parties int
	fd      int
	at      netip.AddrPort
	from    netip.Addr // who plays
	away    bool       // nobody hears it: packets are counted where they are sent
	sent    func() int
	heard   map[uint32]*schedule
	lags    []float64 // ms
	cpu     time.Duration
	packets int
}

// schedule is when a party's packets came: against their timestamps, in ns.
type schedule struct {
	first uint32
	offs  []int64
}

func newAudience(b *testing.B, parties int) *audience {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		b.Fatal(err)
	}
	if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20); err != nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20)
	}
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	}
	e := &audience{parties: parties, fd: fd, at: netip.AddrPortFrom(loopback, 0), from: loopback, heard: map[uint32]*schedule{}}
	if to := os.Getenv("PLAYERS_TO"); err == nil && to != "" {
		e.away = true
		e.at, err = netip.ParseAddrPort(to)
		if err == nil {
			err = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TRANSPARENT, 1) // the parties' own packets come from there
		}
		if err == nil {
			e.from, err = nearest(e.at)
		}
	}
	if err == nil {
		err = unix.Bind(fd, address(e.at))
	}
	if err != nil {
		b.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		b.Fatal(err)
	}
	e.at = netip.AddrPortFrom(e.at.Addr(), uint16(name.(*unix.SockaddrInet4).Port))
	return e
}

// nearest is our address on the way to another one.
func nearest(to netip.AddrPort) (netip.Addr, error) {
	c, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return netip.Addr{}, err
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Addr(), nil
}

func used(who int) time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(who, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// listen hears for so long. It reads what has piled up every 50 ms, so that it disturbs nobody.
func (e *audience) listen(lasts time.Duration) {
	runtime.LockOSThread() // whose time is taken off
	defer runtime.UnlockOSThread()
	buf, oob := make([]byte, 2048), make([]byte, 128)
	var mine time.Duration
	drain := func(keep bool) {
		before := used(unix.RUSAGE_THREAD)
		for {
			n, o, _, _, err := unix.Recvmsg(e.fd, buf, oob, unix.MSG_DONTWAIT)
			if err != nil {
				break
			}
			if keep {
				e.take(buf[:n], oob[:o])
			}
		}
		mine += used(unix.RUSAGE_THREAD) - before
	}
	drain(false)
	mine = 0
	before := e.sent()
	begin := used(unix.RUSAGE_SELF)
	for end := time.Now().Add(lasts); time.Until(end) > 0; drain(true) {
		<-time.After(50 * time.Millisecond)
	}
	e.cpu = used(unix.RUSAGE_SELF) - begin - mine
	if e.away {
		e.packets = e.sent() - before
	}
}

func (e *audience) take(p, oob []byte) {
	m, err := unix.ParseSocketControlMessage(oob)
	if err != nil || len(m) == 0 || len(p) < rtpFixed {
		return
	}
	var at int64
	if len(m[0].Data) >= 16 {
		at = int64(binary.NativeEndian.Uint64(m[0].Data))*1e9 + int64(binary.NativeEndian.Uint64(m[0].Data[8:]))
	}
	stamp, ssrc := binary.BigEndian.Uint32(p[4:]), binary.BigEndian.Uint32(p[8:])
	s := e.heard[ssrc]
	if s == nil {
		s = &schedule{first: stamp}
		e.heard[ssrc] = s
	}
	s.offs = append(s.offs, at-int64(int32(stamp-s.first))*125000)
	e.packets++
}

func (e *audience) report(b *testing.B, lasts time.Duration) {
	for _, s := range e.heard {
		first := slices.Min(s.offs)
		for _, o := range s.offs {
			e.lags = append(e.lags, float64(o-first)/1e6)
		}
	}
	if want := e.parties * int(lasts/(20*time.Millisecond)); e.packets < want*9/10 || len(e.heard) != e.parties && !e.away {
		b.Fatalf("%d packets of %d parties were heard, want %d", e.packets, len(e.heard), want)
	}
	slices.Sort(e.lags)
	b.ReportMetric(float64(e.cpu.Microseconds())/float64(e.packets), "µs-cpu/packet")
	b.ReportMetric(0, "ns/op")
	if e.away {
		return
	}
	b.ReportMetric(e.lags[len(e.lags)/2], "ms-late-p50")
	b.ReportMetric(e.lags[len(e.lags)*99/100], "ms-late-p99")
	b.ReportMetric(e.lags[len(e.lags)-1], "ms-late-max")
}

func playByRelay(b *testing.B, to *audience, stop <-chan struct{}) func() {
	cfg := DefaultConfig()
	cfg.Quarantine, cfg.Min, cfg.Max, cfg.Prompts = 0, 20000, 60000, fakePrompts{}
	r, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	var ports []PortID
	to.sent = func() (n int) {
		for _, p := range ports {
			n += int(r.Stats(p).Sent.Packets)
		}
		return n
	}
	for i := range to.parties {
		p, err := r.Open(Place{Call: uint64(i + 1), Local: to.from})
		if err != nil {
			b.Fatal(err)
		}
		ports = append(ports, p.ID)
		at := to.at
		r.Do(Remote{Port: p.ID, RTP: at, RTCP: at, Send: true, Quiet: true, Clock: 8000, Formats: []codec.Format{pcma}})
		r.Do(Play{Port: p.ID, ID: 1, Items: files("a2000"), Repeat: -1})
		if err := unix.Sendto(to.fd, binary.BigEndian.AppendUint64([]byte{0x80, 8, 0, 1}, uint64(i)), 0, address(p.Local)); err != nil { // it speaks, too
			b.Fatal(err)
		}
		<-time.After(20 * time.Millisecond / time.Duration(to.parties)) // callers do not come all at once
	}
	return func() { <-stop; r.Shutdown() }
}

func playByTickers(b *testing.B, to *audience, stop <-chan struct{}) func() {
	var all sync.WaitGroup
	var sent atomic.Int64
	to.sent = func() int { return int(sent.Load()) }
	for i := range to.parties {
		conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(to.at))
		if err != nil {
			b.Fatal(err)
		}
		all.Go(func() { // ends with stop
			defer conn.Close()
			packet := append([]byte{0x80, 8, 0, 0, 0, 0, 0, 0, 0, 0, byte(i >> 8), byte(i)}, bytes.Repeat([]byte{'a'}, 160)...)
			begun := time.Now()
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				case <-tick.C:
				}
				// A ticker drops what it is late for: the timestamp tells the slot.
				slot := uint32(time.Since(begun) / (20 * time.Millisecond))
				binary.BigEndian.PutUint16(packet[2:], uint16(n))
				binary.BigEndian.PutUint32(packet[4:], slot*160)
				_, _ = conn.Write(packet)
				sent.Add(1)
			}
		})
		<-time.After(20 * time.Millisecond / time.Duration(to.parties))
	}
	return all.Wait
}

// playBare sends what is due in a millisecond, and sleeps for the next one: two bare system calls.
func playBare(b *testing.B, to *audience, stop <-chan struct{}) func() {
	fds := make([]int32, to.parties)
	for i := range fds {
		fd, err := newSocket(netip.AddrPortFrom(to.from, 0), 0)
		if err == nil {
			err = connect(int32(fd), to.at)
		}
		if err != nil {
			b.Fatal(err)
		}
		fds[i] = int32(fd)
	}
	var all sync.WaitGroup
	var count atomic.Int64
	to.sent = func() int { return int(count.Load()) }
	all.Go(func() { // ends with stop
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		packet := append([]byte{0x80, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, bytes.Repeat([]byte{'a'}, 160)...)
		begun := time.Now()
		for sent := 0; ; {
			select {
			case <-stop:
				return
			default:
			}
			for due := int(time.Since(begun)*time.Duration(to.parties)/(20*time.Millisecond)) + 1; sent < due; sent++ {
				i, n := sent%to.parties, sent/to.parties
				binary.BigEndian.PutUint16(packet[2:], uint16(n))
				binary.BigEndian.PutUint32(packet[4:], uint32(n)*160)
				binary.BigEndian.PutUint32(packet[8:], uint32(i))
				send(fds[i], packet)
			}
			count.Store(int64(sent))
			_ = unix.Nanosleep(&unix.Timespec{Nsec: 1e6}, nil)
		}
	})
	return func() {
		all.Wait()
		for _, fd := range fds {
			_ = unix.Close(int(fd))
		}
	}
}

// BenchmarkMixer mixes one round (20 ms) of a room of 32 parties that all speak, beyond packet I/O: 200 µs are 1 % of a core.
func BenchmarkMixer(b *testing.B) {
	for _, f := range []codec.Format{pcma, {Codec: codec.G722, Type: 9}} {
		b.Run(f.Codec, func(b *testing.B) {
			cfg := DefaultConfig()
			cfg.Quarantine, cfg.Min, cfg.Max = 0, 20000, 60000
			r, err := New(cfg, slog.New(slog.DiscardHandler))
			if err != nil {
				b.Fatal(err)
			}
			defer r.Shutdown()
			for range maxRoom {
				p, err := r.Open(Place{Call: 1, Local: loopback})
				if err != nil {
					b.Fatal(err)
				}
				r.Do(Remote{Port: p.ID, RTP: netip.AddrPortFrom(loopback, 9), RTCP: netip.AddrPortFrom(loopback, 9), Send: true, Clock: 8000, Formats: []codec.Format{f}})
				r.Do(Enter{Port: p.ID, Room: 1})
			}
			speech := make([][]byte, maxRoom) // a second of each
			for i := range speech {
				pcm, noise := make([]int16, f.SampleRate()), rand.New(rand.NewPCG(1, uint64(i)))
				for j := range pcm {
					at := 2 * math.Pi * float64(j) / float64(f.SampleRate())
					pcm[j] = int16(1500*math.Sin(float64(200+37*i)*at) + 500*math.Sin(float64(1900+53*i)*at) + 100*noise.NormFloat64())
				}
				e, err := f.NewEncoder()
				if err != nil {
					b.Fatal(err)
				}
				speech[i] = e.Encode(nil, pcm)
			}
			r.mu.Lock() // the relay's own thread waits
			defer r.mu.Unlock()
			m, t := r.rooms[1], r.threads[0]
			var out []delivery
			stamp, sent, rounds := uint32(0), 0, 0
			for b.Loop() {
				t.parcel.reset()
				t.agenda = t.agenda[:0]
				at := int(stamp) % 8000
				for i, s := range m.seats {
					s.take(f, stamp, speech[i][at:at+160])
				}
				out = r.mix(t, m, m.clock, out[:0])
				stamp += 160
				sent += len(out)
				rounds++
			}
			if want := maxRoom * (rounds - 1); sent < want {
				b.Fatalf("%d packets, want %d", sent, want)
			}
			b.ReportMetric(float64(b.Elapsed())/float64(rounds)/20e6*100, "%-of-a-core")
		})
	}
}
