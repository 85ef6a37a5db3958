package diameter

import (
	"errors"
	"sync/atomic"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/datatype"

	"github.com/bifrons/bifrons/diameter/dict"
)

// Command names a request of an application.
type Command struct {
	App  uint32
	Code uint32
}

// Handler serves a request. It runs on the reader of the connection: it answers from memory, or keeps the Request and
// replies later from another goroutine. It must not block.
type Handler func(r *Request)

// Handlers says who serves which request.
type Handlers map[Command]Handler

// Request is a request of a peer. Its answer goes back over the connection it came on (RFC 6733 6.2).
type Request struct {
	Message *diam.Message
	// Peer is the Origin-Host of the neighbour that the request came through.
	Peer string

	link    *link
	replied atomic.Bool
}

var errReplied = errors.New("request is already answered")

// Answer returns an answer with a Result-Code and all that is copied from the request: ids, P bit, Session-Id,
// application, Proxy-Info in order. The caller may append AVPs and then gives it to Reply.
func (r *Request) Answer(code ResultCode) *diam.Message {
	a := r.answer(code)
	Add(a, dict.ResultCode, datatype.Unsigned32(code))
	return r.complete(a)
}

// AnswerExperimental returns an answer with an Experimental-Result (RFC 6733 7.6).
func (r *Request) AnswerExperimental(vendor uint32, code ResultCode) *diam.Message {
	a := r.answer(Success)
	Add(a, dict.ExperimentalResult, &diam.GroupedAVP{AVP: []*diam.AVP{
		AVP(dict.VendorID, datatype.Unsigned32(vendor)),
		AVP(dict.ExperimentalResultCode, datatype.Unsigned32(code)),
	}})
	return r.complete(a)
}

func (r *Request) answer(code ResultCode) *diam.Message {
	a := answerHeader(r.Message, code)
	a.AVP = make([]*diam.AVP, 0, 10)
	if s := Find(r.Message.AVP, 0, dict.SessionID); s != nil {
		a.AVP = append(a.AVP, s)
	}
	return a
}

func (r *Request) complete(a *diam.Message) *diam.Message {
	a.AVP = append(a.AVP, r.link.e.appAVPs[r.Message.Header.ApplicationID]...)
	for _, p := range r.Message.AVP {
		if p.Code == dict.ProxyInfo && p.VendorID == 0 {
			a.AVP = append(a.AVP, p)
		}
	}
	return a
}

// Reply sends the answer; the first one counts. A nil answer drops the request.
func (r *Request) Reply(a *diam.Message) error {
	if !r.replied.CompareAndSwap(false, true) {
		return errReplied
	}
	r.link.incoming.Add(-1)
	if a == nil {
		return nil
	}
	raw, err := serialize(a)
	if err != nil {
		return err
	}
	return r.link.out.put(raw)
}

// Disconnect closes the connection that the request came on.
func (r *Request) Disconnect() { r.link.close(errors.New("closed by the handler")) }

// answerHeader returns an empty answer with the ids of the request.
func answerHeader(m *diam.Message, code ResultCode) *diam.Message {
	flags := m.Header.CommandFlags & flagProxiable
	if code.protocolError() {
		flags |= flagError
	}
	a := diam.NewMessage(m.Header.CommandCode, flags, m.Header.ApplicationID, 1, 1, m.Dictionary())
	a.Header.HopByHopID, a.Header.EndToEndID = m.Header.HopByHopID, m.Header.EndToEndID
	return a
}

// serve hands a request of a peer to its handler.
func (e *Endpoint) serve(l *link, m *diam.Message) {
	r := &Request{Message: m, Peer: l.peer.name(), link: l}
	name, _ := e.dict.Command(m.Header.ApplicationID, m.Header.CommandCode)
	e.metrics.received.WithLabelValues(name + "R").Inc()
	h := e.handlers[Command{m.Header.ApplicationID, m.Header.CommandCode}]
	busy := int(l.incoming.Add(1)) > e.cfg.MaxInFlight
	switch {
	case h == nil:
		_ = r.Reply(r.Answer(CommandUnsupported))
	case busy:
		_ = r.Reply(r.Answer(TooBusy))
	default:
		e.protect(h, r)
	}
}

// protect keeps a panic of a handler from ending the connection.
func (e *Endpoint) protect(h Handler, r *Request) {
	defer func() {
		if v := recover(); v != nil {
			e.log.Error("diameter handler panicked", "panic", v)
			_ = r.Reply(r.Answer(UnableToComply))
		}
	}()
	h(r)
}
