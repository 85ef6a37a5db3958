package b2bua_test

import (
	"cmp"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/b2bua/b2buatest"
	"github.com/bifrons/bifrons/media"
)

// puppet is an application that a scenario's config line moves: on="invite: accept; play prompt:welcome barge" names an
// event and the effects that follow it. What it is told it notes.
func puppet(w *b2buatest.World, words []string) b2bua.Link {
	moves := map[string]string{}
	for _, word := range words {
		if on, ok := strings.CutPrefix(word, "on="); ok {
			event, effects, _ := strings.Cut(on, ":")
			moves[event] = effects
		}
	}
	handle := func(s *b2bua.Step, ev b2bua.Event) b2bua.Verdict {
		name := b2bua.EventName(ev)
		note, labels := "", []string{name}
		switch ev := ev.(type) {
		case b2bua.Played:
			note = fmt.Sprintf("%s %s %s", name, ev.Name, ev.Reason)
			if ev.Err != "" {
				note += ": " + ev.Err
			}
			labels = []string{name + " " + ev.Name + " " + ev.Reason, name + " " + ev.Name, name}
		case b2bua.Collected:
			note = fmt.Sprintf("%s %s %s %s %s", name, ev.Name, cmp.Or(ev.Digits, "none"), ev.Reason, ev.End)
			labels = []string{name + " " + ev.Digits, name}
		case b2bua.Recorded:
			note = fmt.Sprintf("%s %s %s %s %s", name, ev.Name, ev.Reason, ev.Key, first(ev.Files))
			labels = []string{name + " " + ev.Name, name}
		case b2bua.Sent:
			note = fmt.Sprintf("%s %s %s", name, ev.Name, ev.Reason)
			if ev.Err != "" {
				note += ": " + ev.Err
			}
		case b2bua.Connected:
			note = fmt.Sprintf("%s %v %s", name, ev.Legs, ev.Reason)
			if ev.Err != "" {
				note += ": " + ev.Err
			}
		case b2bua.Failure:
			note = fmt.Sprintf("%s %d", name, ev.Status)
		case b2bua.Hangup:
			note = fmt.Sprintf("%s %d", name, ev.Leg)
			labels = []string{fmt.Sprintf("%s %d", name, ev.Leg), name}
		case b2bua.Digit:
			note = fmt.Sprintf("%s %s %s", name, ev.Key, ev.By)
			labels = []string{name + " " + ev.Key, name}
		case b2bua.Ended:
			for _, r := range ev.Recordings {
				w.Notes = append(w.Notes, fmt.Sprintf("unfinished %s %s", r.Name, first(r.Files)))
			}
		}
		if note != "" {
			w.Notes = append(w.Notes, strings.Join(strings.Fields(note), " "))
		}
		for _, l := range labels {
			if effects, ok := moves[l]; ok {
				for _, e := range strings.Split(effects, ";") {
					s.Do(effect(strings.Fields(e)))
				}
				return b2bua.Stop
			}
		}
		return b2bua.Pass
	}
	return b2bua.Link{App: app{"puppet", handle}, Version: "1", OnFailure: b2bua.Terminate}
}

// first returns the first file of a recording: how many there are depends on how often the server was replaced.
func first(files []string) string {
	if len(files) == 0 {
		return ""
	}
	return files[0]
}

// effect makes an effect of words: its name, items such as prompt:welcome, fields such as max=4, and flags.
func effect(words []string) b2bua.Effect {
	p := b2bua.NewEffect(words[0])
	if p == nil {
		return words[0]
	}
	v := reflect.ValueOf(p).Elem()
	for _, word := range words[1:] {
		if kind, what, ok := strings.Cut(word, ":"); ok && !strings.Contains(kind, "=") {
			items := v.FieldByName("Items")
			i := media.Item{}
			switch kind {
			case "prompt":
				i.Prompt = what
			case "text":
				i.Text = what
			case "tone":
				i.Tone = what
			case "silence":
				i.Silence, _ = time.ParseDuration(what)
			}
			items.Set(reflect.Append(items, reflect.ValueOf(i)))
			continue
		}
		k, value, _ := strings.Cut(word, "=")
		f := v.FieldByNameFunc(func(n string) bool { return strings.EqualFold(n, k) })
		d, notDuration := time.ParseDuration(value)
		n, _ := strconv.Atoi(value)
		switch {
		case !f.IsValid():
			panic("no such field: " + word)
		case f.Type() == reflect.TypeFor[time.Duration]() && notDuration == nil:
			f.SetInt(int64(d))
		case f.Kind() == reflect.Bool:
			f.SetBool(value != "false")
		case f.CanInt():
			f.SetInt(int64(n))
		case f.Type() == reflect.TypeFor[[]string]():
			f.Set(reflect.ValueOf(strings.Split(value, ",")))
		case f.Kind() == reflect.Slice:
			for _, one := range strings.Split(value, ",") {
				n, _ := strconv.Atoi(one)
				f.Set(reflect.Append(f, reflect.ValueOf(n)))
			}
		default:
			f.SetString(value)
		}
	}
	return v.Interface()
}
