package flow

import (
	"strconv"

	"github.com/bifrons/bifrons/ivr/form"
)

// Branch is a way out of a node.
type Branch struct {
	Label  string // a key, or such as "no input"; "next" is the plain way on
	Target string // a node, or End
	At     form.Place
	Said   bool // written in the file; others are what happens without a word
}

// Branches lists the ways out of a node in the order people read them.
func (n *Node) Branches() (out []Branch) {
	add := func(label string, r Ref) {
		if r.Set() {
			out = append(out, Branch{label, r.Name, r.At, true})
		}
	}
	for _, k := range n.Menu {
		add(k.Name, k.Value)
	}
	if len(n.If) == 1 {
		add("then", n.Then)
		add("then", n.If[0].Next)
	} else {
		for i, c := range n.If {
			add(strconv.Itoa(i+1), c.Next)
		}
	}
	add("else", n.Else)
	if n.Kind == If && !n.Else.Set() {
		out = append(out, Branch{Label: "else", Target: End})
	}
	add("open", n.Open)
	add("closed", n.Closed)
	add("holiday", n.Holiday)
	for _, missing := range []struct {
		label string
		is    bool
	}{{"open", !n.Open.Set()}, {"closed", !n.Closed.Set()}} {
		if n.Kind == OpeningHours && missing.is {
			out = append(out, Branch{Label: missing.label, Target: End})
		}
	}
	add("goto", n.Goto)
	add("next", n.Next)
	add("not found", n.NotFound)
	add("busy", n.Busy)
	add("no answer", n.NoAnswer)
	for _, r := range n.NoInput {
		add("no input", r.Next)
	}
	for _, r := range n.NoMatch {
		add("no match", r.Next)
	}
	if n.Failed != nil {
		add("failed", n.Failed.Next)
	}
	if !n.Next.Set() && n.passes() {
		out = append(out, Branch{Label: "next", Target: End})
	}
	return out
}

// passes tells whether a node has a plain way on.
func (n *Node) passes() bool {
	switch n.Kind {
	case Menu, If, OpeningHours, Goto, Hangup, Leave:
		return false
	}
	return true
}

// Read tells what is put together from prompts of words, and as what; empty if the sound is none such.
func (s *Sound) Read() (as string, t Text) {
	for _, x := range []struct {
		as   string
		text Text
	}{{"digits", s.Digits}, {"number", s.Number}, {"money", s.Money}, {"date", s.Date}, {"time", s.Time}, {"spell", s.Spell}} {
		if !x.text.Empty() {
			return x.as, x.text
		}
	}
	return "", Text{}
}

// Given tells that there is something to say.
func (s Say) Given() bool { return !s.Text.Empty() || len(s.In) > 0 }

// In gives the text in a language: that of the language, of its first part (de of de-AT), or the first there is.
func (s Say) For(lang string) Text {
	if len(s.In) == 0 {
		return s.Text
	}
	for _, want := range []string{lang, primary(lang)} {
		for _, l := range s.In {
			if l.Name == want {
				return l.Value
			}
		}
	}
	return s.In[0].Value
}

func primary(lang string) string {
	for i := range lang {
		if lang[i] == '-' {
			return lang[:i]
		}
	}
	return lang
}

// Sounds lists all that is heard at a node, also from its reactions.
func (n *Node) Sounds() []Sound {
	out := Heard(n.Play, n.Say)
	for _, rs := range [][]Reaction{n.NoInput, n.NoMatch} {
		for _, r := range rs {
			out = append(out, Heard(r.Play, r.Say)...)
		}
	}
	if n.Failed != nil {
		out = append(out, Heard(n.Failed.Play, n.Failed.Say)...)
	}
	out = append(out, Heard(nil, n.Whisper)...)
	if n.Accept != nil {
		out = append(out, Heard(n.Accept.Play, n.Accept.Say)...)
	}
	return out
}

// Heard puts the two keys of prompts into one list: what is played comes before what is said.
func Heard(play []Sound, say []Say) []Sound {
	out := append([]Sound(nil), play...)
	for _, s := range say {
		at := s.Text.At
		if len(s.In) > 0 {
			at = s.In[0].At
		}
		out = append(out, Sound{Say: s, At: at})
	}
	return out
}
