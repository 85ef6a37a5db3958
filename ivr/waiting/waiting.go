package waiting

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/ivr/walk"
	"github.com/bifrons/bifrons/sip"
)

// Config is what a Desk needs. Ask, Find and Mailboxes are called by any goroutine.
type Config struct {
	// Ask sends a request outside calls.
	Ask func(o b2bua.Outgoing, done func(*sip.Message)) error
	// Find gives where somebody is registered; without a place the host of his URI is asked.
	Find func(uri string) []Place
	// Mailboxes are those of the calls that come in on a side, in their order.
	Mailboxes func(side string) []Mailbox
	// Random makes tags and Call-IDs.
	Random func() string
	// Now is the clock.
	Now func() time.Time

	Min, Default, Max time.Duration // of a subscription
	Total, PerOwner   int           // subscriptions at once; one more in all gets 503, one more of an owner ends his oldest
	Counting          int           // subscriptions that are looked at at once; one more gets 503
	Stale             time.Duration // after which a mailbox is counted again though nobody has told of a change
}

// DefaultConfig grants a minute to a day, an hour to who does not say (RFC 3842 3.4).
func DefaultConfig() Config {
	return Config{Now: time.Now, Min: time.Minute, Default: time.Hour, Max: 24 * time.Hour, Total: 20_000, PerOwner: 16, Counting: 128, Stale: 5 * time.Minute}
}

// Place is where somebody is registered.
type Place struct {
	URI    string // of the Contact
	Side   string
	Source string // host and port that the REGISTER came from
}

// Mailbox is a menu that people may subscribe to.
type Mailbox interface {
	// Takes tells whether a SUBSCRIBE to a user part is for this mailbox.
	Takes(called string) bool
	// Summary walks the menu for somebody and gives what it would tell his phone.
	Summary(ctx context.Context, who Caller) (walk.Notify, error)
}

// Caller is who asks a mailbox.
type Caller struct{ Called, Identity, Name string } // URIs, and a display name

// Desk tells phones of messages.
type Desk struct {
	cfg Config

	mu    sync.Mutex
	all   map[key]*subscription
	busy  map[string]bool // requests that are being looked at
	count map[string]int  // subscriptions by owner
}

// New returns a Desk without subscriptions.
func New(cfg Config) *Desk {
	return &Desk{cfg: cfg, all: map[key]*subscription{}, busy: map[string]bool{}, count: map[string]int{}}
}

// Notify tells every phone of an account: subscribers of what they may know, others by a NOTIFY that they need not ask for
// (RFC 3842 4.5). It waits for the answers of the latter.
func (d *Desk) Notify(ctx context.Context, side string, n walk.Notify) error {
	to, err := sip.ParseURI([]byte(n.To))
	if err != nil || strings.ContainsAny(n.To+n.Account, "\r\n<>") {
		return fmt.Errorf("%q is no address of a phone", n.To)
	}
	told := d.changed(ctx, name(&to))
	var targets []string
	registered := d.places(n.To)
	for _, p := range registered {
		if !told[hostPort(p.URI)] {
			targets = append(targets, p.URI)
		}
	}
	if len(registered) == 0 && len(told) == 0 {
		targets = []string{n.To}
	}
	var all error
	for _, uri := range targets {
		if err := d.unasked(ctx, side, uri, n); err != nil {
			all = errors.Join(all, err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return all
}

func (d *Desk) places(uri string) []Place {
	if d.cfg.Find == nil {
		return nil
	}
	return d.cfg.Find(uri)
}

// unasked sends a summary to a phone that has not subscribed, and waits for its answer.
func (d *Desk) unasked(ctx context.Context, side, uri string, n walk.Notify) error {
	account := accountOf(n)
	answer := make(chan int, 1)
	err := d.cfg.Ask(b2bua.Outgoing{Side: side, Method: "NOTIFY", URI: uri, To: "<" + n.To + ">", From: "<" + account + ">;tag=" + d.cfg.Random(), CallID: d.cfg.Random(), CSeq: 1,
		Headers:     []b2bua.Field{{Name: "Event", Value: event}, {Name: "Subscription-State", Value: "active"}},
		ContentType: summaryType, Body: summary(n)}, func(m *sip.Message) {
		if m == nil {
			answer <- 408
			return
		}
		answer <- m.Status
	})
	if err != nil {
		return err
	}
	select {
	case status := <-answer:
		if status >= 300 {
			return fmt.Errorf("the phone answers %d", status)
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

const (
	event       = "message-summary"
	summaryType = "application/simple-message-summary"
)

func accountOf(n walk.Notify) string {
	if n.Account != "" {
		return n.Account
	}
	return n.To
}

// summary is the body (RFC 3842 5.2).
func summary(n walk.Notify) []byte {
	yes := "no"
	if n.New > 0 {
		yes = "yes"
	}
	out := fmt.Appendf(nil, "Messages-Waiting: %s\r\nMessage-Account: %s\r\nVoice-Message: %d/%d", yes, accountOf(n), n.New, n.Old)
	if n.Urgent != [2]int{} {
		out = fmt.Appendf(out, " (%d/%d)", n.Urgent[0], n.Urgent[1])
	}
	return append(out, "\r\n"...)
}
