package services

import (
	"time"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/services/example"
)

// Deps is what services get from the program that wires them.
type Deps struct{}

// Entry is one application of the catalogue.
type Entry struct {
	Name      string
	Version   string
	New       func(Deps) b2bua.App
	OnFailure b2bua.OnFailure
	Deadline  time.Duration // of a Hold; 0 is the engine's 5 s
}

// Catalogue lists every application, in the order of their names.
func Catalogue() []Entry {
	return []Entry{
		{Name: "example", Version: "1", New: func(Deps) b2bua.App { return example.App{} }, OnFailure: b2bua.Continue},
	}
}

// Apps makes all applications of the catalogue.
func Apps(d Deps) map[string]b2bua.Link {
	out := map[string]b2bua.Link{}
	for _, e := range Catalogue() {
		out[e.Name] = b2bua.Link{App: e.New(d), Version: e.Version, OnFailure: e.OnFailure, Deadline: e.Deadline}
	}
	return out
}

// Names lists what a configuration may name.
func Names() (out []string) {
	for _, e := range Catalogue() {
		out = append(out, e.Name)
	}
	return out
}
