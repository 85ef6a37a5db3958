// Package walk walks a caller through a flow.Flow. It is a pure machine: from a State, and what happened, to the next State and what
// is asked for, such as playing a prompt, taking digits, calling somebody. The App of package ivr carries the requests out in a
// call; `bifrons ivr try` and `test` play both the caller and the world. All three run the same code.
//
// A State is small plain data: it is part of a call's snapshot, and is not changed by a step but copied.
//
// Nothing here runs a goroutine, waits, or looks at a clock: the time comes in with each input.
//
//	w := walk.Walker{Flow: f}
//	state, requests := w.Start(call, nil, now)
//	state, requests = w.Step(state, now, walk.Collected{Digits: "1"})
package walk
