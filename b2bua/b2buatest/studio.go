package b2buatest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bifrons/bifrons/media"
)

// studio plays and checks what Bifrons does at its end of the media.
func (w *World) studio(words []string) {
	id := media.PortID(0)
	if words[0] != "told" && words[0] != "room" {
		var ok bool
		if id, ok = w.Media.portOf(w.party(words[1]).Addr.Addr()); !ok && words[0] != "plays" {
			w.fail("%s has no port", words[1])
		}
	}
	switch words[0] {
	case "told": // the next thing an application of the test has noted
		if len(w.Notes) == 0 || w.Notes[0] != strings.Join(words[1:], " ") {
			w.fail("told %q, want %q", w.Notes, strings.Join(words[1:], " "))
		}
		w.Notes = w.Notes[1:]
	case "plays": // what is played to a phone: plays alice prompt:welcome silence:1s
		got := "nothing"
		if p, ok := w.Media.Playing[id]; ok {
			got = played(p)
		}
		if want := strings.Join(words[2:], " "); got != want {
			w.fail("%s hears %s, want %s", words[1], got, want)
		}
	case "played": // a player has ended: played alice done, played alice failed "no such file"
		p, ok := w.Media.Playing[id]
		if !ok {
			w.fail("nothing is played to %s", words[1])
		}
		delete(w.Media.Playing, id)
		e := media.Event{Kind: media.Played, ID: p.ID, Reason: reason(words[2]), Duration: 5 * time.Second}
		if len(words) > 3 {
			e.Err = words[3]
		}
		w.news(words[1], e)
	case "records": // what is recorded of a phone: records alice a.wav max=10s paused
		got := "nothing"
		if r, ok := w.Media.Writing[id]; ok {
			name, _, _ := strings.Cut(r.Path, "-") // of a first part
			got = fmt.Sprintf("%s max=%s", strings.TrimSuffix(name, ".wav"), r.Max.Round(time.Second))
			if w.Media.Paused[id] {
				got += " paused"
			}
		}
		if want := strings.Join(words[2:], " "); got != want {
			w.fail("of %s is recorded %s, want %s", words[1], got, want)
		}
	case "recorded": // a recorder has ended: recorded alice silence
		r, ok := w.Media.Writing[id]
		if !ok {
			w.fail("nothing is recorded of %s", words[1])
		}
		delete(w.Media.Writing, id)
		w.news(words[1], media.Event{Kind: media.Recorded, ID: r.ID, Reason: reason(words[2]), Path: r.Path, Duration: 3 * time.Second})
	case "left", "listens", "heard", "speaks", "room":
		w.heard(id, words)
	}
}

// heard checks what is heard, and by whom.
func (w *World) heard(id media.PortID, words []string) {
	switch words[0] {
	case "left": // a phone could not enter its room
		delete(w.Media.Rooms, id)
		w.news(words[1], media.Event{Kind: media.Left, Err: "codec is not decoded here"})
	case "listens": // for tones in a phone's speech
		if got := fmt.Sprint(w.Media.InBand[id]); got != words[2] {
			w.fail("listens for tones of %s: %s, want %s", words[1], got, words[2])
		}
	case "heard": // whether a phone can hear us
		if got := fmt.Sprint(w.Media.Remotes[id].Send); got != words[2] {
			w.fail("what is sent to %s is heard: %s, want %s", words[1], got, words[2])
		}
	case "speaks": // the codecs spoken to a phone: speaks alice PCMA
		var got []string
		for _, f := range w.Media.Remotes[id].Formats {
			got = append(got, fmt.Sprintf("%s@%d", f.Codec, f.Type))
		}
		if !slices.Equal(got, words[2:]) {
			w.fail("speaks %v to %s, want %v", got, words[1], words[2:])
		}
	case "room": // who is in a room: room alice bob
		var got []string
		for id := range w.Media.Rooms {
			for _, p := range w.Parties {
				if w.Media.Remotes[id].RTP.Addr() == p.Addr.Addr() {
					got = append(got, p.Name)
				}
			}
		}
		if slices.Sort(got); !slices.Equal(got, words[1:]) {
			w.fail("in the room are %v, want %v", got, words[1:])
		}
	}
}

// played prints what a player plays.
func played(p media.Play) string {
	var out []string
	for _, i := range p.Items {
		switch {
		case i.Prompt != "":
			out = append(out, "prompt:"+i.Prompt)
		case i.Text != "":
			out = append(out, "text:"+i.Text)
		case i.Tone != "":
			out = append(out, "tone:"+i.Tone)
		case i.File != "":
			out = append(out, "file:"+i.File)
		default:
			out = append(out, "silence:"+i.Silence.String())
		}
	}
	if p.Repeat != 0 {
		out = append(out, fmt.Sprintf("repeat=%d", p.Repeat))
	}
	return strings.Join(out, " ")
}

func reason(name string) media.Reason {
	for r := media.ReasonDone; r <= media.ReasonHangup; r++ {
		if r.String() == name {
			return r
		}
	}
	return 0
}
