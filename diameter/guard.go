package diameter

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/fiorix/go-diameter/v4/diam"
	godict "github.com/fiorix/go-diameter/v4/diam/dict"

	"github.com/bifrons/bifrons/diameter/dict"
)

// guard is a net.Conn that stands between the socket and the codec. Its Read yields whole messages that the codec can
// read, one after the other; everything else it answers or drops by itself. Only a stream whose frames cannot be found
// any more ends the connection.
type guard struct {
	net.Conn
	br    *bufio.Reader
	dict  *dict.Dict
	limit int
	apps  []Application
	own   identity

	// reply sends an answer that the guard makes by itself.
	reply func(raw []byte)
	// refused is told of each message that does not reach the codec.
	refused func(reason string)
	// ignored is told how many unknown AVPs were cut off.
	ignored func(n int)
	// lost is told the hop-by-hop id of an answer that cannot be read: somebody waits for it.
	lost func(hopByHop uint32, code ResultCode)

	frame []byte // the message being handed out
	buf   []byte
	spare []byte
}

// identity is what every message of ours carries.
type identity struct {
	host, realm string
}

var errFraming = errors.New("the stream is no longer Diameter")

func newGuard(c net.Conn, d *dict.Dict, cfg *Config) *guard {
	return &guard{
		Conn: c, br: bufio.NewReaderSize(c, 32<<10), dict: d, limit: cfg.MaxMessage, apps: cfg.Applications,
		own:     identity{cfg.OriginHost, cfg.OriginRealm},
		reply:   func([]byte) {},
		refused: func(string) {},
		ignored: func(int) {},
		lost:    func(uint32, ResultCode) {},
	}
}

// Read implements net.Conn.
func (g *guard) Read(p []byte) (int, error) {
	if err := g.fill(); err != nil {
		return 0, err
	}
	n := copy(p, g.frame)
	g.frame = g.frame[n:]
	return n, nil
}

// next reads one message from the socket; it leaves frame empty when the message is not for the codec.
func (g *guard) next() error {
	head, err := g.br.Peek(headerLength)
	if err != nil {
		if errors.Is(err, io.EOF) && len(head) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	n := uint24(head[1:])
	switch {
	case head[0] != 1:
		g.refuse(head, UnsupportedVersion, nil, "version")
		return fmt.Errorf("version %d: %w", head[0], errFraming)
	case n < headerLength || n%4 != 0:
		// RFC 6733 3: the length counts the padding, so it is a multiple of 4.
		g.refuse(head, InvalidMessageLength, nil, "length")
		return fmt.Errorf("message length %d: %w", n, errFraming)
	case n > g.limit:
		g.refuse(head, InvalidMessageLength, nil, "too long")
		_, err := io.CopyN(io.Discard, g.br, int64(n))
		return err
	}
	if cap(g.buf) < n {
		g.buf = make([]byte, max(n, 4096))
	}
	msg := g.buf[:n]
	if _, err := io.ReadFull(g.br, msg); err != nil {
		return err
	}
	g.judge(msg)
	return nil
}

// judge decides what becomes of one whole message.
func (g *guard) judge(msg []byte) {
	request := msg[4]&flagRequest != 0
	app := binary.BigEndian.Uint32(msg[8:])
	code := uint32(uint24(msg[5:]))
	if !g.accepts(app) {
		g.refuse(msg, ApplicationUnsupported, nil, "application")
		return
	}
	if _, ok := g.dict.Command(app, code); !ok {
		g.refuse(msg, CommandUnsupported, nil, "command")
		return
	}
	if request && msg[4]&flagError != 0 {
		// RFC 6733 3: the E bit must not be set in a request.
		g.refuse(msg, InvalidHeaderBits, nil, "header bits")
		return
	}
	c := checker{dict: g.dict, app: app, strict: request}
	f := c.check(msg[headerLength:], 0)
	if f.code != 0 {
		g.refuse(msg, f.code, f.failed, "avp")
		return
	}
	if f.unknown > 0 {
		g.ignored(f.unknown)
		g.spare = append(g.spare[:0], msg[:headerLength]...)
		g.spare = c.cut(g.spare, msg[headerLength:])
		putUint24(g.spare[1:], len(g.spare))
		msg = g.spare
	}
	g.frame = msg
}

func (g *guard) accepts(app uint32) bool {
	if app == dict.Base {
		return true
	}
	for _, a := range g.apps {
		if a.ID == app {
			return true
		}
	}
	return false
}

// refuse answers a request that cannot be processed; an answer of that kind is reported to whoever waits for it.
func (g *guard) refuse(msg []byte, code ResultCode, failed []byte, reason string) {
	g.refused(reason)
	if msg[4]&flagRequest == 0 {
		g.lost(binary.BigEndian.Uint32(msg[12:]), code)
		return
	}
	g.reply(g.errorAnswer(msg, code, failed))
}

// errorAnswer builds the answer of RFC 6733 6.2 and 7.2 from the bytes alone: the codec could not have read the request.
func (g *guard) errorAnswer(msg []byte, code ResultCode, failed []byte) []byte {
	out := make([]byte, headerLength, 256+len(failed))
	copy(out, msg[:headerLength])
	out[0] = 1
	out[4] = msg[4] & flagProxiable
	if code.protocolError() {
		out[4] |= flagError
	}
	var proxies []byte
	for b := msg[headerLength:]; len(b) > 0; {
		a, rest, ok := nextAVP(b)
		if !ok {
			break
		}
		b = rest
		switch a.key {
		case dict.Key{Code: dict.SessionID}:
			out = appendAVP(out, dict.SessionID, avpMandatory, a.data)
		case dict.Key{Code: dict.ProxyInfo}:
			proxies = appendAVP(proxies, dict.ProxyInfo, avpMandatory, a.data)
		}
	}
	out = appendAVP(out, dict.ResultCode, avpMandatory, binary.BigEndian.AppendUint32(nil, uint32(code)))
	out = appendAVP(out, dict.OriginHost, avpMandatory, []byte(g.own.host))
	out = appendAVP(out, dict.OriginRealm, avpMandatory, []byte(g.own.realm))
	if failed != nil {
		out = appendAVP(out, dict.FailedAVP, avpMandatory, pad(failed, len(failed)))
	}
	out = append(out, proxies...)
	putUint24(out[1:], len(out))
	return out
}

// message returns the next message. An error means that the connection is over; a message on which the codec fails
// is refused like any other bad one.
func (g *guard) message(p *godict.Parser) (*diam.Message, error) {
	for {
		if err := g.fill(); err != nil {
			return nil, err
		}
		whole := g.frame
		m, err := decode(g, p)
		if err == nil {
			return m, nil
		}
		g.frame = nil
		g.refuse(whole, UnableToComply, nil, "codec")
	}
}

// fill waits until a message is there for the codec.
func (g *guard) fill() error {
	for len(g.frame) == 0 {
		if err := g.next(); err != nil {
			return err
		}
	}
	return nil
}

// decode runs the codec. It has been seen to panic on hostile bytes; the check before it leaves no known way, and an
// unknown one must not cost the process.
func decode(r io.Reader, p *godict.Parser) (m *diam.Message, err error) {
	defer func() {
		if v := recover(); v != nil {
			m, err = nil, fmt.Errorf("codec: %v", v)
		}
	}()
	m, err = diam.ReadMessage(r, p)
	if err == nil && m.DecodeErr != nil {
		err = m.DecodeErr
	}
	return m, err
}
