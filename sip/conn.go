package sip

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// conn is one connection of Streams. One goroutine reads it; another writes as long as something waits.
type conn struct {
	s *Streams
	link
	names    []string // of its certificate; set before it is read
	accepted bool     // guarded by s.mu
	frame    frame
	wrote    atomic.Int64 // when, in nanoseconds since 1970

	mu      sync.Mutex
	nc      net.Conn // nil while it is dialed
	up      bool     // the reader may write to it
	waiting [][]byte
	size    int // of them, and of what is being written
	writing bool
	last    bool // our half ends as soon as all is written
	over    bool

	swallowed bool // nobody reads any more
}

// dial makes the connection, from the listener's address so that the peer knows who it is.
func (c *conn) dial() {
	d := net.Dialer{Timeout: c.s.cfg.Dial, LocalAddr: &net.TCPAddr{IP: c.s.Local.Addr().AsSlice()}}
	nc, err := d.DialContext(c.s.ctx, "tcp", c.peer.String())
	if err != nil {
		c.close()
		return
	}
	bound(nc, c.s.cfg.Unacked)
	c.mu.Lock()
	c.nc = nc
	over := c.over
	c.mu.Unlock()
	if over {
		_ = nc.Close()
		return
	}
	if c.s.cfg.TLS != nil {
		cfg := c.s.cfg.TLS.Clone()
		if cfg.ServerName = c.peer.Addr().String(); c.name != "" {
			cfg.ServerName = c.name
		} else if c.s.cfg.Name != nil && c.s.cfg.Name(c.peer) != "" {
			cfg.ServerName = c.s.cfg.Name(c.peer)
		}
		want, chain := cfg.ServerName, cfg.VerifyConnection
		cfg.VerifyConnection = func(s tls.ConnectionState) error { // whose ServerName is empty for an address
			if chain != nil {
				if err := chain(s); err != nil {
					return err
				}
			}
			return proves(s.PeerCertificates[0], want)
		}
		c.handshake(tls.Client(nc, cfg))
	}
	c.start()
}

// handshake makes the connection a secure one, or ends it.
func (c *conn) handshake(t *tls.Conn) {
	_ = t.SetDeadline(time.Now().Add(c.s.cfg.Message))
	if err := t.HandshakeContext(c.s.ctx); err != nil {
		if c.s.ctx.Err() == nil {
			c.s.Unproved.Add(1)
			if c.s.cfg.Failed != nil {
				c.s.cfg.Failed(c.peer, err)
			}
		}
		c.close()
		return
	}
	_ = t.SetDeadline(time.Time{})
	if proved := t.ConnectionState().PeerCertificates; len(proved) > 0 { // the handshake has verified it
		c.names = certificateNames(proved[0])
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nc = t
}

// start lets what waits be written, and starts to read.
func (c *conn) start() {
	c.mu.Lock()
	c.up = true
	c.mu.Unlock()
	c.s.ready(c)
	c.flush()
	c.run()
}

// run starts a reader; it ends with the connection, or after the message at hand when it was retired.
func (c *conn) run() {
	c.s.threads.Add(1)
	go func() {
		r := &Reader{}
		r.replace = func() { c.replace(r) }
		if c.read(r) {
			c.s.threads.Done()
		}
	}()
}

// replace lets another goroutine go on with the stream of a reader that hangs in its handler.
func (c *conn) replace(r *Reader) {
	if !r.state.CompareAndSwap(handling, retired) {
		return
	}
	rest := c.frame.buf[c.frame.start:] // the old reader keeps the buffer that its message is in
	c.frame.buf, c.frame.start = append([]byte(nil), rest...), 0
	c.run()
	c.s.threads.Done()
}

// read hands messages over until the connection ends; it returns false when it was retired.
func (c *conn) read(r *Reader) bool {
	var m Message
	for {
		b, err := c.message()
		if b == nil {
			c.close()
			return true
		}
		parsed := m.Parse(b)
		if pe := (*ParseError)(nil); errors.As(err, &pe) && (parsed == nil || pe.Status != 400) { // else the parser knows better
			parsed = pe
		}
		c.s.Received.Add(1)
		m.Source, m.Names, m.User = c.peer, c.names, ""
		r.state.Store(handling)
		c.s.handler(r, &m, parsed)
		if !r.state.CompareAndSwap(handling, reading) {
			return false
		}
		if err != nil { // what follows cannot be told apart
			c.finish()
			c.swallow()
			return true
		}
	}
}

// message returns the next message of the stream; nil at its end. With an error the message is the last.
func (c *conn) message() ([]byte, error) {
	begun := time.Time{}
	for {
		b, pings, err := c.frame.next()
		if pings > 0 {
			c.s.KeepAlives.Add(uint64(pings))
			_ = c.queue([]byte("\r\n")) // RFC 5626 4.4.1: one pong for them all
		}
		if b != nil || err != nil {
			return b, err
		}
		now := time.Now()
		deadline := now.Add(c.s.cfg.Idle)
		if c.frame.partial() {
			if begun.IsZero() {
				begun = now
			}
			deadline = begun.Add(c.s.cfg.Message)
		}
		_ = c.nc.SetReadDeadline(deadline)
		n, err := c.nc.Read(c.frame.room())
		c.frame.filled(n)
		if n > 0 || err == nil {
			continue
		}
		switch {
		case c.frame.partial():
			c.s.Lost.Add(1)
			return c.frame.rest(), errShort
		case errors.Is(err, os.ErrDeadlineExceeded) && time.Since(time.Unix(0, c.wrote.Load())) < c.s.cfg.Idle:
			continue
		}
		return nil, err
	}
}

// queue puts bytes behind what waits already.
func (c *conn) queue(b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.over || c.last:
		return net.ErrClosed
	case c.size+len(b) > c.room():
		return ErrFull
	}
	c.waiting = append(c.waiting, append([]byte(nil), b...))
	c.count(len(b))
	c.spur()
	return nil
}

