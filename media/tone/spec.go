package tone

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Spec is a tone: steps of frequencies, which may repeat without end.
type Spec struct {
	Steps  []Step
	Repeat bool
}

// Step is some frequencies at once, for a time; none is silence.
type Step struct {
	// Hz are the frequencies. With Modulated the second one is the beat of the first.
	Hz        []float64
	Modulated bool
	// Length is how long it sounds; 0 is for ever, in the only step of a tone that repeats.
	Length time.Duration
	// Level is that of each frequency, in dBm0; 0 is -13 for one, -16 for each of several.
	Level float64
}

// ErrSpec is a tone that cannot be read.
var ErrSpec = errors.New("tone: want FREQUENCIES/MILLISECONDS, separated by commas, such as 425/480,0/480*")

// Bounds of what is written in a Spec.
const (
	maxSteps  = 64
	maxLength = 60 * time.Second
	lowest    = 20
	highest   = 3900
)

// Parse reads a tone: steps FREQUENCIES/MILLISECONDS, separated by commas. Frequencies are 0 for silence, one in Hz, several
// joined by +, or CARRIERxBEAT for a modulated one. An asterisk at the end repeats it without end; a single step without a
// length does so, too.
func Parse(text string) (Spec, error) {
	var s Spec
	text, s.Repeat = strings.CutSuffix(strings.TrimSpace(text), "*")
	total := time.Duration(0)
	for part := range strings.SplitSeq(text, ",") {
		step, err := parseStep(strings.TrimSpace(part))
		if err != nil {
			return Spec{}, fmt.Errorf("%w, not %.60q", err, part)
		}
		if total += step.Length; total > maxLength || len(s.Steps) == maxSteps {
			return Spec{}, fmt.Errorf("tone: longer than %s or %d steps", maxLength, maxSteps)
		}
		s.Steps = append(s.Steps, step)
	}
	if len(s.Steps) == 1 && s.Steps[0].Length == 0 {
		s.Repeat = true
		return s, nil
	}
	for _, step := range s.Steps {
		if step.Length == 0 {
			return Spec{}, fmt.Errorf("%w: a step has no length", ErrSpec)
		}
	}
	return s, nil
}

func parseStep(text string) (s Step, err error) {
	hz, ms, long := strings.Cut(text, "/")
	if long {
		n, err := strconv.ParseUint(ms, 10, 16)
		if err != nil || n == 0 {
			return s, ErrSpec
		}
		s.Length = time.Duration(n) * time.Millisecond
	}
	separator := "+"
	if strings.Contains(hz, "x") {
		separator, s.Modulated = "x", true
	}
	for f := range strings.SplitSeq(hz, separator) {
		v, err := strconv.ParseFloat(f, 64)
		if err != nil || v != 0 && !(v >= lowest || s.Modulated && len(s.Hz) == 1 && v >= 1) || v > highest || v < 0 || math.IsNaN(v) {
			return s, ErrSpec
		}
		if v != 0 {
			s.Hz = append(s.Hz, v)
		}
	}
	if s.Modulated && len(s.Hz) != 2 || len(s.Hz) > 4 {
		return s, ErrSpec
	}
	return s, nil
}

// full is the amplitude of a sine of 0 dBm0 in 16-bit samples: full scale is +3.14 dBm0 (ITU-T G.711).
var full = 32767 / math.Pow(10, 3.14/20)

// ramp softens the edges, which would click.
const ramp = 4 * time.Millisecond

// Samples makes a tone once through at a rate in Hz. One without an end is made so that it can be played over again.
func (s Spec) Samples(rate int) []int16 {
	var out []int16
	for _, step := range s.Steps {
		out = step.samples(out, rate)
	}
	return out
}

// Duration is how long a tone is once through, 0 without an end.
func (s Spec) Duration() (d time.Duration) {
	for _, step := range s.Steps {
		d += step.Length
	}
	return d
}

func (s Step) samples(out []int16, rate int) []int16 {
	n := int(int64(s.Length) * int64(rate) / int64(time.Second))
	edge := int(int64(ramp) * int64(rate) / int64(time.Second))
	if s.Length == 0 { // whole periods of frequencies that are whole numbers of Hz
		n, edge = rate, 0
	}
	if len(s.Hz) == 0 {
		return append(out, make([]int16, n)...)
	}
	level := s.Level
	if level == 0 {
		level = -13
		if len(s.Hz) > 1 {
			level = -16
		}
	}
	amplitude := full * math.Pow(10, level/20)
	for i := range n {
		t := 2 * math.Pi * float64(i) / float64(rate)
		v := 0.0
		if s.Modulated {
			v = math.Sin(s.Hz[0]*t) * (1 + 0.85*math.Sin(s.Hz[1]*t)) / 1.2
		} else {
			for _, hz := range s.Hz {
				v += math.Sin(hz * t)
			}
		}
		if e := min(i, n-1-i); e < edge {
			v *= 0.5 - 0.5*math.Cos(math.Pi*float64(e+1)/float64(edge+1))
		}
		out = append(out, int16(math.Round(min(max(v*amplitude, -32768), 32767))))
	}
	return out
}
