package ctl

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"

	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/dict"
	"github.com/bifrons/bifrons/diameter/sh"
)

// Options are the flags of every command.
type Options struct {
	// Peer is host:port of the HSS or a relay, Host its Origin-Host if that is to be checked.
	Peer string
	Host string
	TLS  *diameter.TLSConfig
	// Admin is the URL of a running server that asks its HSS, when there is no Peer.
	Admin string
	// Client asks it; nil asks without a token or certificates.
	Client *http.Client
	// Realm is the HSS's realm, empty for that of the peer; OriginHost and OriginRealm are ours.
	Realm       string
	OriginHost  string
	OriginRealm string
	Timeout     time.Duration

	JSON  bool
	XML   bool
	Trace bool

	// ServerName, Private, Domain ("cs", "ps") and Active refine what some commands ask.
	ServerName string
	Private    string
	Domain     string
	Active     bool
	// Tags are service activation tags, for dsai.
	Tags []string
	// IdentitySet is all, registered, implicit or alias.
	IdentitySet string
	// In is where repository put reads from when no file is named; nil is standard input.
	In io.Reader
}

// Session is a connection to an HSS, or to a server that has one, for the time of a command.
type Session struct {
	opts     Options
	remote   *remote // instead of endpoint and client
	endpoint *diameter.Endpoint
	client   *sh.Client
	notes    chan *sh.PNR
	again    chan struct{} // the peer can be asked, for the first time or again
	out      io.Writer
}

// Open connects and exchanges capabilities; with Admin alone the first request connects.
func Open(ctx context.Context, o Options, log *slog.Logger) (*Session, error) {
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Peer == "" {
		return openRemote(o)
	}
	if o.OriginRealm == "" {
		o.OriginRealm = cmp.Or(o.Realm, "localdomain")
	}
	if o.OriginHost == "" {
		name, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("need an origin host: %w", err)
		}
		// A name of this process alone: notifications go to the name that subscribed.
		o.OriginHost = fmt.Sprintf("ctl%d.%s", os.Getpid(), name)
	}
	s := &Session{opts: o, notes: make(chan *sh.PNR, 64), again: make(chan struct{}, 1)}
	cfg := diameter.DefaultConfig()
	cfg.OriginHost, cfg.OriginRealm, cfg.RequestTimeout = o.OriginHost, o.OriginRealm, o.Timeout
	cfg.Peers = []diameter.PeerConfig{{Host: o.Host, Address: o.Peer, TLS: o.TLS, Realms: []string{o.Realm}}}
	cfg.PeerChanged = s.changed
	e, err := diameter.New(cfg, diameter.Handlers{sh.Command(dict.PushNotification): sh.PNRHandler(s.note)}, log, nil)
	if err != nil {
		return nil, err
	}
	s.endpoint = e
	e.Start()
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	if err := e.Ready(ctx, dict.Sh, diameter.Route{Realm: o.Realm}); err != nil {
		status := e.Status()[0]
		s.Close()
		if status.LastError != "" {
			return nil, fmt.Errorf("connect to %s: %s", o.Peer, status.LastError)
		}
		return nil, fmt.Errorf("connect to %s: %w", o.Peer, err)
	}
	s.client = sh.NewClient(e, diameter.Route{Realm: cmp.Or(o.Realm, e.Status()[0].Realm)})
	if o.Trace {
		s.client.Trace = func(m *diam.Message) { fmt.Fprint(s.out, sh.Trace(m)) }
	}
	return s, nil
}

// Close takes leave of the peer.
func (s *Session) Close() {
	if s.remote != nil {
		s.remote.http.CloseIdleConnections()
		return
	}
	s.endpoint.Close(context.Background(), diameter.DoNotWantToTalkToYou)
}

// changed notes that the peer is back; it does not block.
func (s *Session) changed(e diameter.PeerEvent) {
	if e.Up {
		select {
		case s.again <- struct{}{}:
		default:
		}
	}
}

// note keeps a notification for subscribe; what nobody reads any more is refused.
func (s *Session) note(n *sh.PNR) error {
	select {
	case s.notes <- n:
		return nil
	default:
		return errors.New("too many notifications")
	}
}

// print writes a document as the flags want it.
func (s *Session) print(d *sh.Data, xml []byte) error {
	switch {
	case s.opts.XML:
		if len(xml) == 0 {
			var err error
			if xml, err = d.XML(); err != nil {
				return err
			}
		}
		_, err := fmt.Fprintf(s.out, "%s\n", xml)
		return err
	case s.opts.JSON:
		e := json.NewEncoder(s.out)
		e.SetEscapeHTML(false)
		return e.Encode(d)
	}
	_, err := fmt.Fprint(s.out, d.Text())
	return err
}
