package b2buatest

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/bifrons/bifrons/media"
)

// keys plays and checks digits and payload types.
func (w *World) keys(words []string) {
	switch words[0] {
	case "press": // a phone sends a key as a telephone event: press alice 5; or it is heard as a tone: press alice 5 tone
		w.news(words[1], media.Event{Kind: media.Digit, Key: words[2][0], Duration: 160 * time.Millisecond, InBand: len(words) > 3})
	case "hold": // a phone holds a key down; a press of it is its end: hold alice 5
		w.news(words[1], media.Event{Kind: media.Pressed, Key: words[2][0]})
	case "silence": // a phone has fallen silent
		w.news(words[1], media.Event{Kind: media.Silence})
	case "tones": // the keys that sounded for a phone since the last such line: tones bob 5@101/8000
		p, got := w.party(words[1]), []string{}
		for _, k := range w.Media.Tones {
			if k.For.Addr() == p.Addr.Addr() {
				got = append(got, fmt.Sprintf("%c@%d/%d", k.Key, k.Type, k.Clock))
			}
		}
		if w.Media.Tones = nil; strings.Join(got, " ") != strings.Join(words[2:], " ") {
			w.fail("tones %v, want %v", got, words[2:])
		}
	case "payload": // what the relay does with a payload type of a phone: payload alice 101 to=96 stop
		p, n := w.party(words[1]), words[2]
		got := "none"
		for _, r := range w.Media.Remotes {
			for _, l := range r.Payloads {
				if r.RTP.Addr() == p.Addr.Addr() && strconv.Itoa(int(l.Type)) == n {
					got = fmt.Sprintf("to=%d", l.To)
					if l.Clock != l.ToClock {
						got += fmt.Sprintf(" clock=%d", l.ToClock)
					}
					if l.Stop {
						got += " stop"
					}
				}
			}
		}
		if got != strings.Join(words[3:], " ") {
			w.fail("payload type %s of %s: %s, want %v", n, p.Name, got, words[3:])
		}
	}
}

// news gives the server an event of the relay about a phone's port.
func (w *World) news(name string, e media.Event) {
	p := w.party(name)
	for id, r := range w.Media.Remotes {
		if r.RTP.Addr() == p.Addr.Addr() {
			e.Call, e.Port = w.Media.calls[id], id
			w.step(func() { w.Server.MediaEvent(e) })
			return
		}
	}
	w.fail("%s has no port", name)
}
