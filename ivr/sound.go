package ivr

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/bifrons/bifrons/ivr/flow"
	"github.com/bifrons/bifrons/ivr/walk"
	"github.com/bifrons/bifrons/media"
)

// items makes of sounds what a player plays. What has to be fetched first comes in fetches; missing names the first that is not there.
func (t *turn) items(sounds []walk.Sound) (items []media.Item, fetches []fetch, missing string) {
	for i, x := range sounds {
		var item media.Item
		fault := ""
		switch x.Kind {
		case "say":
			item = t.said(x)
		case "prompt":
			item, fault = t.prompt(x)
		case "file":
			switch path, err := t.app.playing(t.edition, x.Text); {
			case isURL(x.Text) && t.app.mayFetch(x.Text):
				fetches = append(fetches, fetch{i, x.Text})
				continue
			case isURL(x.Text):
				fault = t.app.notFetched(x.Text).Error()
			case err != nil:
				fault = err.Error()
			default:
				item.File = path
			}
		case "fetched":
			item.File = x.Text
		case "tone":
			item.Tone = x.Text
			switch {
			case x.Text == "sit":
				item.Length = sitLength
			case x.Text != "beep" && !strings.HasPrefix(x.Text, "dtmf:"):
				item.Length = toneLength
			}
		case "digits":
			item.Text, item.As = spoken(x.Text), "digits"
		case "silence":
			item.Silence = x.Length
		default: // number, money, date, time, spell
			item.Text, item.As, item.Currency = strings.TrimSpace(x.Text), x.Kind, x.Currency
		}
		if fault != "" {
			if missing == "" {
				missing = fault
			}
			continue
		}
		item.Language = x.Language
		items = append(items, item)
	}
	return items, fetches, missing
}

// toneLength ends a tone whose cadence would repeat for ever; sitLength is that of three tones (ITU-T E.180 7).
const (
	toneLength = 4 * time.Second
	sitLength  = 1100 * time.Millisecond
)

// stretch has a tone at the end sound until the limit of what is played, which is longer than one round of most cadences.
func stretch(items []media.Item, r walk.Play) {
	if last := &items[len(items)-1]; r.Repeat == 0 && last.Length > 0 {
		last.Length = r.Limit
	}
}

// spoken leaves of a text what can be read key by key.
func spoken(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r == '*' || r == '#' || r >= 'A' && r <= 'D' {
			return r
		}
		return -1
	}, s)
}

// said is a text that is read. Where nobody can, a prompt that says the same is played.
func (t *turn) said(x walk.Sound) media.Item {
	item := media.Item{Text: x.Text, Voice: x.Voice}
	name := Slug(x.Text)
	if file := t.edition.recorded(name, x.Language); file != "" {
		return media.Item{File: file}
	}
	if speech := t.app.deps.Speech; speech != nil && t.edition.has(speech, name, x.Language) {
		item.Fallback = &media.Item{Prompt: name, Language: x.Language}
	}
	return item
}

// Slug is the name of the prompt that says a text: its first words in lower case, with hyphens, without what is no letter or
// digit.
func Slug(text string) string {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	out := ""
	for _, w := range words {
		for _, x := range [][2]string{{"ä", "ae"}, {"ö", "oe"}, {"ü", "ue"}, {"ß", "ss"}} {
			w = strings.ReplaceAll(w, x[0], x[1])
		}
		w = strings.Map(func(r rune) rune {
			if r < 'a' && (r < '0' || r > '9') || r > 'z' {
				return -1
			}
			return r
		}, w)
		if w == "" {
			continue
		}
		if len(out)+1+len(w) > 48 {
			break
		}
		if out != "" {
			out += "-"
		}
		out += w
	}
	return out
}

func (t *turn) prompt(x walk.Sound) (media.Item, string) {
	if file := t.edition.recorded(x.Text, x.Language); file != "" {
		return media.Item{File: file}, ""
	}
	if speech := t.app.deps.Speech; speech != nil && !t.edition.has(speech, x.Text, x.Language) {
		return media.Item{}, fmt.Sprintf("there is no prompt %s in %s; record it as %s", x.Text, x.Language, filepath.Join(t.edition.flow.Prompts, x.Text+".wav"))
	}
	return media.Item{Prompt: x.Text}, ""
}

// mayFetch tells whether a recording may be fetched from an address.
func (a *App) mayFetch(url string) bool {
	return slices.ContainsFunc(a.cfg.Fetch, func(start string) bool { return strings.HasPrefix(url, start) })
}

// Texts lists what a menu reads in a language, without what has a template in it.
func Texts(f *flow.Flow, language string) (out []string) {
	add := func(sounds []flow.Sound) {
		for _, s := range sounds {
			if !s.Say.Given() {
				continue
			}
			if text, fixed := s.Say.For(language).Fixed(); fixed && text != "" && !slices.Contains(out, text) {
				out = append(out, text)
			}
		}
	}
	for _, g := range f.Graphs() {
		for i := range g.Nodes {
			add(g.Nodes[i].Value.Sounds())
		}
	}
	for _, list := range [][]flow.Reaction{f.Defaults.NoInput, f.Defaults.NoMatch} {
		for _, r := range list {
			add(flow.Heard(r.Play, r.Say))
		}
	}
	if r := f.Defaults.Failed; r != nil {
		add(flow.Heard(r.Play, r.Say))
	}
	return out
}
