package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/emiago/diago"
	"github.com/emiago/diago/media"
	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// PhoneConfig says who a phone is.
type PhoneConfig struct {
	User    string     // user part of its address, "alice"
	Domain  string     // of its address of record
	Addr    netip.Addr // where it listens; the port is any free one
	Product string     // its User-Agent and Server header
	Tone    float64    // what it plays when it talks, in Hz
	Log     *slog.Logger
}

// session is a call of diago's, as caller or as called.
type session interface {
	Context() context.Context
	Close() error
	Do(context.Context, *sip.Request) (*sip.Response, error)
	WriteRequest(*sip.Request) error
	WriteBye(context.Context, *sip.Request) error
	RemoteContact() *sip.ContactHeader
	RTPSession() *media.RTPSession
	PlaybackCreate() (diago.AudioPlayback, error)
	AudioWriterDTMF() (*diago.DTMFWriter, error)
}

// Phone is one independent user agent, good for one call.
type Phone struct {
	cfg      PhoneConfig
	ua       *sipgo.UserAgent
	dg       *diago.Diago
	rec      *recorder
	addr     netip.AddrPort
	incoming chan *diago.DialogServerSession
	ended    chan struct{} // the call is over
	done     chan struct{} // the phone is closing
	close    sync.Once
	wg       sync.WaitGroup
	ear      ear

	mu      sync.Mutex
	session session
	local   []byte // the session description sent last
	playing *tone
	played  chan struct{} // closed when playing has stopped
	holding bool          // this phone holds
	held    bool          // the other one holds
	busy    bool          // has or had its call
	closing bool          // nothing may start any more
	faults  []error
}

// NewPhone binds a phone's socket and makes it ready to call and be called.
func NewPhone(cfg PhoneConfig) (*Phone, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(cfg.Addr, 0)))
	if err != nil {
		return nil, fmt.Errorf("bind the phone of %s: %w", cfg.User, err)
	}
	p := &Phone{
		cfg:      cfg,
		rec:      &recorder{PacketConn: conn},
		addr:     conn.LocalAddr().(*net.UDPAddr).AddrPort(),
		incoming: make(chan *diago.DialogServerSession, 1),
		ended:    make(chan struct{}),
		done:     make(chan struct{}),
	}
	if err := p.start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the phone of %s: %w", cfg.User, err), conn.Close())
	}
	return p, nil
}

// start builds the user agent on the socket and waits until it reads it.
func (p *Phone) start() error {
	log := p.cfg.Log
	ua, err := sipgo.NewUA(
		sipgo.WithUserAgent(p.cfg.User),
		sipgo.WithUserAgentHostname(p.cfg.Domain),
		sipgo.WithUserAgentTransportLayerOptions(sip.WithTransportLayerLogger(log)),
		sipgo.WithUserAgentTransactionLayerOptions(sip.WithTransactionLayerLogger(log),
			sip.WithTransactionLayerUnhandledResponseHandler(func(*sip.Response) {})),
	)
	if err != nil {
		return err
	}
	server, err := sipgo.NewServer(ua, sipgo.WithServerLogger(log))
	if err != nil {
		return err
	}
	p.ua = ua
	p.dg = diago.NewDiago(ua,
		diago.WithLogger(log),
		diago.WithServer(server),
		diago.WithServerRequestMiddleware(p.watch),
		diago.WithTransport(diago.Transport{Transport: "udp", BindHost: p.addr.Addr().String(), BindPort: int(p.addr.Port())}),
	)
	p.dg.HandleFunc(p.serve)
	p.wg.Go(func() {
		defer p.rescue("reading SIP")
		if err := server.ServeUDP(p.rec); err != nil && !errors.Is(err, net.ErrClosed) {
			p.fault(fmt.Errorf("read SIP: %w", err))
		}
	})
	// sipgo registers the socket in that goroutine; a request sent before would bind it again.
	for deadline := time.Now().Add(2 * time.Second); ; {
		if ua.TransportLayer().Pool("udp").Get(p.addr.String()) != nil {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.New("sipgo did not take the socket")
		}
		<-time.After(time.Millisecond)
	}
}

// watch stands before diago's handlers: it catches their panics, names the
// product in responses, and notes whether the other phone holds.
func (p *Phone) watch(next sipgo.RequestHandler) sipgo.RequestHandler {
	return func(req *sip.Request, tx sip.ServerTransaction) {
		defer p.rescue("handling " + req.Method.String())
		if req.Method == sip.ACK {
			next(req, tx)
			return
		}
		if !req.IsInvite() || req.To() == nil || !req.To().Params.Has("tag") {
			next(req, &answers{ServerTransaction: tx, phone: p})
			return
		}
		// Silent while the session changes: diago would drop packets unseen.
		p.mute()
		next(req, &answers{ServerTransaction: tx, phone: p})
		p.obey(direction(string(req.Body())))
	}
}

// answers is a server transaction whose responses carry the product's name.
type answers struct {
	sip.ServerTransaction
	phone *Phone
}

// Respond sends the response with a Server header.
func (a *answers) Respond(res *sip.Response) error {
	if res.GetHeader("Server") == nil {
		res.AppendHeader(sip.NewHeader("Server", a.phone.cfg.Product))
	}
	if body := res.Body(); len(body) > 0 {
		a.phone.mu.Lock()
		a.phone.local = body
		a.phone.mu.Unlock()
	}
	return a.ServerTransaction.Respond(res)
}

// serve is diago's handler of one incoming call; the call ends when it returns.
func (p *Phone) serve(d *diago.DialogServerSession) {
	p.mu.Lock()
	busy := p.busy
	p.busy = true
	p.mu.Unlock()
	if busy {
		if err := d.Respond(sip.StatusBusyHere, "Busy Here", nil); err != nil {
			p.fault(fmt.Errorf("refuse a second call: %w", err))
		}
		return
	}
	p.incoming <- d // has room for the only one
	select {
	case <-d.Context().Done():
	case <-p.done:
	}
}

// Addr is where the phone listens for SIP.
func (p *Phone) Addr() netip.AddrPort { return p.addr }

// Messages returns every SIP message that passed the phone's socket, in order.
func (p *Phone) Messages() []Message { return p.rec.all() }

// Ended is closed when the phone's call is over.
func (p *Phone) Ended() <-chan struct{} { return p.ended }

// Err returns what went wrong inside the phone, such as a library's panic.
func (p *Phone) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return errors.Join(p.faults...)
}

// Close drops the call, if there is one, and releases the sockets.
func (p *Phone) Close() error {
	var err error
	p.close.Do(func() {
		close(p.done)
		p.mu.Lock()
		p.closing = true
		s := p.session
		p.mu.Unlock()
		p.mute()
		if s != nil {
			err = s.Close()
		}
		err = errors.Join(err, p.ua.Close(), p.rec.Close())
		p.wg.Wait()
	})
	return err
}

// fault keeps an error that has no caller to go to.
func (p *Phone) fault(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, fmt.Errorf("phone of %s: %w", p.cfg.User, err))
}

// rescue turns a panic of the libraries into a fault; call it deferred.
func (p *Phone) rescue(doing string) {
	if v := recover(); v != nil {
		p.fault(fmt.Errorf("panic while %s: %v", doing, v))
	}
}

// QuietLibraries sends the logs of sipgo and diago, which both keep in globals,
// to the logger. Call it once, before the first phone.
func QuietLibraries(log *slog.Logger) {
	sip.SetDefaultLogger(log)
	media.SetDefaultLogger(log)
}
