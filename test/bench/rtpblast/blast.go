package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// end is one end of a stream: a socket connected to its relay port.
type end struct {
	fd       int
	ssrc     uint32
	sent     uint32
	recv     uint32
	failed   uint32 // writes that the kernel refused
	jitter   float64
	lastTran int64
}

// blast is the traffic of all streams.
type blast struct {
	options
	ends    []*end // A and B of stream 0, of stream 1, ...
	poll    int
	latency hist
	stop    atomic.Bool
}

// result is what is reported.
type result struct {
	Name       string  `json:"name"`
	Part       string  `json:"part"`
	Streams    int     `json:"streams"`
	Sent       uint64  `json:"sent"`
	Recv       uint64  `json:"recv"`
	SendErrors uint64  `json:"send_errors"`
	LostPct    float64 `json:"lost_pct"`
	Wall       float64 `json:"send_wall"`
	LatP50     float64 `json:"lat_p50_ms"`
	LatP99     float64 `json:"lat_p99_ms"`
	LatMax     float64 `json:"lat_max_ms"`
	JitterP50  float64 `json:"jitter_p50_ms"`
	JitterMax  float64 `json:"jitter_max_ms"`
	User       float64 `json:"relay_user_s"`
	System     float64 `json:"relay_sys_s"`
	PerMillion float64 `json:"cpu_s_per_mpkt"`
	Own        float64 `json:"blast_cpu_s"`
}

// open adds an end at port, whose relay port is peer.
func (b *blast) open(port, peer int) error {
	own, err := netip.ParseAddr(b.ip)
	if err != nil {
		return err
	}
	relay, err := netip.ParseAddr(b.relayIP)
	if err != nil {
		return err
	}
	if b.poll == 0 {
		if b.poll, err = unix.EpollCreate1(0); err != nil {
			return err
		}
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1<<18); err != nil {
		return err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: port, Addr: own.As4()}); err != nil {
		return fmt.Errorf("bind port %d: %w", port, err)
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: peer, Addr: relay.As4()}); err != nil {
		return fmt.Errorf("connect to port %d: %w", peer, err)
	}
	i := len(b.ends)
	b.ends = append(b.ends, &end{fd: fd, ssrc: uint32(i + 1)})
	return unix.EpollCtl(b.poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)})
}

// run sends and receives, and reports. Its receiving goroutine ends with it.
func (b *blast) run() (result, error) {
	var sink sync.WaitGroup
	var sinkErr error
	sink.Go(func() { sinkErr = b.receive() })
	b.warmUp()
	user, system := processCPU(b.pid)
	var before, after unix.Rusage
	unix.Getrusage(unix.RUSAGE_SELF, &before)
	start := time.Now()
	var source sync.WaitGroup
	source.Go(func() { b.sendAll(start) })
	source.Wait()
	wall := time.Since(start)
	time.Sleep(300 * time.Millisecond) // what is still under way
	user1, system1 := processCPU(b.pid)
	unix.Getrusage(unix.RUSAGE_SELF, &after)
	b.stop.Store(true)
	sink.Wait()
	r := b.sum()
	r.Wall, r.User, r.System = wall.Seconds(), user1-user, system1-system
	r.PerMillion = (r.User + r.System) / (float64(r.Recv) / 1e6)
	r.Own = seconds(after.Utime) - seconds(before.Utime) + seconds(after.Stime) - seconds(before.Stime)
	return r, sinkErr
}

// warmUp sends two packets each way, so that a relay that learns its peers' addresses has them, and forgets the counts.
func (b *blast) warmUp() {
	p := make([]byte, 12+b.payload)
	for range 2 {
		for _, e := range b.ends {
			e.fill(p)
			unix.Write(e.fd, p)
			time.Sleep(50 * time.Microsecond)
		}
		time.Sleep(250 * time.Millisecond)
	}
	for _, e := range b.ends {
		e.sent = 0
		atomic.StoreUint32(&e.recv, 0)
	}
	b.latency.reset.Store(true)
}

// fill writes the end's next packet: RTP, then when it was sent and its number.
func (e *end) fill(p []byte) {
	p[0], p[1] = 0x80, 8
	binary.BigEndian.PutUint16(p[2:], uint16(e.sent))
	binary.BigEndian.PutUint32(p[4:], e.sent*160)
	binary.BigEndian.PutUint32(p[8:], e.ssrc)
	binary.BigEndian.PutUint64(p[12:], uint64(now()))
	binary.BigEndian.PutUint32(p[20:], e.sent)
	e.sent++
}

// sendAll sends every packet at its time.
func (b *blast) sendAll(start time.Time) {
	runtime.LockOSThread()
	p := make([]byte, 12+b.payload)
	period := time.Second / time.Duration(b.pps)
	slots := max(1, int(period/time.Millisecond))
	for r := range int(b.secs * float64(b.pps)) {
		for s := range slots {
			at := start.Add(time.Duration(r)*period + time.Duration(s)*period/time.Duration(slots))
			if d := time.Until(at); d > 0 {
				time.Sleep(d)
			}
			for _, e := range b.ends[s*len(b.ends)/slots : (s+1)*len(b.ends)/slots] {
				e.fill(p)
				if _, err := unix.Write(e.fd, p); err != nil {
					e.failed++
				}
			}
		}
	}
}

// receive takes what comes until stop is set and nothing came for 0.2 s.
func (b *blast) receive() error {
	runtime.LockOSThread()
	events := make([]unix.EpollEvent, 512)
	buf := make([]byte, 2048)
	for {
		k, err := unix.EpollWait(b.poll, events, 200)
		if err != nil && err != unix.EINTR {
			return fmt.Errorf("epoll_wait: %w", err)
		}
		if k <= 0 && b.stop.Load() {
			return nil
		}
		for _, ev := range events[:max(k, 0)] {
			e := b.ends[ev.Fd]
			// One datagram a wake-up is the rule: a second read would mostly pay for EAGAIN.
			if n, err := unix.Read(e.fd, buf); err == nil && n >= 28 {
				b.took(e, buf[:n])
			}
		}
	}
}

func (b *blast) took(e *end, p []byte) {
	latency := now() - int64(binary.BigEndian.Uint64(p[12:]))
	b.latency.add(latency)
	if atomic.AddUint32(&e.recv, 1) == 1 {
		e.jitter, e.lastTran = 0, latency
		return
	}
	// RFC 3550 6.4.1
	e.jitter += (max(float64(latency-e.lastTran), float64(e.lastTran-latency)) - e.jitter) / 16
	e.lastTran = latency
}

func (b *blast) sum() result {
	r := result{Name: b.name, Part: b.part, Streams: b.streams, LatP50: b.latency.quantile(.5), LatP99: b.latency.quantile(.99), LatMax: float64(b.latency.max) / 1e6}
	var jitter []float64
	for _, e := range b.ends {
		r.Sent += uint64(e.sent)
		r.Recv += uint64(e.recv)
		r.SendErrors += uint64(e.failed)
		jitter = append(jitter, e.jitter/1e6)
	}
	slices.Sort(jitter)
	r.LostPct = 100 * (1 - float64(r.Recv)/float64(r.Sent))
	r.JitterP50, r.JitterMax = jitter[len(jitter)/2], jitter[len(jitter)-1]
	return r
}
