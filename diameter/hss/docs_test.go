package hss

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// blocks returns the fenced blocks of a language in a document.
func blocks(t *testing.T, path, language string) (out []string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range strings.Split(string(b), "```") {
		if text, ok := strings.CutPrefix(part, language+"\n"); ok && i%2 == 1 {
			out = append(out, text)
		}
	}
	if len(out) == 0 {
		t.Fatalf("%s has no %s", path, language)
	}
	return out
}

// TestDocs runs what docs/hss.md shows: its files are read, its commands are carried out.
func TestDocs(t *testing.T) {
	direct(t, "it is about HTTP")
	const page = "../../docs/hss.md"
	files := blocks(t, page, "yaml")
	for _, text := range files {
		if _, err := Parse([]byte(text)); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
	if !strings.HasSuffix(string(sample), "\n"+files[0]) {
		t.Error("the first file in docs/hss.md is not sample.yaml")
	}
	cfg := Sample()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	cfg.Listen, cfg.HTTP = "127.0.0.1:0", "127.0.0.1:0"
	s := startWith(t, cfg)
	for _, block := range blocks(t, page, "sh") {
		for line := range strings.Lines(block) {
			line = strings.ReplaceAll(line, "127.0.0.1:8092", s.HTTPAddr())
			if out, err := exec.CommandContext(t.Context(), "sh", "-c", line).CombinedOutput(); err != nil {
				t.Errorf("%s%v\n%s", line, err, out)
			}
		}
	}
	if got := s.faults.get(); len(got) != 0 {
		t.Errorf("faults left: %+v", got)
	}
}
