package docs_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestLayers: section 3 of docs/architecture.md is what archtest keeps.
func TestLayers(t *testing.T) {
	_, after, ok := strings.Cut(read(t, "docs/architecture.md"), "## 3. Import order")
	table, _, _ := strings.Cut(after, "## 4.")
	rows := regexp.MustCompile(`\{"([a-z0-9/]+)", ([0-9])\}`).FindAllStringSubmatch(read(t, "internal/archtest/rules.go"), -1)
	if !ok || len(rows) < 10 {
		t.Fatalf("section 3 found: %v; %d layers in rules.go", ok, len(rows))
	}
	for _, r := range rows {
		if !regexp.MustCompile(`(?m)^` + r[2] + `  (.*[ |,])?` + r[1] + `([ ,|].*)?$`).MatchString(table) {
			t.Errorf("%s is layer %s in rules.go, and not in section 3", r[1], r[2])
		}
	}
}

// TestTree: what section 2 lists is there, except what it says is not.
func TestTree(t *testing.T) {
	_, after, _ := strings.Cut(read(t, "docs/architecture.md"), "## 2. The tree")
	tree, _, _ := strings.Cut(after, "## 3.")
	names := regexp.MustCompile(`[a-z]+\.go`).FindAllString(tree, -1)
	if len(names) < 20 {
		t.Fatalf("only %d files named", len(names))
	}
	for _, n := range names {
		_, inCall := os.Stat("../b2bua/" + n)
		if _, err := os.Stat("../services/" + n); err != nil && inCall != nil {
			t.Errorf("%s is in no place that section 2 names", n)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^([a-z0-9/]+)/ `).FindAllStringSubmatch(tree, -1) {
		if _, err := os.Stat("../" + m[1]); err != nil {
			t.Error(err)
		}
	}
}
