package docs_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bifrons/bifrons/ivr/draw"
	"github.com/bifrons/bifrons/ivr/flow"
	"github.com/bifrons/bifrons/ivr/script"
)

// TestMenuPictures: the pictures of the page are what bifrons ivr draw makes of the samples; go test ./docs -update draws them.
func TestMenuPictures(t *testing.T) {
	page := read(t, "docs/ivr.md")
	for _, name := range []string{"company", "voicemail"} {
		file := "ivr-" + name + ".svg"
		if !strings.Contains(page, "("+file+")") {
			t.Errorf("the page does not show %s", file)
		}
		f, err := flow.Load("../configs/ivr/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		want := draw.SVG(f)
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not the picture of %s.yaml; go test ./docs -update draws it", file, name)
		}
	}
}

// TestMenuSamples: every sample has walks, and they pass.
func TestMenuSamples(t *testing.T) {
	menus, err := filepath.Glob("../configs/ivr/*.yaml")
	if err != nil || len(menus) < 7 {
		t.Fatal("no samples", err)
	}
	var walks []string
	for _, m := range menus {
		walks = append(walks, strings.TrimSuffix(m, ".yaml")+".walk")
	}
	var out bytes.Buffer
	if err := script.Test(&out, walks, 100, false); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// TestWalkLines: the page has a line for everything a walk may say, in the words of the program.
func TestWalkLines(t *testing.T) {
	_, section, _ := strings.Cut(read(t, "docs/ivr.md"), "## Tests of a menu\n")
	section, _, _ = strings.Cut(section, "\n## ")
	_, table, _ := strings.Cut(section, "|---|---|\n")
	var want strings.Builder
	for _, v := range script.Verbs() {
		fmt.Fprintf(&want, "| `%s` | %s |\n", strings.TrimSpace(v.Word+" "+v.Arg), v.Doc)
	}
	if got := strings.TrimSpace(table); got != strings.TrimSpace(want.String()) {
		t.Errorf("the table must be\n%s\nand is\n%s", want.String(), got)
	}
}
