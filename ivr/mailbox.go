package ivr

import (
	"context"
	"errors"
	"fmt"

	"github.com/bifrons/bifrons/ivr/waiting"
	"github.com/bifrons/bifrons/ivr/walk"
)

// Subscribed tells whether the menu has on_subscribe.
func (a *App) Subscribed() bool { return a.editions.current().flow.OnSubscribe.Set() }

// Takes tells whether somebody may subscribe to his messages here by calling that number: the menu has on_subscribe.
func (a *App) Takes(called string) bool {
	return a.Subscribed() && (a.cfg.Called == nil || a.cfg.Called.MatchString(called))
}

// Summary walks the menu from its on_subscribe for somebody, and gives what message_waiting would tell his phone. It waits for
// look-ups and hooks.
func (a *App) Summary(ctx context.Context, who waiting.Caller) (walk.Notify, error) {
	e := a.editions.current()
	call := callTo(who.Called, "<"+who.Identity+">")
	call.ID, call.CallerName = "subscription", who.Name
	w := walk.Walker{Flow: e.flow}
	state, asked := w.Subscribe(call, a.params(), a.deps.Now())
	for {
		q, told := a.silently(asked)
		switch {
		case told != nil:
			return *told, nil
		case q == nil && state.Error != "":
			return walk.Notify{}, errors.New(state.Error)
		case q == nil:
			return walk.Notify{}, fmt.Errorf("menu %s comes to no message_waiting after on_subscribe", a.cfg.Name)
		}
		got := a.bring(ctx, *q, e)
		if err := ctx.Err(); err != nil {
			return walk.Notify{}, err
		}
		state, asked = w.Step(state, a.deps.Now(), got.Found)
	}
}

// silently gives what a walk without a voice waits for, or what it tells.
func (a *App) silently(list []walk.Request) (q *asking, told *walk.Notify) {
	for _, r := range list {
		switch r := r.(type) {
		case walk.Note:
			a.count(r)
		case walk.Notify:
			return nil, &r
		case walk.Look:
			q = &asking{Look: &r}
		case walk.Hook:
			q = hooking(r)
		case walk.Move:
			q = &asking{Move: &r}
		}
	}
	return q, nil
}
