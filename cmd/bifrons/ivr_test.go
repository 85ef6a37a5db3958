package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// bifrons runs a command line of the program in this process.
func bifrons(t *testing.T, args ...string) (string, error) {
	t.Helper()
	c := command()
	var b bytes.Buffer
	c.SetOut(&b)
	c.SetErr(&b)
	c.SetIn(strings.NewReader("1\nn\nh\n"))
	c.SetArgs(args)
	err := c.Execute()
	return b.String(), err
}

// TestIVRCommands: what a new user does with his first menu.
func TestIVRCommands(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, s := range []struct {
		line, want, fails string
	}{
		{"ivr new menu", "menu.yaml is a menu, menu.walk tests it", ""},
		{"ivr new menu.yaml", "", "menu.yaml is there already"},
		{"ivr check menu.yaml", "menu.yaml: no mistakes, 4 nodes", ""},
		{"ivr try menu.yaml", "« Welcome. For sales press 1", ""},
		{"ivr test .", "menu.yaml: nodes 4 of 4", ""},
		{"ivr test --coverage 100 menu.walk", "branch `*` of node `welcome` was not walked", "fewer than 100%"},
		{"ivr convert menu.yaml menu.xml", "", ""},
		{"ivr check menu.xml", "menu.xml: no mistakes, 4 nodes", ""},
		{"ivr convert menu.xml", "# A menu. Change the texts", ""},
		{"ivr convert menu.yaml --to json", "", "--to is xml or yaml"},
		{"ivr new other.xml", "other.xml is a menu", ""},
		{"ivr test other.walk", "ok    other.walk: sales", ""},
		{"ivr schema json", `"title": "A menu of Bifrons"`, ""},
		{"ivr schema xsd", `<xs:element name="ivr" type="Flow"/>`, ""},
		{"ivr check nowhere.yaml", "", "nowhere.yaml: no such file"},
		{"ivr test nowhere", "", "nowhere: no such file"},
	} {
		out, err := bifrons(t, strings.Fields(s.line)...)
		switch {
		case s.fails == "" && err != nil:
			t.Errorf("%s: %v\n%s", s.line, err, out)
		case s.fails != "" && (err == nil || !strings.Contains(err.Error(), s.fails)):
			t.Errorf("%s: %v, want %s", s.line, err, s.fails)
		}
		if !strings.Contains(out, s.want) {
			t.Errorf("%s: no %q in\n%s", s.line, s.want, out)
		}
	}
	if err := os.WriteFile(filepath.Join(".", "bad.yaml"), []byte("nodes:\n  a: {say: x, next: b}\n  c: {say: y}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := bifrons(t, "ivr", "check", "bad.yaml", "menu.yaml")
	if err == nil || err.Error() != "2 mistakes found" {
		t.Errorf("%v", err)
	}
	for _, want := range []string{"bad.yaml:2:21: there is no node `b`", "bad.yaml:3:3: warning: nobody reaches node `c`", "menu.yaml: no mistakes"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}
