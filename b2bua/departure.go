package b2bua

import "context"

// Originator says how a call of our own leaves a side in somebody's name, as the network there wants it (TS 24.229 5.7.3). It may ask
// the network, and is asked beside any step. An error is why there is no call.
type Originator interface {
	Departure(ctx context.Context, identity string) (Departure, error)
}

// Departure is what the INVITEs of a call of our own have besides, as data.
type Departure struct {
	From    string   // an address, without tag
	Headers []Field  // they pass the policy, as those that Apps set
	Routes  []string // byte for byte; none: by the routes of the side
}

// departure asks the side's Originator.
func (s *Side) departure(ctx context.Context, identity string) (Departure, error) {
	if s.Originator == nil {
		return Departure{From: "<" + identity + ">"}, nil
	}
	return s.Originator.Departure(ctx, identity)
}

// originateBeside begins the call that an App asks for; beside the step, where that may wait. It tells whether that was begun.
func (s *Server) originateBeside(o Origination, app string) bool {
	if s.mayOriginate(&o) != nil {
		return false
	}
	if s.sides[o.Side].Originator == nil {
		_, err := s.Originate(o)
		return err == nil
	}
	s.lookUp(func() {
		if _, err := s.Originate(o); err != nil {
			s.metrics.effectsRefused.Inc()
			s.log.Error("effect refused", "app", app, "effect", EffectName(Originate{}), "err", err)
		}
	})
	return true
}
