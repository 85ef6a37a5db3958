package flow

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bifrons/bifrons/ivr/form"
)

// prompts finds recordings that are not there. Names with templates cannot be looked at.
func (c *checker) prompts(g Graph, there Prompts) {
	for i := range g.Nodes {
		c.missing(g.Nodes[i].Value.Sounds(), there)
	}
	if g.Sub != "" {
		return
	}
	d := c.f.Defaults
	for _, rs := range [][]Reaction{d.NoInput, d.NoMatch} {
		for _, r := range rs {
			c.missing(r.Play, there)
		}
	}
	if d.Failed != nil {
		c.missing(d.Failed.Play, there)
	}
}

func (c *checker) missing(sounds []Sound, there Prompts) {
	for _, s := range sounds {
		if name, fixed := s.Prompt.Fixed(); fixed && name != "" {
			var without []string
			languages := c.f.Spoken()
			for _, l := range languages {
				if !there.HasPrompt(name, l) {
					without = append(without, l)
				}
			}
			switch {
			case len(without) == 0:
			case len(without) == len(languages):
				c.warn(s.Prompt.At, "the prompt %s is not there; record it as %s, or write `say:` with a text", form.Tick(name), filepath.Join(c.f.Prompts, name+".wav"))
			default:
				c.warn(s.Prompt.At, "the prompt %s is not there in %s; record it as %s", form.Tick(name), strings.Join(without, ", "), filepath.Join(c.f.Prompts, without[0], name+".wav"))
			}
		}
		if name, fixed := s.File.Fixed(); fixed && name != "" && !strings.Contains(name, "://") && !there.HasFile(name) {
			c.warn(s.File.At, "the file %s is not there, seen from %s", form.Tick(name), form.Tick(c.f.Folder()))
		}
	}
}

// Spoken lists the languages a caller may have, the first being the usual one.
func (f *Flow) Spoken() []string {
	out := slices.Clone(f.Languages)
	if l, fixed := f.Language.Fixed(); fixed && l != "" {
		out = slices.DeleteFunc(out, func(s string) bool { return s == l })
		out = append([]string{l}, out...)
	}
	if len(out) == 0 {
		out = []string{"en"}
	}
	return out
}

// Folder is where the recordings of the application are.
func (f *Flow) Folder() string {
	if filepath.IsAbs(f.Prompts) {
		return f.Prompts
	}
	return filepath.Join(filepath.Dir(f.File), f.Prompts)
}

// endings of recordings, in the order they are looked for.
var endings = [...]string{".wav", ".amr", ".awb"}

// Files finds recordings in the folder of an application, and asks Shipped for others; it may be nil.
type Files struct {
	Folder  string
	Shipped func(name, language string) bool
}

// HasPrompt implements Prompts.
func (p Files) HasPrompt(name, lang string) bool {
	return p.Find(name, lang) != "" || p.Shipped != nil && p.Shipped(name, lang)
}

// Find gives the file of a prompt, "" if there is none: in the folder of the language, of its first part, or of all.
func (p Files) Find(name, lang string) string {
	if !filepath.IsLocal(name) {
		return ""
	}
	for _, dir := range []string{lang, primary(lang), ""} {
		for _, e := range endings {
			file := filepath.Join(p.Folder, dir, name+e)
			if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
				return file
			}
		}
	}
	return ""
}

// HasFile implements Prompts.
func (p Files) HasFile(name string) bool {
	if !filepath.IsAbs(name) {
		name = filepath.Join(p.Folder, name)
	}
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}
