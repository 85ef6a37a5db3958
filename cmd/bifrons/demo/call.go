package demo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/emiago/diago"
	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// Call sends an INVITE for the user to the address, waits for the answer and
// begins to talk. Progress is told each response as it comes; it may be nil.
func (p *Phone) Call(ctx context.Context, to netip.AddrPort, user string, progress func(status int, reason string)) (err error) {
	defer p.recovered("call", &err)
	p.mu.Lock()
	busy := p.busy
	p.busy = true
	p.mu.Unlock()
	if busy {
		return errors.New("the phone has had its call")
	}
	target := sip.Uri{Scheme: "sip", User: user, Host: to.Addr().String(), Port: int(to.Port())}
	d, err := p.dg.NewDialog(target, diago.NewDialogOptions{})
	if err != nil {
		return fmt.Errorf("prepare the call: %w", err)
	}
	var answered atomic.Bool // by anything at all
	inviteCtx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	defer context.AfterFunc(ctx, func() {
		if answered.Load() {
			cancel(ctx.Err()) // sends CANCEL
			return
		}
		// RFC 3261 9.1: no CANCEL before a provisional response; sipgo would wait 32 s for one.
		cancel(sipgo.WaitAnswerForceCancelErr)
	})()
	err = d.Invite(inviteCtx, diago.InviteClientOptions{
		Headers: []sip.Header{
			sip.NewHeader("User-Agent", p.cfg.Product),
			&sip.ToHeader{Address: sip.Uri{Scheme: "sip", User: user, Host: p.cfg.Domain}},
		},
		OnResponse: func(res *sip.Response) error {
			answered.Store(true)
			if progress != nil {
				progress(res.StatusCode, res.Reason)
			}
			return nil
		},
	})
	if err == nil {
		err = d.Ack(ctx)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("call %s: %w", user, err), d.Close())
	}
	p.mu.Lock()
	p.local = d.InviteRequest.Body()
	p.mu.Unlock()
	p.established(d)
	return nil
}

// Answer waits for a call, rings for a while, answers it and begins to talk.
func (p *Phone) Answer(ctx context.Context, ring time.Duration) (err error) {
	defer p.recovered("answer", &err)
	var d *diago.DialogServerSession
	select {
	case d = <-p.incoming:
	case <-ctx.Done():
		return fmt.Errorf("no call came: %w", ctx.Err())
	}
	if err := d.Ringing(); err != nil {
		return fmt.Errorf("ring: %w", err)
	}
	select {
	case <-time.After(ring):
	case <-d.Context().Done():
		return errors.New("the caller gave up while it rang")
	case <-ctx.Done():
		return ctx.Err()
	}
	// Answer returns when the ACK has come.
	if err := d.AnswerOptions(diago.AnswerOptions{}); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	p.established(d)
	return nil
}

// established starts what lives as long as the call: ear, voice, and the wait for the end.
func (p *Phone) established(s session) {
	p.begin(s)
	p.speak()
}

func (p *Phone) begin(s session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return
	}
	p.session = s
	p.wg.Go(func() {
		defer p.rescue("listening")
		p.ear.listen(s)
	})
	p.wg.Go(func() {
		defer p.rescue("ending the call")
		select {
		case <-s.Context().Done():
		case <-p.done:
		}
		p.mute()
		if err := s.Close(); err != nil {
			p.fault(fmt.Errorf("close the call: %w", err))
		}
		close(p.ended)
	})
}

// speak starts the phone's tone unless it plays or one side holds.
func (p *Phone) speak() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.playing != nil || p.holding || p.held || p.closing || p.session == nil {
		return
	}
	t, before, played, s := &tone{frequency: p.cfg.Tone}, p.played, make(chan struct{}), p.session
	p.playing, p.played = t, played
	p.wg.Go(func() {
		defer close(played)
		defer p.rescue("playing")
		if before != nil {
			<-before // diago's packet writer is for one at a time
		}
		playback, err := s.PlaybackCreate()
		if err == nil {
			_, err = playback.Play(t, "audio/pcm")
		}
		if err != nil && !t.stopped.Load() && s.Context().Err() == nil {
			p.fault(fmt.Errorf("play: %w", err))
		}
	})
}

// mute stops the tone and waits until no more packets leave.
func (p *Phone) mute() {
	p.mu.Lock()
	t, played := p.playing, p.played
	p.playing = nil
	p.mu.Unlock()
	if t != nil {
		t.stopped.Store(true)
		<-played
	}
}

// obey follows what the other phone asked for, and talks again if it may.
func (p *Phone) obey(dir string) {
	p.mu.Lock()
	switch dir {
	case "sendonly", "inactive":
		p.held = true
	case "sendrecv", "recvonly":
		p.held = false
	}
	p.mu.Unlock()
	p.speak()
}

