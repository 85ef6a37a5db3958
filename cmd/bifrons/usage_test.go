package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMistakes: a mistake on the command line is told with what to write instead, and ends with status 2.
func TestMistakes(t *testing.T) {
	menu := filepath.Join(t.TempDir(), "menu.yaml")
	if err := os.WriteFile(menu, []byte("title: x\nnodes: {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   []string
		want   string
		status int
	}{
		{[]string{"srve"}, "unknown command \"srve\", did you mean `serve`?", 2},
		{[]string{"ctl", "cals"}, "did you mean `calls`", 2},
		{[]string{"ivr", "chek"}, "did you mean `check`?", 2},
		{[]string{"ctl", "xyzzy"}, "unknown command \"xyzzy\"; `bifrons ctl --help` lists them", 2},
		{[]string{"serve", "x"}, "use it as `bifrons serve [-c FILE] [flags]`", 2},
		{[]string{"ctl", "move", "1", "2"}, "use it as `bifrons ctl move CALL LEG TO-CALL TO-LEG [flags]`", 2},
		{[]string{"ctl", "originate", "sip:x@y"}, "use it as `bifrons ctl originate TO [AND] [flags]`", 2},
		{[]string{"ctl", "trace", "5", "--rtp", "2s"}, "--pcap FILE", 2},
		{[]string{"check", "nofile.yaml"}, "nofile.yaml: no such file or directory; name one that is there", 1},
		{[]string{"check", menu}, "`bifrons ivr check " + menu + "` reads them", 1},
	} {
		root := command()
		root.SetArgs(c.args)
		cmd, err := root.ExecuteC()
		if err == nil {
			t.Errorf("%q is no mistake", c.args)
			continue
		}
		err = withUse(cmd, err)
		var u usageError
		if got := exitCode(err); !strings.Contains(err.Error(), c.want) || got != c.status || errors.As(err, &u) != (c.status == 2) {
			t.Errorf("%q: status %d, %v; want %d, %s", c.args, got, err, c.status, c.want)
		}
	}
}
