package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckWarns: what this machine has not is said with its place and what to do, and the file is good all the same.
func TestCheckWarns(t *testing.T) {
	busy, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "bifrons.yaml")
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"nothing": {fmt.Sprintf("sides:\n  a: {listen: 'udp:127.0.0.1:0'}\ncdr: {file: %s/cdr.jsonl}\nmedia: {ports: 10000-10999}\n", dir), nil},
		"all": {fmt.Sprintf("sides:\n  a: {listen: 'udp:%s'}\n  b:\n    listen: ['udp:127.0.0.1:0', 'tcp:192.0.2.1:5060']\ncdr:\n  file: %s/none/cdr.jsonl\nmedia: {ports: 10000-10999}\n", busy.LocalAddr(), dir),
			[]string{":2:15: warning: ", "perhaps by the Bifrons that runs", ":4:33: warning: ", "no such address", ":6:9: warning: there is no directory " + dir + "/none", "make it"}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			var out, errs bytes.Buffer
			cmd := checkCommand()
			cmd.SetArgs([]string{file})
			cmd.SetOut(&out)
			cmd.SetErr(&errs)
			if err := cmd.Execute(); err != nil || !strings.Contains(out.String(), "is good") {
				t.Errorf("%v: %s", err, &out)
			}
			rest := errs.String()
			if len(c.want) == 0 && rest != "" {
				t.Errorf("warned of %s", rest)
			}
			for _, want := range c.want {
				_, after, ok := strings.Cut(rest, want)
				if !ok {
					t.Errorf("%q is not, in its turn, in\n%s", want, &errs)
				}
				rest = after
			}
		})
	}
}
