package services

import (
	"time"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/ims"
	"github.com/bifrons/bifrons/services/announce"
	"github.com/bifrons/bifrons/services/echo"
	"github.com/bifrons/bifrons/services/example"
	"github.com/bifrons/bifrons/services/memo"
	"github.com/bifrons/bifrons/services/reachability"
	"github.com/bifrons/bifrons/services/room"
)

// Deps is what services get from the program that wires them.
type Deps struct {
	// Subscribers are the sources of subscriber data in their order; nil when the configuration has none.
	Subscribers ims.Source
	// AS chooses the chain behind an S-CSCF.
	AS *ims.AS
}

// Entry is one application of the catalogue.
type Entry struct {
	Name      string
	Version   string
	New       func(Deps) b2bua.App
	OnFailure b2bua.OnFailure
	Deadline  time.Duration // of a Hold; 0 is the engine's 5 s
	LooksUp   bool          // is of no use without Deps.Subscribers
}

// Catalogue lists every application, in the order of their names.
func Catalogue() []Entry {
	return []Entry{
		{Name: "announce", Version: "1", New: func(Deps) b2bua.App { return announce.App{} }, OnFailure: b2bua.Terminate},
		{Name: "echo", Version: "1", New: func(Deps) b2bua.App { return echo.App{} }, OnFailure: b2bua.Terminate},
		{Name: "example", Version: "1", New: func(Deps) b2bua.App { return example.App{} }, OnFailure: b2bua.Continue},
		{Name: "ims", Version: "1", New: func(d Deps) b2bua.App { return d.chooser() }, OnFailure: b2bua.Continue},
		{Name: "memo", Version: "1", New: func(Deps) b2bua.App { return memo.App{} }, OnFailure: b2bua.Terminate},
		{Name: "reachability", Version: "1", New: func(d Deps) b2bua.App { return reachability.App{Subscribers: d.Subscribers, AS: d.chooser()} },
			OnFailure: b2bua.Continue, LooksUp: true, Deadline: 2 * time.Second},
		{Name: "room", Version: "1", New: func(Deps) b2bua.App { return room.App{} }, OnFailure: b2bua.Terminate},
	}
}

// chooser is the application ims; without a configuration it has no chains to choose among.
func (d Deps) chooser() *ims.AS {
	if d.AS == nil {
		return ims.NewAS(ims.DefaultConfig(), d.Subscribers)
	}
	return d.AS
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

// NamesLookingUp lists those that are of no use without sources of subscribers.
func NamesLookingUp() (out []string) {
	for _, e := range Catalogue() {
		if e.LooksUp {
			out = append(out, e.Name)
		}
	}
	return out
}
