package sh

import (
	"context"
	"errors"
	"fmt"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/datatype"

	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/dict"
)

// Sender sends Diameter requests; a diameter.Endpoint is one.
type Sender interface {
	NewRequest(app, command uint32, to diameter.Route) *diam.Message
	Do(ctx context.Context, m *diam.Message) (*diam.Message, error)
}

// Client is the application server's side of Sh.
type Client struct {
	sender Sender
	to     diameter.Route
	// Trace is told each request and answer; nil for none. Set it before the first call.
	Trace func(m *diam.Message)
}

// NewClient returns a client that asks the HSS of this realm; a request may name another host.
func NewClient(s Sender, to diameter.Route) *Client { return &Client{sender: s, to: to} }

// Traced returns a client like this one whose requests and answers f is told.
func (c *Client) Traced(f func(m *diam.Message)) *Client { return &Client{c.sender, c.to, f} }

// request is what UDR, PUR and SNR have in common.
type request interface {
	check() error
	append(m *diam.Message) error
}

// do sends a request and returns the answer of a success; everything else is an *Error or an error of the transport.
func (c *Client) do(ctx context.Context, name string, command uint32, host string, q request) (*diam.Message, error) {
	if err := q.check(); err != nil {
		return nil, fmt.Errorf("%s not sent: %w", name, err)
	}
	to := c.to
	if host != "" {
		to.Host = host
	}
	m := c.sender.NewRequest(dict.Sh, command, to)
	if err := q.append(m); err != nil {
		// What the HSS would say, said here: the document would not be one.
		e := &Error{Experimental: true, Code: UserDataNotRecognized, Message: err.Error()}
		return nil, fmt.Errorf("%s not sent: %w", name, e)
	}
	c.trace(m)
	a, err := c.sender.Do(ctx, m)
	if err != nil {
		return nil, fmt.Errorf("send %s: %w", name, err)
	}
	c.trace(a)
	if e := resultOf(a); e != nil {
		e.FailedRepository = parseRepositoryDataID(a.AVP)
		e.FailedReference = optional[Reference](a.AVP, dict.DataReference)
		return nil, fmt.Errorf("%s: %w", name, e)
	}
	return a, nil
}

func (c *Client) trace(m *diam.Message) {
	if c.Trace != nil {
		c.Trace(m)
	}
}

// UDR reads data.
func (c *Client) UDR(ctx context.Context, q *UDR) (*UDA, error) {
	m, err := c.do(ctx, "UDR", dict.UserDataCommand, q.Host, q)
	if err != nil {
		return nil, err
	}
	a := &UDA{
		Host: diameter.Text(m.AVP, 0, dict.OriginHost), Wildcards: parseWildcards(m.AVP), Features: parseFeatures(m.AVP),
		XML: []byte(str(m.AVP, dict.UserData)), Data: new(Data),
	}
	if len(a.XML) > 0 {
		if a.Data, err = ParseData(a.XML); err != nil {
			return nil, fmt.Errorf("UDA from %s: %w", a.Host, err)
		}
	}
	return a, nil
}

// PUR writes data.
func (c *Client) PUR(ctx context.Context, q *PUR) (*PUA, error) {
	m, err := c.do(ctx, "PUR", dict.ProfileUpdate, q.Host, q)
	if err != nil {
		return nil, err
	}
	return &PUA{
		Host: diameter.Text(m.AVP, 0, dict.OriginHost), Wildcards: parseWildcards(m.AVP), Features: parseFeatures(m.AVP),
	}, nil
}

// SNR subscribes to notifications or ends a subscription.
func (c *Client) SNR(ctx context.Context, q *SNR) (*SNA, error) {
	m, err := c.do(ctx, "SNR", dict.SubscribeNotifications, q.Host, q)
	if err != nil {
		return nil, err
	}
	a := &SNA{
		Host: diameter.Text(m.AVP, 0, dict.OriginHost), Wildcards: parseWildcards(m.AVP), Features: parseFeatures(m.AVP),
		XML: []byte(str(m.AVP, dict.UserData)), Expiry: when(m.AVP, dict.ExpiryTime),
	}
	if len(a.XML) > 0 {
		if a.Data, err = ParseData(a.XML); err != nil {
			return nil, fmt.Errorf("SNA from %s: %w", a.Host, err)
		}
	}
	return a, nil
}

// NotifyFunc takes a notification in and says how it is answered: nil for 2001, or an *Error with a code that an
// application server may send (TS 29.328 6.1.4): user unknown, no subscription, data not recognised, too much data. It
// runs on the reader of the connection: it only notes what came.
type NotifyFunc func(n *PNR) error

// PNRHandler returns the Diameter handler that serves PNR.
func PNRHandler(f NotifyFunc) diameter.Handler {
	return func(r *diameter.Request) {
		n, err := ParsePNR(r.Message)
		if err == nil {
			err = f(n)
		}
		_ = r.Reply(Answer(r, err))
	}
}

// Answer returns the answer for an error of this package, for any other error UNABLE_TO_COMPLY, for nil a success.
func Answer(r *diameter.Request, err error) *diam.Message {
	if err == nil {
		return r.Answer(diameter.Success)
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return AnswerError(r, e)
	}
	a := r.Answer(diameter.UnableToComply)
	a.AVP = append(a.AVP, diam.NewAVP(dict.ErrorMessage, 0, 0, datatype.UTF8String(err.Error())))
	return a
}

// Command returns the handlers' key of a Sh command.
func Command(code uint32) diameter.Command { return diameter.Command{App: dict.Sh, Code: code} }
