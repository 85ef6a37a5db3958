package demo

import (
	"context"
	"time"
)

// Home is what a Server may implement besides: it knows its users from an HSS. Then Run shows that too.
type Home interface {
	// Subscriber tells the state of a user's registration, as the server's applications learn it.
	Subscriber(ctx context.Context, uri string) (string, error)
	// HSS tells how often the HSS has answered, and how long an answer takes.
	HSS() (answers uint64, took time.Duration)
	// Deregister lets the user leave, at the HSS.
	Deregister(uri string) error
}

// asked shows what the server was told about the callee before it let the call pass.
func (sh *show) asked(ctx context.Context, server Server) {
	home, ok := server.(Home)
	if !ok {
		return
	}
	answers, took := home.HSS()
	what, err := home.Subscriber(ctx, sh.bob.identity())
	switch {
	case err != nil:
		sh.wrong("the HSS about Bob: %w", err)
	case answers == 0:
		sh.wrong("the HSS was not asked about Bob")
	case what != "REGISTERED":
		sh.wrong("the HSS says that Bob is %s", what)
	default:
		sh.say("asked over Diameter Sh before it rang, the HSS says: Bob is %s (%.1f ms)", what, took.Seconds()*1000)
	}
}

// left lets Bob leave: the HSS tells, nobody asks.
func (sh *show) left(ctx context.Context, server Server) {
	home, ok := server.(Home)
	if !ok {
		return
	}
	before, _ := home.HSS()
	began := time.Now()
	sh.wrongIf(home.Deregister(sh.bob.identity()))
	for {
		what, err := home.Subscriber(ctx, sh.bob.identity())
		took := time.Since(began)
		after, _ := home.HSS()
		switch {
		case err != nil:
			sh.wrong("the HSS about Bob: %w", err)
		case after != before:
			sh.wrong("the HSS was asked again, and should have told by itself")
		case what == "NOT_REGISTERED":
			sh.say("Bob leaves: the HSS told Bifrons by itself, %.1f ms later (a notification, no question)", took.Seconds()*1000)
		case took < 5*time.Second:
			<-time.After(time.Millisecond)
			continue
		default:
			sh.wrong("the HSS never told that Bob has left")
		}
		return
	}
}

// identity is the phone's public identity.
func (p *Phone) identity() string { return "sip:" + p.cfg.User + "@" + p.cfg.Domain }
