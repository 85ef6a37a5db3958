package docs_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bifrons/bifrons/configs"
)

var keyRow = regexp.MustCompile("(?m)^\\| `([a-z_0-9.A-Z\\[\\]]+)` \\| ([^|]*) \\|")

// TestKeyTables: the tables of the page are what configs/keys.txt says, with the defaults of the code; go test ./docs -update writes them.
func TestKeyTables(t *testing.T) {
	defaults := map[string]any{}
	for _, k := range configs.Keys().All() {
		defaults[k.Path] = k.Default
	}
	groups := map[string]string{}
	for _, k := range configs.KeyTexts() {
		def := k.Default
		if gloss, ok := strings.CutPrefix(def, "="); ok {
			def = "`" + inFile(defaults[k.Path]) + "`" + gloss
		}
		groups[k.Group] += fmt.Sprintf("| `%s` | %s | %s |\n", k.Path, def, k.Meaning)
	}
	page := read(t, "docs/configuration.md")
	table := regexp.MustCompile(`(?m)^(#+ (.*)\n(?:[^#\n].*\n|\n|#[^# ].*\n)*?\| key \| default \| meaning \|\n\|---\|---\|---\|\n)((?:\|.*\n)*)`)
	written := table.ReplaceAllStringFunc(page, func(part string) string {
		m := table.FindStringSubmatch(part)
		rows := groups[m[2]]
		delete(groups, m[2])
		return m[1] + rows
	})
	for name := range groups {
		t.Errorf("configs/keys.txt has a group %q, and the page has no table under that heading", name)
	}
	switch {
	case written == page || t.Failed():
	case *update:
		if err := os.WriteFile("configuration.md", []byte(written), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("the tables of docs/configuration.md are not what configs/keys.txt says; change that file, then go test ./docs -update:\n%s", cmp.Diff(page, written))
	}
}

// inFile writes a default as the file has it.
func inFile(v any) string {
	switch x := v.(type) {
	case string:
		if x == "" {
			return `""`
		}
	case []any:
		words := make([]string, len(x))
		for i, w := range x {
			words[i] = fmt.Sprint(w)
		}
		return "[" + strings.Join(words, ", ") + "]"
	}
	return fmt.Sprint(v)
}

// TestKeyDefaults: a default that the page writes is the default: writing it changes nothing.
func TestKeyDefaults(t *testing.T) {
	side := []byte("sides:\n  one: {listen: 'udp:192.0.2.1:5060'}\n")
	want, err := configs.Parse("plain.yaml", side, known())
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, m := range keyRow.FindAllStringSubmatch(read(t, "docs/configuration.md"), -1) {
		def := regexp.MustCompile("^`([^`]*)`").FindStringSubmatch(m[2])
		if def == nil || strings.Contains(m[1], "[]") { // elements of lists have theirs from the code
			continue
		}
		tried++
		key, isSide := strings.CutPrefix(m[1], "sides.NAME.")
		value := fmt.Sprintf("%q", def[1])
		if regexp.MustCompile(`^([\[\]0-9]+|true|false|"")$`).MatchString(def[1]) {
			value = def[1]
		}
		if strings.HasPrefix(key, "policy_definitions.") { // of a policy of its own, which no default has
			continue
		}
		part := strings.ReplaceAll(key, ".", ": {") + ": " + value + strings.Repeat("}", strings.Count(key, "."))
		text := string(side) + part + "\n"
		if isSide {
			text = "sides:\n  one: {listen: 'udp:192.0.2.1:5060', " + part + "}\n"
		}
		got, err := configs.Parse(m[1], []byte(text), known())
		if err != nil {
			t.Errorf("%v in\n%s", err, text)
			continue
		}
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.EquateComparable(configs.Listener{}, configs.Hop{}, configs.SideMedia{}.Address,
			configs.Admin{}, configs.Side{}.Advertise)); d != "" {
			t.Errorf("%s: the default is not %s:\n%s", m[1], def[1], d)
		}
	}
	if tried < 20 {
		t.Errorf("only %d defaults found", tried)
	}
}

// TestLDAPSample: the sample of subscribers.md, which is tried with a real directory elsewhere, is what the configuration reads.
func TestLDAPSample(t *testing.T) {
	for _, b := range (page{"docs/subscribers.md", read(t, "docs/subscribers.md")}).blocks() {
		if b.lang != "yaml" || !strings.HasPrefix(b.text, "url:") {
			continue
		}
		text := complete("subscribers:\n  - ldap:\n      " + strings.ReplaceAll(strings.TrimSpace(b.text), "\n", "\n      ") + "\n")
		cfg, err := configs.Parse("subscribers.md", []byte(text), known())
		if err != nil || len(cfg.Subscribers) != 1 || len(cfg.Subscribers[0].LDAP.Filters) != 6 {
			t.Errorf("%v in\n%s", err, text)
		}
		return
	}
	t.Error("no sample")
}
