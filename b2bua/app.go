package b2bua

// App is one application of a call's chain. Handle looks at an event and asks for effects through the Step; it must not
// block: what takes time goes through Step.Go and the verdict Hold. One App serves all calls at once, so it keeps no call's
// state in itself but in Step.Save.
type App interface {
	Name() string
	Handle(s *Step, ev Event) Verdict
}

// Verdict tells what becomes of an event after an App has seen it.
type Verdict uint8

// Pass hands the event to the next App and at last to the engine's default, Stop ends its walk here, Hold keeps it here
// until the look-up given to Step.Go has brought its result.
const (
	Pass Verdict = iota
	Stop
	Hold
)
