package tone

import (
	"fmt"
	"strings"
	"time"
)

// The keypad by rows and columns, and its frequencies in Hz (ITU-T Q.23).
const keypad = "123A456B789C*0#D"

var (
	rows    = [4]float64{697, 770, 852, 941}
	columns = [4]float64{1209, 1336, 1477, 1633}
)

// Lengths of keys that are sent, and of the pauses between them (ITU-T Q.24: at least 40 ms are heard everywhere).
const (
	keyOn    = 100 * time.Millisecond
	keyOff   = 100 * time.Millisecond
	keyLevel = -8 // dBm0 of each frequency
)

// Keys returns keys 0 to 9, *, #, A to D as a tone: each sounds for on, with a pause of off after it; 0 is 100 ms.
func Keys(keys string, on, off time.Duration) (Spec, error) {
	if on == 0 {
		on = keyOn
	}
	if off == 0 {
		off = keyOff
	}
	if keys == "" || len(keys) > maxSteps {
		return Spec{}, fmt.Errorf("tone: %d keys, want 1 to %d", len(keys), maxSteps)
	}
	var s Spec
	for _, k := range strings.ToUpper(keys) {
		i := strings.IndexRune(keypad, k)
		if i < 0 {
			return Spec{}, fmt.Errorf("tone: %q is no key", k)
		}
		s.Steps = append(s.Steps, Step{Hz: []float64{rows[i/4], columns[i%4]}, Length: on, Level: keyLevel}, Step{Length: off})
	}
	return s, nil
}
