package ivr

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/bifrons/bifrons/ivr/flow"
)

// edition is a menu as it was read at some time.
type edition struct {
	flow  *flow.Flow
	files map[string]string // recordings by language/name
	rooms bool              // a caller may come into one

	mu    sync.Mutex
	there map[string]bool // prompts of the library that were asked for
}

// editions are the versions that calls may be on. The last keepEditions stay.
type editions struct {
	mu   sync.Mutex
	list []*edition // the newest last
	seen fileState
}

// fileState tells whether a file has changed.
type fileState struct {
	text   []byte
	broken string
}

const keepEditions = 64

func (e *editions) current() *edition {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.list[len(e.list)-1]
}

// of finds the edition a call has begun with; one that is gone, or was another node's, is the newest.
func (e *editions) of(version string) *edition {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := len(e.list) - 1; i >= 0; i-- {
		if e.list[i].flow.Version == version {
			return e.list[i]
		}
	}
	return e.list[len(e.list)-1]
}

// add makes an edition the newest. One of the same version has new recordings only, and takes the place of the old one.
func (e *editions) add(n *edition) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.list {
		if e.list[i].flow.Version == n.flow.Version {
			e.list = append(e.list[:i], e.list[i+1:]...)
			break
		}
	}
	e.list = append(e.list, n)
	if len(e.list) > keepEditions {
		e.list = e.list[1:]
	}
}

// read reads the menu and finds its recordings.
func (a *App) read() (*edition, error) {
	text := a.cfg.Text
	if text == nil {
		var err error
		if text, err = os.ReadFile(a.cfg.File); err != nil {
			return nil, err
		}
	}
	a.editions.mu.Lock()
	a.editions.seen.text = text
	a.editions.mu.Unlock()
	f, err := flow.Parse(a.cfg.File, text)
	if err != nil {
		return nil, err
	}
	e := &edition{flow: f, files: map[string]string{}, there: map[string]bool{}}
	for _, g := range f.Graphs() {
		e.rooms = e.rooms || slices.ContainsFunc(g.Nodes, func(n flow.Named[flow.Node]) bool { return n.Value.Kind == flow.Conference })
	}
	if a.cfg.Text == nil {
		e.files = findRecordings(f.Folder())
	}
	return e, nil
}

// maxRecordings bounds how many files of a folder are looked at.
const maxRecordings = 20_000

// findRecordings lists the recordings of a menu: in its folder, and in folders of languages in it.
func findRecordings(folder string) map[string]string {
	out := map[string]string{}
	n := 0
	_ = filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(folder, path)
		switch n++; {
		case err != nil || n > maxRecordings:
			return fs.SkipAll
		case e.IsDir() && strings.Count(rel, string(filepath.Separator)) >= 1:
			return fs.SkipDir
		case e.Type().IsRegular() && playable(path):
			name := filepath.ToSlash(strings.TrimSuffix(rel, filepath.Ext(rel)))
			if out[name] == "" || filepath.Ext(path) == ".wav" { // beside it .amr and .awb are found by the library
				if abs, err := filepath.Abs(path); err == nil {
					out[name] = abs
				}
			}
		}
		return nil
	})
	return out
}

func playable(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".wav", ".amr", ".awb":
		return true
	}
	return false
}

// recorded finds the menu's own recording of a prompt, "" if there is none: in the language, in its first part, or for all.
func (e *edition) recorded(name, language string) string {
	short, _, _ := strings.Cut(language, "-")
	for _, dir := range []string{language + "/", short + "/", ""} {
		if file := e.files[dir+name]; file != "" {
			return file
		}
	}
	return ""
}

// has tells whether the library has a prompt; it is asked once, for it looks at a disk.
func (e *edition) has(library Speech, name, language string) bool {
	key := language + "/" + name
	e.mu.Lock()
	defer e.mu.Unlock()
	is, known := e.there[key]
	if !known && len(e.there) < maxRecordings {
		is = library.Has(name, language)
		e.there[key] = is
	}
	return is
}

// Refresh reads the menu again if its file has changed. One that is broken is told in the log, and calls go on with the one before.
func (a *App) Refresh() {
	if a.cfg.Text != nil {
		return
	}
	before := a.editions.current()
	text, err := os.ReadFile(a.cfg.File)
	if err != nil {
		a.broken(err)
		return
	}
	a.editions.mu.Lock()
	same := bytes.Equal(text, a.editions.seen.text)
	a.editions.mu.Unlock()
	if same && sameFiles(before.files, findRecordings(before.flow.Folder())) {
		return
	}
	e, err := a.read()
	if err != nil {
		a.broken(err)
		return
	}
	a.editions.mu.Lock()
	a.editions.seen.broken = ""
	a.editions.mu.Unlock()
	a.editions.add(e)
	if e.flow.Version != before.flow.Version {
		a.deps.Metrics.reloads.WithLabelValues(a.cfg.Name, "read").Inc()
		a.deps.Log.Info("menu read again", "app", a.Name(), "file", a.cfg.File, "version", e.flow.Version)
	}
}

// broken tells once of a menu that cannot be read.
func (a *App) broken(err error) {
	a.editions.mu.Lock()
	told := a.editions.seen.broken == err.Error()
	a.editions.seen.broken = err.Error()
	version := a.editions.list[len(a.editions.list)-1].flow.Version
	a.editions.mu.Unlock()
	if told {
		return
	}
	a.deps.Metrics.reloads.WithLabelValues(a.cfg.Name, "broken").Inc()
	if errors.Is(err, fs.ErrNotExist) {
		err = errors.New("the file is gone")
	}
	a.deps.Log.Error("menu is broken, calls go on with the one before", "app", a.Name(), "file", a.cfg.File, "version", version, "err", err)
}

func sameFiles(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}
