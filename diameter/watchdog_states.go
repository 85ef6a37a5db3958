package diameter

// The watchdog of RFC 3539 3.4.1 as a pure table. Its timer, its messages and its connection are the link's matter.

// watchdogState is a state of RFC 3539 3.4.1.
type watchdogState uint8

const (
	stateInitial watchdogState = iota
	stateOkay
	stateSuspect
	stateReopen
	stateDown
)

// String returns the state as ctl and the logs show it.
func (s watchdogState) String() string {
	return [...]string{"initial", "okay", "suspect", "reopen", "down"}[s]
}

// watchdogEvent is what may happen to a connection.
type watchdogEvent uint8

const (
	eventUp      watchdogEvent = iota // the capabilities exchange succeeded
	eventDown                         // the connection is gone
	eventDWA                          // a Device-Watchdog-Answer came
	eventMessage                      // any other message came
	eventTimer                        // Tw ran out
)

// watchdogAction is a set of things to do after a step.
type watchdogAction uint8

const (
	actSet       watchdogAction = 1 << iota // start Tw anew, with its jitter
	actSend                                 // send a DWR
	actFailover                             // hand the pending requests to other peers
	actFailback                             // requests may go there again
	actClose                                // close the connection
	actThrowAway                            // do not process the message
)

// watchdog is the state kept per peer, across its connections.
type watchdog struct {
	state   watchdogState
	pending bool
	answers int
}

// step returns the next state and what to do. It follows the table of RFC 3539 3.4.1 line by line.
func (w watchdog) step(ev watchdogEvent) (watchdog, watchdogAction) {
	switch w.state {
	case stateInitial, stateDown:
		return w.stepClosed(ev)
	case stateOkay:
		return w.stepOkay(ev)
	case stateSuspect:
		return w.stepSuspect(ev)
	default:
		return w.stepReopen(ev)
	}
}

func (w watchdog) stepClosed(ev watchdogEvent) (watchdog, watchdogAction) {
	switch {
	case ev == eventUp && w.state == stateInitial:
		return watchdog{state: stateOkay}, actSet | actFailback
	case ev == eventUp:
		// A connection that failed once has to prove itself: three answers before it carries traffic.
		return watchdog{state: stateReopen, pending: true}, actSend | actSet
	case ev == eventDWA || ev == eventMessage:
		return w, actThrowAway
	}
	return w, 0
}

func (w watchdog) stepOkay(ev watchdogEvent) (watchdog, watchdogAction) {
	switch ev {
	case eventDWA:
		return watchdog{state: stateOkay}, actSet
	case eventMessage:
		return w, actSet
	case eventTimer:
		if !w.pending {
			return watchdog{state: stateOkay, pending: true}, actSend | actSet
		}
		return watchdog{state: stateSuspect, pending: true}, actFailover | actSet
	case eventDown:
		return watchdog{state: stateDown}, actClose | actFailover
	}
	return w, 0
}

func (w watchdog) stepSuspect(ev watchdogEvent) (watchdog, watchdogAction) {
	switch ev {
	case eventDWA:
		return watchdog{state: stateOkay}, actFailback | actSet
	case eventMessage:
		return watchdog{state: stateOkay, pending: w.pending}, actFailback | actSet
	case eventTimer, eventDown:
		return watchdog{state: stateDown}, actClose | actFailover
	}
	return w, 0
}

func (w watchdog) stepReopen(ev watchdogEvent) (watchdog, watchdogAction) {
	switch ev {
	case eventDWA:
		if w.answers == 2 {
			return watchdog{state: stateOkay, answers: 3}, actFailback
		}
		return watchdog{state: stateReopen, answers: w.answers + 1}, 0
	case eventMessage:
		return w, actThrowAway
	case eventTimer:
		if !w.pending {
			return watchdog{state: stateReopen, pending: true, answers: w.answers}, actSend | actSet
		}
		if w.answers < 0 {
			return watchdog{state: stateDown}, actClose
		}
		return watchdog{state: stateReopen, pending: true, answers: -1}, actSet
	case eventDown:
		return watchdog{state: stateDown}, actClose
	}
	return w, 0
}
