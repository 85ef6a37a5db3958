package configs

import (
	"bytes"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// compiled is the schema, made ready by a library that is not ours.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("bifrons.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("bifrons.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fits tells what a schema has against a configuration.
func fits(t *testing.T, s *jsonschema.Schema, text []byte) error {
	t.Helper()
	j, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(j))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc)
}

func TestSchemaFitsSamples(t *testing.T) {
	s := compiled(t)
	for _, name := range Samples() {
		text, err := Sample(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := fits(t, s, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := fits(t, s, []byte(everything)); err != nil {
		t.Error(err)
	}
}

func TestSchemaRefuses(t *testing.T) {
	s := compiled(t)
	for _, text := range []string{
		"sides: {a: {lisen: udp:127.0.0.1:5060}}",
		"side: {}",
		"sides: [a]",
		"timers: {t1: 5}",
		"timers: {t1: 5 minutes}",
		"calls: {max: many}",
		"audit: {mode: loud}",
		"media: {anchor: sometimes}",
		"trace: {memory: 16 MB}",
		"routes: [{from: a, rewrite: {as: telephone}}]",
		"prompts: {speech: {name: x}}",
		"users: [{name: 7}]",
	} {
		if err := fits(t, s, []byte(text)); err == nil {
			t.Errorf("%s is taken", text)
		}
		if _, err := Parse("x", []byte(text), Known{}); err == nil {
			t.Errorf("the reader takes %s", text)
		}
	}
	for _, text := range []string{"calls: {max: '${MAX}'}", "media: {anchor: '${ANCHOR:-true}'}", "timers: {t1: '${T1}'}", "timers: {t1: 0}"} {
		if err := fits(t, s, []byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestEveryKeyHasAText: keys.txt speaks of every key that is read, and of no other.
func TestEveryKeyHasAText(t *testing.T) {
	keys := map[string]*Key{}
	meaning := meanings()
	for _, k := range Keys().All() {
		keys[k.Path] = k
		up := k.Path
		for meaning(up) == "" && up != "" { // elements and names of your own are told of with their list or group
			cut := max(strings.LastIndexAny(up, "."), 0)
			if strings.HasSuffix(up, "[]") {
				cut = len(up) - 2
			}
			up = up[:cut]
		}
		if len(k.Types) > 0 && up == "" && k.Path != "subscribers[]" && k.Path != "ivr.NAME" {
			t.Errorf("configs/keys.txt has no line about %s", k.Path)
		}
	}
	for _, x := range KeyTexts() {
		k := keys[x.Path]
		switch {
		case k == nil:
			t.Errorf("configs/keys.txt: nothing reads %s", x.Path)
		case strings.HasPrefix(x.Default, "=") && k.Default == nil:
			t.Errorf("configs/keys.txt: %s has no default", x.Path)
		}
	}
}
