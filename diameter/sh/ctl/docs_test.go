package ctl

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/bifrons/bifrons/diameter/hss"
)

// block returns the first fenced block of a language in a document.
func block(t *testing.T, path, language string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(b), "```"+language+"\n")
	text, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		t.Fatalf("%s has no %s", path, language)
	}
	return text
}

// options reads the flags of a documented command.
func options(t *testing.T, fields []string) (o Options, args []string) {
	t.Helper()
	texts := map[string]*string{
		"--domain": &o.Domain, "--identity-set": &o.IdentitySet, "--peer": new(string), "--realm": &o.Realm, "--server-name": &o.ServerName,
	}
	for i := 0; i < len(fields); i++ {
		switch f := fields[i]; {
		case f == "--json":
			o.JSON = true
		case texts[f] != nil && i+1 < len(fields):
			i++
			*texts[f] = fields[i]
		case strings.HasPrefix(f, "--"):
			t.Fatalf("docs use an unknown flag %s", f)
		default:
			args = append(args, f)
		}
	}
	return o, args
}

// TestDocs runs the session in docs/sh.md against the file in docs/hss.md.
func TestDocs(t *testing.T) {
	cfg, err := hss.Parse([]byte(block(t, "../../../docs/hss.md", "yaml")))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Listen, cfg.HTTP = "127.0.0.1:0", ""
	s, err := hss.New(cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) })

	want := block(t, "../../../docs/sh.md", "console")
	var got bytes.Buffer
	for line := range strings.Lines(want) {
		command, ok := strings.CutPrefix(line, "$ bifrons ctl sh ")
		if !ok {
			continue
		}
		fmt.Fprint(&got, line)
		o, args := options(t, strings.Fields(command))
		o.Peer, o.OriginHost = s.Addr(), "ctl.ims.example"
		session, err := Open(t.Context(), o, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if err := session.Run(t.Context(), &got, args); err != nil {
			t.Errorf("%s: %v", command, err)
		}
		session.Close()
	}
	if got.String() != want {
		t.Errorf("docs say:\n%s\nit does:\n%s", want, got.String())
	}
}
