package ivr

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/ivr/walk"
	"github.com/bifrons/bifrons/sip"
)

// Waiting tells phones of messages by NOTIFY that nobody has subscribed to (RFC 3842 4.5 calls them unsolicited; phones that are set
// up with a mailbox take them).
type Waiting struct {
	// Ask sends a request outside calls.
	Ask func(o b2bua.Outgoing, done func(*sip.Message)) error
	// Find gives the addresses where somebody is registered; without one the host of his URI is asked.
	Find func(uri string) []string
	// Random makes tags and Call-IDs.
	Random func() string
}

// Notify sends the summary to every phone of the account and waits for their answers.
func (w *Waiting) Notify(ctx context.Context, side string, n walk.Notify) error {
	if _, err := sip.ParseURI([]byte(n.To)); err != nil || strings.ContainsAny(n.To+n.Account, "\r\n<>") {
		return fmt.Errorf("%q is no address of a phone", n.To)
	}
	targets := []string{n.To}
	if w.Find != nil {
		if found := w.Find(n.To); len(found) > 0 {
			targets = found
		}
	}
	account := n.Account
	if account == "" {
		account = n.To
	}
	var all error
	for _, uri := range targets {
		answer := make(chan int, 1)
		err := w.Ask(b2bua.Outgoing{Side: side, Method: "NOTIFY", URI: uri, To: "<" + n.To + ">", From: "<" + account + ">;tag=" + w.Random(), CallID: w.Random(), CSeq: 1,
			Headers:     []b2bua.Field{{Name: "Event", Value: "message-summary"}, {Name: "Subscription-State", Value: "active"}},
			ContentType: "application/simple-message-summary", Body: summary(account, n)}, func(m *sip.Message) {
			if m == nil {
				answer <- 408
				return
			}
			answer <- m.Status
		})
		if err != nil {
			all = errors.Join(all, err)
			continue
		}
		select {
		case status := <-answer:
			if status >= 300 {
				all = errors.Join(all, fmt.Errorf("the phone answers %d", status))
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return all
}

// summary is the body (RFC 3842 5.2).
func summary(account string, n walk.Notify) []byte {
	yes := "no"
	if n.New > 0 {
		yes = "yes"
	}
	out := fmt.Appendf(nil, "Messages-Waiting: %s\r\nMessage-Account: %s\r\nVoice-Message: %d/%d", yes, account, n.New, n.Old)
	if n.Urgent != [2]int{} {
		out = fmt.Appendf(out, " (%d/%d)", n.Urgent[0], n.Urgent[1])
	}
	return append(out, "\r\n"...)
}
