package test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// bifrons runs a command of the binary that speaks to the server, or fails the test unless that is expected.
func (s *server) bifrons(fine bool, args ...string) string {
	s.t.Helper()
	cmd := exec.Command(s.cmd.Path, args...)
	cmd.Dir = s.dir
	out, err := cmd.CombinedOutput()
	if (err == nil) != fine {
		s.t.Fatalf("bifrons %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestConfigurationShown: what the server runs on, and what another file would change, secrets hidden.
func TestConfigurationShown(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) { set.Users = "users:\n  - {name: alice, password: open-sesame}\n" })
	shown := s.bifrons(true, "ctl", "config", "--admin", s.api)
	if !strings.Contains(shown, "password: (secret)") || !strings.Contains(shown, "max_forwards: 70") || strings.Contains(shown, "sesame") {
		t.Error(shown)
	}
	if effective := s.bifrons(true, "check", "--effective", "bifrons.yaml"); strings.Contains(effective, "sesame") || !strings.Contains(effective, "max_forwards: 70") {
		t.Error(effective)
	}
	res, err := http.Get("http://" + s.api + "/v1/config")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var tree struct{ Calls struct{ Max_forwards int } }
	if err := json.NewDecoder(res.Body).Decode(&tree); err != nil || tree.Calls.Max_forwards != 70 {
		t.Errorf("%v %+v", err, tree)
	}
	text, err := os.ReadFile(filepath.Join(s.dir, "bifrons.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("new.yaml", strings.NewReplacer("sesame", "barley", "max: 0", "max: 7").Replace(string(text)))
	want := "~ calls.max: 0 -> 7\n~ users[0].password: (secret) -> (another secret)\n"
	for _, args := range [][]string{{"--diff", "bifrons.yaml", "new.yaml"}, {"--diff", "new.yaml", "--admin", s.api}} {
		if got := s.bifrons(true, append([]string{"check"}, args...)...); got != want {
			t.Errorf("%v: %q, want %q", args, got, want)
		}
	}
	if got := s.bifrons(true, "check", "--diff", "bifrons.yaml", "--admin", s.api); got != "nothing differs\n" {
		t.Error(got)
	}
	write("menus.yaml", string(text)+"ivr: {one: {file: menu.yaml}, two: {file: missing.yaml}}\n")
	write("menu.yaml", "start: a\nnodes:\n  a: {say: hello, next: b}\n")
	got := s.bifrons(false, "check", "menus.yaml")
	for _, want := range []string{"menu.yaml:3:25: there is no node `b`", "open missing.yaml: no such file", "has 2 menus"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s\nwant %q", got, want)
		}
	}
	write("new.yaml", string(text)+"lgo: {}\n")
	for _, args := range [][]string{{"--diff", "bifrons.yaml", "new.yaml"}, {"--diff", "new.yaml", "--admin", s.api}} {
		if got := s.bifrons(false, append([]string{"check"}, args...)...); !strings.Contains(got, "new.yaml:") || !strings.Contains(got, "unknown key `lgo`") {
			t.Errorf("%v: %q", args, got)
		}
	}
}
