package diameter

import (
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"time"
)

var (
	errTooLong  = errors.New("message longer than Diameter can say")
	errStuck    = errors.New("peer does not read")
	errLinkDown = errors.New("connection is closed")
)

// outbox gathers what is to be written to one connection. Senders never wait for the socket; one goroutine writes, and
// what gathered meanwhile leaves in one write.
type outbox struct {
	mu     sync.Mutex
	buf    []byte
	limit  int
	closed bool
	wake   chan struct{}
}

func newOutbox(limit int) *outbox {
	return &outbox{limit: limit, wake: make(chan struct{}, 1)}
}

// put appends a message as it is.
func (o *outbox) put(raw []byte) error { return o.append(raw, 0, false, false) }

// request appends a request with its own hop-by-hop id, and the T bit if it was sent before.
func (o *outbox) request(raw []byte, hop uint32, again bool) error {
	return o.append(raw, hop, true, again)
}

func (o *outbox) append(raw []byte, hop uint32, patch, again bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return errLinkDown
	}
	if len(o.buf)+len(raw) > o.limit {
		return errStuck
	}
	at := len(o.buf)
	o.buf = append(o.buf, raw...)
	if patch {
		binary.BigEndian.PutUint32(o.buf[at+12:], hop)
		if again {
			o.buf[at+4] |= flagRetransmitted
		}
	}
	select {
	case o.wake <- struct{}{}:
	default:
	}
	return nil
}

// run writes until the connection fails or the outbox is closed and empty.
func (o *outbox) run(c net.Conn, timeout time.Duration) error {
	var spare []byte
	for range o.wake {
		o.mu.Lock()
		out := o.buf
		o.buf = spare[:0]
		closed := o.closed
		o.mu.Unlock()
		if closed {
			timeout = min(timeout, flushTimeout)
		}
		if len(out) > 0 {
			if err := c.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
				return err
			}
			if _, err := c.Write(out); err != nil {
				return err
			}
		}
		if closed {
			return errLinkDown
		}
		// A burst must not keep its memory for ever.
		if cap(out) > 256<<10 {
			out = nil
		}
		spare = out
	}
	return nil
}

// close lets the writer send what is there and end.
func (o *outbox) close() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default:
	}
}