// Hold stops the phone's audio and asks the other side to be silent too.
func (p *Phone) Hold(ctx context.Context) (err error) {
	defer p.recovered("hold", &err)
	p.mu.Lock()
	p.holding = true
	p.mu.Unlock()
	p.mute()
	if got, err := p.reinvite(ctx, "sendonly"); err != nil {
		return fmt.Errorf("hold: %w", err)
	} else if got != "recvonly" && got != "inactive" {
		return fmt.Errorf("hold: sendonly was answered with %s", got)
	}
	return nil
}

// Resume ends the hold.
func (p *Phone) Resume(ctx context.Context) (err error) {
	defer p.recovered("resume", &err)
	if got, err := p.reinvite(ctx, "sendrecv"); err != nil {
		return fmt.Errorf("resume: %w", err)
	} else if got != "sendrecv" {
		return fmt.Errorf("resume: sendrecv was answered with %s", got)
	}
	p.mu.Lock()
	p.holding = false
	p.mu.Unlock()
	p.speak()
	return nil
}

// reinvite makes a new offer and returns the direction of the answer. The offer
// is the phone's own: diago's takes over the o= line of the other side, which
// RFC 3264 8 forbids, and acknowledges twice.
func (p *Phone) reinvite(ctx context.Context, dir string) (string, error) {
	p.mu.Lock()
	s, local := p.session, p.local
	p.mu.Unlock()
	if s == nil {
		return "", errors.New("no call")
	}
	offer := reoffer(string(local), dir)
	for {
		req := sip.NewRequest(sip.INVITE, s.RemoteContact().Address)
		req.AppendHeader(sip.NewHeader("User-Agent", p.cfg.Product))
		req.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
		req.SetBody([]byte(offer))
		res, err := s.Do(ctx, req)
		if err != nil {
			return "", err
		}
		if res.StatusCode == sip.StatusRequestPending {
			// RFC 3261 14.1: after glare, wait and try again.
			select {
			case <-time.After(2100*time.Millisecond + rand.N(1900*time.Millisecond)):
				continue
			case <-ctx.Done():
				return "", ctx.Err()
			}
		}
		if !res.IsSuccess() {
			return "", sipgo.ErrDialogResponse{Res: res}
		}
		if res.Contact() == nil {
			return "", errors.New("the 200 has no Contact")
		}
		p.mu.Lock()
		p.local = []byte(offer)
		p.mu.Unlock()
		return direction(string(res.Body())), s.WriteRequest(sip.NewRequest(sip.ACK, res.Contact().Address))
	}
}

// reoffer is the session description sent before, with a new direction and the
// next version (RFC 3264 8).
func reoffer(sdp, dir string) string {
	var out strings.Builder
	for line := range strings.Lines(sdp) {
		text := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(text, "o="):
			if f := strings.Fields(text); len(f) > 2 {
				version, _ := strconv.ParseUint(f[2], 10, 64)
				f[2] = strconv.FormatUint(version+1, 10)
				text = strings.Join(f, " ")
			}
		case text == "a=sendrecv" || text == "a=sendonly" || text == "a=recvonly" || text == "a=inactive":
			continue
		case text == "":
			continue
		}
		out.WriteString(text + "\r\n")
	}
	return out.String() + "a=" + dir + "\r\n"
}

// Hangup ends the call with a BYE and waits for its answer.
func (p *Phone) Hangup(ctx context.Context) (err error) {
	defer p.recovered("hang up", &err)
	p.mu.Lock()
	s := p.session
	p.mu.Unlock()
	if s == nil {
		return errors.New("hang up: no call")
	}
	p.mute()
	if err := s.WriteBye(ctx, sip.NewRequest(sip.BYE, s.RemoteContact().Address)); err != nil {
		return fmt.Errorf("hang up: %w", err)
	}
	return nil
}

// Listen returns what the phone hears during that time.
func (p *Phone) Listen(ctx context.Context, d time.Duration) Heard {
	p.ear.open()
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
	return p.ear.shut()
}

// Reception returns the statistics of what the phone received in its call.
func (p *Phone) Reception() Reception { return p.ear.reception() }

// Sent returns the number of RTP packets the phone sent, and their SSRC.
func (p *Phone) Sent() (packets int, ssrc uint32) {
	p.mu.Lock()
	s := p.session
	p.mu.Unlock()
	if s == nil || s.RTPSession() == nil {
		return 0, 0
	}
	stats := s.RTPSession().WriteStats()
	return int(stats.PacketsCount), stats.SSRC
}

// recovered turns a panic of the libraries into the error of the operation.
func (p *Phone) recovered(doing string, err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("panic in the libraries of the phone of %s while trying to %s: %v", p.cfg.User, doing, v)
	}
}
