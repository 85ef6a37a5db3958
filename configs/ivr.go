package configs

import (
	"embed"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Menu is an application for callers: the App ivr/NAME.
type Menu struct {
	Name       string
	File       string            // of the menu
	Sample     string            // or one of those that are built in
	Called     *regexp.Regexp    // what the user part of the Request-URI must match; nil: anything
	Params     map[string]string // parameters of the menu
	Recordings string            // folder of what callers say
	Fetch      []string          // beginnings of addresses that recordings may be fetched from
}

//go:embed ivr/*.yaml ivr/*.csv
var menus embed.FS

// SampleFiles are the files beside the menus that are built in, such as the rooms of the conference.
func SampleFiles() fs.FS {
	files, err := fs.Sub(menus, "ivr")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	return files
}

// SampleMenu gives the text of a menu that is built in.
func SampleMenu(name string) ([]byte, error) {
	text, err := menus.ReadFile("ivr/" + name + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("no sample %s; there are %s", tick(name), strings.Join(SampleMenus(), ", "))
	}
	return text, nil
}

// SampleMenus lists the menus that are built in.
func SampleMenus() (out []string) {
	entries, err := menus.ReadDir("ivr")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	for _, e := range entries {
		if name, is := strings.CutSuffix(e.Name(), ".yaml"); is {
			out = append(out, name)
		}
	}
	return out
}

// App is what a chain calls the menu.
func (m *Menu) App() string { return "ivr/" + m.Name }

func (d *decoder) menus(v value, list *[]Menu) {
	d.entries(v, func(name string, at place, e value) {
		m := Menu{Name: name}
		if err := sideName(name); err != nil {
			d.fail(at, strings.Replace(err.Error(), "a side", "a menu", 1))
			d.bad[e.path] = true
		}
		d.either(e, e.is(ast.StringType), d.path(&m.File), func(e value) { d.menu(e, &m) })
		*list = append(*list, m)
	})
}

func (d *decoder) menu(v value, m *Menu) {
	d.fields(v, []field{
		{"file", d.path(&m.File)},
		{"sample", d.text(&m.Sample)},
		{"called", d.expression(&m.Called)},
		{"params", func(v value) {
			m.Params = map[string]string{}
			d.entries(v, func(name string, _ place, e value) {
				var text string
				d.text(&text)(e)
				m.Params[name] = text
			})
		}},
		{"recordings", d.text(&m.Recordings)},
		{"fetch", readList(d, &m.Fetch, "an address such as https://example.com/prompts/, or a list of them", word)},
	})
}

// checkMenus checks what the menus need.
func (c *Config) checkMenus(bad problem) {
	for i := range c.Menus {
		m, path := &c.Menus[i], "ivr."+c.Menus[i].Name
		switch {
		case m.File == "" && m.Sample == "":
			bad(path, "no menu is given; add `file:`, or `sample:` with one of "+strings.Join(SampleMenus(), ", "))
		case m.File != "" && m.Sample != "":
			bad(path+".sample", "a menu is either a file or a sample; remove one of the two")
		case m.Sample != "" && !slices.Contains(SampleMenus(), m.Sample):
			bad(path+".sample", "no sample is named "+tick(m.Sample)+suggest(m.Sample, SampleMenus()))
		case !c.Media.Anchor:
			bad(path, "a menu speaks with callers, so media must be anchored; write `media: {anchor: true}`, or remove it")
		}
		for j, f := range m.Fetch {
			if !strings.HasPrefix(f, "http://") && !strings.HasPrefix(f, "https://") {
				bad(fmt.Sprintf("%s.fetch[%d]", path, j), tick(f)+" is no beginning of an address; write one such as https://example.com/prompts/")
			}
		}
	}
}

// apps lists what chains may name.
func (c *Config) apps(known Known) []string {
	if known.Apps == nil {
		return nil
	}
	out := slices.Clone(known.Apps)
	for i := range c.Menus {
		out = append(out, c.Menus[i].App())
	}
	return out
}
