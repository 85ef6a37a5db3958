package archtest

import "strings"

// What the rules allow. Whoever adds a line here gives the reason.

// layer is a part of the tree. It imports only parts of a smaller rank, and
// within itself what Go allows.
type layer struct {
	dir  string
	rank int
}

// layers is section 3 of docs/architecture.md. A package under none of these is an
// error: the top of the tree stays as it is.
var layers = []layer{
	{"internal/mailbox", 0}, {"internal/leak", 0},
	{"sip", 1}, {"diameter", 1}, {"media", 1}, {"cluster", 1},
	{"b2bua", 2},
	{"ims", 3},
	{"ivr", 4},
	{"services", 5},
	{"configs", 6},
	{"internal/admin", 7},
	{"cmd", 8},
	// Nobody imports these; they look at everything.
	{"internal/archtest", 9}, {"test", 9}, {"docs", 9},
}

// forbiddenImports are those the ranks would allow.
var forbiddenImports = []struct{ from, to, reason string }{
	{"b2bua", "diameter", "the call knows no Diameter"},
	{"b2bua", "cluster", "the call is replicated through b2bua.Store"},
}

// mayStart lists who owns threads, and so may say `go`. A path is a folder or a
// file; the rule does not look at tests. Everybody else posts to a mailbox, or gives
// the work to an owner.
var mayStart = []struct{ path, reason string }{
	{"sip", "one goroutine reads each socket"},
	{"b2bua/fence.go", "goroutines for events from outside the messages, and the watchdog"},
	{"b2bua/timer.go", "the goroutine that turns the timer wheel"},
	{"b2bua/server.go", "waits for both"},
	{"b2bua/trace", "the sender of copies: a step never writes to a collector"},
	{"b2bua/cdr", "a writer of records: a step never writes to a file"},
	{"media", "relay threads, and the players and recorders beside them"},
	{"diameter", "a reader and a watchdog for each peer"},
	{"cluster", "links to other nodes"},
	{"internal", "the admin HTTP server"},
	{"cmd", "starts the servers and waits for signals"},
	{"test", "drives real processes"},
}

// longFiles may be longer than fileLines: tables and generated code.
var longFiles = []struct{ path, reason string }{}

const (
	fileLines     = 500
	testFileLines = 800
	funcLines     = 80 // 60 is the aim; the test logs what is between
	funcAim       = 60
)

// badPackages say nothing about what is in them.
var badPackages = []string{"util", "utils", "common", "types", "helper", "helpers", "base", "manager", "misc", "shared"}

// words must be in no file: they tell of one machine, or of where packages came from.
// They are cut in two here so that this file may be looked at, too.
var words = []string{
	"/wo" + "rk/",
	"/tmp/bash" + "_jobs",
	"proxy.golang" + ".org",
	"sum.golang" + ".org",
	"deb.debian" + ".org",
	"registry.npmjs" + ".org",
	"files.pythonhosted" + ".org",
	"pypi" + ".org",
}

// skipped names what Git ignores or owns.
func skipped(p string) bool {
	for _, dir := range []string{".git", "bin", "test/bench/out"} {
		if under(p, dir) {
			return true
		}
	}
	return strings.HasSuffix(p, ".test") || strings.HasSuffix(p, ".prof")
}
