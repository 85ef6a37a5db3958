package diameter

import "testing"

// TestWatchdogTable is the table of RFC 3539 3.4.1, line by line.
func TestWatchdogTable(t *testing.T) {
	tests := []struct {
		name string
		from watchdog
		ev   watchdogEvent
		want watchdog
		do   watchdogAction
	}{
		{"okay, DWA", watchdog{stateOkay, true, 0}, eventDWA, watchdog{stateOkay, false, 0}, actSet},
		{"okay, message", watchdog{stateOkay, true, 0}, eventMessage, watchdog{stateOkay, true, 0}, actSet},
		{"okay, timer", watchdog{stateOkay, false, 0}, eventTimer, watchdog{stateOkay, true, 0}, actSend | actSet},
		{"okay, timer again", watchdog{stateOkay, true, 0}, eventTimer, watchdog{stateSuspect, true, 0}, actFailover | actSet},
		{"okay, down", watchdog{stateOkay, false, 0}, eventDown, watchdog{stateDown, false, 0}, actClose | actFailover},
		{"suspect, DWA", watchdog{stateSuspect, true, 0}, eventDWA, watchdog{stateOkay, false, 0}, actFailback | actSet},
		{"suspect, message", watchdog{stateSuspect, true, 0}, eventMessage, watchdog{stateOkay, true, 0}, actFailback | actSet},
		{"suspect, timer", watchdog{stateSuspect, true, 0}, eventTimer, watchdog{stateDown, false, 0}, actClose | actFailover},
		{"initial, up", watchdog{stateInitial, false, 0}, eventUp, watchdog{stateOkay, false, 0}, actSet | actFailback},
		{"down, up", watchdog{stateDown, false, 0}, eventUp, watchdog{stateReopen, true, 0}, actSend | actSet},
		{"down, message", watchdog{stateDown, false, 0}, eventMessage, watchdog{stateDown, false, 0}, actThrowAway},
		{"reopen, first DWA", watchdog{stateReopen, true, 0}, eventDWA, watchdog{stateReopen, false, 1}, 0},
		{"reopen, second DWA", watchdog{stateReopen, true, 1}, eventDWA, watchdog{stateReopen, false, 2}, 0},
		{"reopen, third DWA", watchdog{stateReopen, true, 2}, eventDWA, watchdog{stateOkay, false, 3}, actFailback},
		{"reopen, message", watchdog{stateReopen, true, 1}, eventMessage, watchdog{stateReopen, true, 1}, actThrowAway},
		{"reopen, timer", watchdog{stateReopen, false, 1}, eventTimer, watchdog{stateReopen, true, 1}, actSend | actSet},
		{"reopen, unanswered", watchdog{stateReopen, true, 1}, eventTimer, watchdog{stateReopen, true, -1}, actSet},
		{"reopen, unanswered twice", watchdog{stateReopen, true, -1}, eventTimer, watchdog{stateDown, false, 0}, actClose},
		{"reopen, late DWA", watchdog{stateReopen, true, -1}, eventDWA, watchdog{stateReopen, false, 0}, 0},
		{"reopen, down", watchdog{stateReopen, true, 1}, eventDown, watchdog{stateDown, false, 0}, actClose},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, do := tt.from.step(tt.ev)
			if got != tt.want || do != tt.do {
				t.Errorf("step(%v) = %+v, %b; want %+v, %b", tt.ev, got, do, tt.want, tt.do)
			}
		})
	}
}
