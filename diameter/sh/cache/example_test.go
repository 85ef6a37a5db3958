package cache_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bifrons/bifrons/diameter/sh"
	"github.com/bifrons/bifrons/diameter/sh/cache"
)

// printState and countCall are the snippets of docs/sh.md.
func printState(ctx context.Context, c *cache.Cache) error {
	v, err := c.Get(ctx, cache.Key{Identity: sh.Public("sip:alice@ims.example"), Ref: sh.RefIMSUserState}, cache.Stale(10*time.Minute))
	if err != nil {
		return err
	}
	fmt.Println(*v.Data.IMS.UserState)
	return nil
}

func countCall(ctx context.Context, client *sh.Client) error {
	r, err := client.UpdateRepositoryData(ctx, sh.Public("sip:alice@ims.example"), "counter", func(old sh.RawXML) (sh.RawXML, error) {
		return sh.RawXML(fmt.Sprintf("<calls>%d</calls>", count(old)+1)), nil
	})
	if err != nil {
		return err
	}
	fmt.Println(string(r.Data), r.Sequence)
	return nil
}

func count(data sh.RawXML) (n int) {
	_, _ = fmt.Sscanf(string(data), "<calls>%d</calls>", &n)
	return n
}

// TestDocs compiles and runs the Go of docs/sh.md.
func TestDocs(t *testing.T) {
	source, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../../docs/sh.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for i, part := range strings.Split(string(page), "```") {
		code, ok := strings.CutPrefix(part, "go\n")
		if i%2 == 0 || !ok {
			continue
		}
		n++
		if !strings.Contains(flat(string(source)), flat(code)) {
			t.Errorf("not in example_test.go:\n%s", code)
		}
	}
	if n != 2 {
		t.Errorf("%d snippets, want 2", n)
	}
	s := startFor(t, "sip:alice@ims.example")
	if err := printState(t.Context(), s.cache); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := countCall(t.Context(), s.client); err != nil {
			t.Error(err)
		}
	}
	r, err := s.client.RepositoryData(t.Context(), sh.Public("sip:alice@ims.example"), "counter")
	if err != nil || string(r.Data) != "<calls>2</calls>" {
		t.Errorf("%s, %v", r.Data, err)
	}
}

// flat takes the indentation away.
func flat(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString(strings.TrimSpace(line) + "\n")
	}
	return b.String()
}
