package docs_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bifrons/bifrons/configs"
)

var keyRow = regexp.MustCompile("(?m)^\\| `([a-z_0-9.A-Z\\[\\]]+)` \\| ([^|]*) \\|")

// TestKeys: the page has every key of the configuration, and no other.
func TestKeys(t *testing.T) {
	inPage := map[string]bool{}
	for _, m := range keyRow.FindAllStringSubmatch(read(t, "docs/configuration.md"), -1) {
		for _, k := range strings.Split(strings.ReplaceAll(m[1], "[]", ""), ".") {
			inPage[k] = true
		}
	}
	inCode := map[string]bool{"NAME": true}
	files, err := filepath.Glob("../configs/*.go")
	if err != nil {
		t.Fatal(err)
	}
	code := ""
	for _, f := range files {
		if !strings.HasSuffix(f, "_test.go") {
			code += read(t, strings.TrimPrefix(f, "../"))
		}
	}
	for _, m := range regexp.MustCompile(`\{"([a-z_0-9]+)", `).FindAllStringSubmatch(code, -1) {
		inCode[m[1]] = true
	}
	if d := cmp.Diff(inCode, inPage); d != "" {
		t.Errorf("keys of configs/fields.go (-) and of the page (+):\n%s", d)
	}
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
		if def == nil {
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