// room returns how much may wait for the peer.
func (c *conn) room() int {
	if c.s.waiting.Load() > int64(c.s.cfg.Queues) {
		return c.s.cfg.Queue / 16
	}
	return c.s.cfg.Queue
}

// count notes that so many bytes more, or less, wait or are being written; c.mu is held.
func (c *conn) count(n int) {
	c.size += n
	c.s.waiting.Add(int64(n))
}

// spur has what waits written, unless somebody does so; c.mu is held.
func (c *conn) spur() {
	if c.up && !c.writing && !c.over && len(c.waiting) > 0 {
		c.writing = true
		c.s.threads.Go(c.write)
	}
}

func (c *conn) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spur()
}

// write writes until nothing waits.
func (c *conn) write() {
	for {
		c.mu.Lock()
		if c.over || len(c.waiting) == 0 {
			c.writing = false
			last := c.last
			c.mu.Unlock()
			if last {
				c.shut()
			}
			return
		}
		all, size := net.Buffers(c.waiting), c.size
		c.waiting = nil
		nc := c.nc
		c.mu.Unlock()
		messages := len(all)
		_ = nc.SetWriteDeadline(time.Now().Add(c.s.cfg.Write))
		if _, err := all.WriteTo(nc); err != nil {
			c.mu.Lock()
			over := c.over
			if !over {
				c.waiting = append(all, c.waiting...) // what is left of them was not delivered
			}
			c.mu.Unlock()
			abort(nc)
			if over { // the reader has found the end first, and told of what waited
				c.undelivered(all)
				return
			}
			c.close()
			return
		}
		c.mu.Lock()
		if !c.over {
			c.count(-size)
		}
		c.mu.Unlock()
		c.wrote.Store(time.Now().UnixNano())
		c.s.Sent.Add(uint64(messages))
	}
}

// finish ends our half of the connection as soon as what waits is written.
func (c *conn) finish() {
	c.mu.Lock()
	c.last = true
	done := !c.writing && len(c.waiting) == 0
	c.mu.Unlock()
	if done {
		c.shut()
	}
}

// shut ends our half of the connection, and the other one if nobody reads it any more.
func (c *conn) shut() {
	c.mu.Lock()
	read := c.swallowed
	c.mu.Unlock()
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok && !read {
		_ = half.CloseWrite()
		return
	}
	c.close()
}

// swallow reads on for a moment, for a connection closed with something unread is reset, and the peer would lose our answer.
func (c *conn) swallow() {
	_ = c.nc.SetReadDeadline(time.Now().Add(time.Second))
	_, _ = io.CopyN(io.Discard, c.nc, maxHead+maxBody)
	c.mu.Lock()
	c.swallowed = true
	done := !c.writing && len(c.waiting) == 0
	c.mu.Unlock()
	if done {
		c.close()
	}
}

// close ends the connection; what was not written is told.
func (c *conn) close() {
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return
	}
	c.over = true
	nc, left := c.nc, c.waiting
	c.waiting = nil
	c.count(-c.size)
	c.mu.Unlock()
	if nc != nil {
		_ = nc.Close()
	}
	c.s.forget(c)
	c.undelivered(left)
}

// undelivered tells of messages that the connection has ended before.
func (c *conn) undelivered(left [][]byte) {
	if len(left) == 0 {
		return
	}
	c.s.Lost.Add(1)
	c.s.SendErrors.Add(uint64(len(left)))
	if c.s.refused == nil || c.s.ctx.Err() != nil {
		return
	}
	for _, b := range left {
		if len(b) > 2 {
			c.s.refused(c.peer, b)
		}
	}
}
