// Package docs_test runs what the pages say: every snippet, every command line, every link, every table that has a twin in the
// code.
//
// A block of code with "<!-- from: FILE -->" on the line above it must stand in that file, word for word: so Go is compiled
// and scenarios are played. Go without it must at least parse. A yaml block is a configuration; one without sides gets two.
package docs_test

import (
	"encoding/json"
	"go/format"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/configs"
	"github.com/bifrons/bifrons/ims"
	"github.com/bifrons/bifrons/services"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// page is a Markdown file, with its path from the top of the module.
type page struct{ path, text string }

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// elsewhere finds the tests of other packages that look at a page by its name. They know its snippets better.
func elsewhere(t *testing.T, p page) bool {
	found := false
	err := filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil || found:
			return fs.SkipAll
		case e.IsDir() && e.Name() == ".git":
			return fs.SkipDir
		case strings.HasSuffix(path, "_test.go"):
			text, err := os.ReadFile(path)
			found = err == nil && strings.Contains(string(text), "/docs/"+filepath.Base(p.path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func pages(t *testing.T) []page {
	files, err := filepath.Glob("*.md")
	if err != nil || len(files) < 5 {
		t.Fatal("no pages", err)
	}
	out := []page{{"README.md", read(t, "README.md")}, {"CONTRIBUTING.md", read(t, "CONTRIBUTING.md")}}
	for _, f := range files {
		out = append(out, page{"docs/" + f, read(t, "docs/"+f)})
	}
	return out
}

// block is a fenced block of code.
type block struct {
	line       int
	lang, from string
	text       string
}

var fromLine = regexp.MustCompile(`^<!-- from: (\S+) -->$`)

func (p page) blocks() (out []block) {
	var b *block
	last := ""
	for i, l := range strings.Split(p.text, "\n") {
		lang, fence := strings.CutPrefix(l, "```")
		switch {
		case b == nil && fence:
			b = &block{line: i + 1, lang: lang}
			if m := fromLine.FindStringSubmatch(last); m != nil {
				b.from = m[1]
			}
		case fence:
			out = append(out, *b)
			b = nil
		case b != nil:
			b.text += l + "\n"
		}
		last = l
	}
	return out
}

// TestSnippets looks at every block of code.
func TestSnippets(t *testing.T) {
	for _, p := range pages(t) {
		if elsewhere(t, p) {
			continue
		}
		for _, b := range p.blocks() {
			fail := func(format string, args ...any) {
				t.Helper()
				t.Errorf("%s:%d: "+format, append([]any{p.path, b.line}, args...)...)
			}
			switch {
			case b.from != "":
				if !strings.Contains(read(t, b.from), b.text) {
					fail("this is not what stands in %s", b.from)
				}
			case b.lang == "go":
				if _, err := format.Source([]byte(b.text)); err != nil {
					fail("not Go: %v", err)
				}
			case b.lang == "call":
				fail("no <!-- from: FILE --> above a scenario: quote a file that a test plays")
			case b.lang == "yaml":
				if _, err := configs.Parse(p.path, []byte(complete(b.text)), known()); err != nil {
					fail("%v", err)
				}
			case b.lang == "json":
				if !json.Valid([]byte(b.text)) {
					fail("not valid JSON")
				}
			case b.lang != "sh" && b.lang != "console" && b.lang != "text":
				fail("block of %q; say sh, console, text, go, yaml, json or call", b.lang)
			}
		}
	}
}

func known() configs.Known {
	return configs.Known{Policies: append(b2bua.PolicyNames(), ims.HomePolicy().Name), Apps: services.Names(), LookUp: services.NamesLookingUp()}
}

// complete gives a part of a configuration the sides it speaks of.
func complete(text string) string {
	if strings.HasPrefix(text, "sides:") || strings.Contains(text, "\nsides:") {
		return text
	}
	return "sides:\n  inside: {listen: \"udp:192.0.2.1:5060\"}\n  outside: {listen: \"udp:192.0.2.1:5062\", next_hop: \"sip:192.0.2.9\"}\n" + text
}

var inlineCommand = regexp.MustCompile("`(bifrons [a-z][^`]*|make [a-z]+)`")

// commands are the command lines of a page: in sh blocks, and between backticks.
func (p page) commands() (out []string) {
	for _, b := range p.blocks() {
		for l := range strings.Lines(b.text) {
			typed, prompt := strings.CutPrefix(l, "$ ")
			if b.lang != "sh" && (b.lang != "console" || !prompt) {
				continue
			}
			l, _, _ = strings.Cut(typed, " #")
			l = strings.TrimSuffix(strings.TrimSpace(l), " &")
			out = append(out, strings.TrimPrefix(l, "bin/"))
		}
	}
	for _, m := range inlineCommand.FindAllStringSubmatch(strings.ReplaceAll(p.text, "\n", " "), -1) {
		out = append(out, m[1])
	}
	return out
}

// TestCommands: every subcommand, flag, target, package and file of a command line exists.
func TestCommands(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "bifrons")
	build := exec.Command("go", "build", "-o", bin, "../cmd/bifrons")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	makefile, seen := read(t, "Makefile"), map[string]bool{}
	for _, p := range pages(t) {
		for _, c := range p.commands() {
			words := strings.Fields(c)
			if len(words) == 0 || seen[c] {
				continue
			}
			seen[c] = true
			switch words[0] {
			case "bifrons":
				// An unknown flag is an error; an unknown subcommand gets the help of the whole.
				out, err := exec.Command(bin, append(words[1:], "--help")...).CombinedOutput()
				has := err == nil && strings.Contains(string(out), "\n  bifrons "+words[1]+" ")
				switch {
				case !has:
					t.Errorf("%s: %q: %v\n%s", p.path, c, err, out)
				}
			case "make":
				if len(words) > 1 && !strings.Contains(makefile, "\n"+words[1]+": ") {
					t.Errorf("%s: %q: no such target", p.path, c)
				}
			}
			for _, w := range words[1:] {
				w = strings.TrimSuffix(strings.TrimPrefix(w, "./"), "/...")
				if words[0] != "curl" && strings.Contains(w, "/") && !strings.Contains(w, "://") && !strings.HasPrefix(w, "/") {
					if _, err := os.Stat(filepath.Join("..", w)); err != nil {
						t.Errorf("%s: %q: no file %s", p.path, c, w)
					}
				}
			}
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// TestLinks: every relative link leads to a file, and to a heading of it.
func TestLinks(t *testing.T) {
	for _, p := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(p.text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			file, anchor, _ := strings.Cut(m[1], "#")
			to := filepath.Join(filepath.Dir(p.path), file)
			if file == "" {
				to = p.path
			}
			if _, err := os.Stat(filepath.Join("..", to)); err != nil {
				t.Errorf("%s: link to %s: %v", p.path, m[1], err)
				continue
			}
			if anchor != "" && !headings(read(t, to))[anchor] {
				t.Errorf("%s: link to %s: no such heading", p.path, m[1])
			}
		}
	}
}

var notInAnchor = regexp.MustCompile(`[^\p{L}\p{N} _-]`)

// headings are the anchors of a page, as GitHub makes them.
func headings(text string) map[string]bool {
	out := map[string]bool{}
	for l := range strings.Lines(text) {
		if h := strings.TrimLeft(l, "#"); h != l && strings.HasPrefix(h, " ") {
			h = notInAnchor.ReplaceAllString(strings.ToLower(strings.TrimSpace(h)), "")
			out[strings.ReplaceAll(h, " ", "-")] = true
		}
	}
	return out
}
