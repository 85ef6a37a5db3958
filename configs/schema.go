package configs

import (
	_ "embed" // of the descriptions
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// keysText says what each key means: key | default | meaning. A default of = is that of the code.
//
//go:embed keys.txt
var keysText string

// KeyText is a line about a key, for people, in Markdown.
type KeyText struct{ Group, Path, Default, Meaning string }

// KeyTexts are the lines about all keys, in the order of the page configuration.md.
func KeyTexts() (all []KeyText) {
	group := ""
	for line := range strings.Lines(keysText) {
		if name, ok := strings.CutPrefix(line, "# "); ok {
			group = strings.TrimSpace(name)
		} else if p := strings.SplitN(strings.TrimSpace(line), " | ", 3); len(p) == 3 {
			all = append(all, KeyText{group, p[0], p[1], p[2]})
		}
	}
	return all
}

// meanings finds the text about a key: its own, or that of the one it stands beside.
func meanings() func(path string) string {
	texts := map[string]string{}
	for _, t := range KeyTexts() {
		texts[t.Path] = plain(t.Meaning)
	}
	beside := strings.NewReplacer("rewrite.caller", "rewrite.callee", "sides.NAME.credentials[]", "users[]")
	return func(path string) string {
		if t, ok := texts[path]; ok {
			return t
		}
		if t, ok := texts[beside.Replace(path)]; ok {
			return t
		}
		return texts[strings.Replace(beside.Replace(path), "rewrite.callee.", "rewrite.callee[].", 1)]
	}
}

var link = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)

// plain takes links and marks out of Markdown.
func plain(s string) string {
	return strings.ReplaceAll(link.ReplaceAllString(s, "$1"), "`", "")
}

// object is a part of a JSON schema.
type object = map[string]any

// Schema describes the file for editors: a JSON schema (draft 2020-12), made of what the reader reads and of the texts of the page
// configuration.md.
func Schema() []byte {
	root := Keys().schema(meanings())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Configuration of Bifrons"
	root["$defs"] = object{
		"variable": object{"type": "string", "pattern": variable.String(), "description": "with the value of a variable of the environment: ${NAME} or ${NAME:-default}"},
		"duration": object{"type": []string{"string", "integer"}, "pattern": `^([0-9.]+(ns|us|µs|ms|s|m|h))+$|^0$|\$\{`, "maximum": 0, "minimum": 0},
		"size":     object{"type": []string{"string", "integer"}, "pattern": `^[0-9]+(KB|MB|GB)?$|\$\{`, "minimum": 0},
	}
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(err) // maps of strings and numbers can be written
	}
	return append(text, '\n')
}

// schema describes a key and what is below it.
func (k *Key) schema(meaning func(string) string) object {
	var forms []object
	if len(k.Keys) > 0 || k.Any != nil {
		o := object{"type": "object", "additionalProperties": false}
		properties := object{}
		for _, below := range k.Keys {
			properties[below.name()] = below.schema(meaning)
		}
		if len(properties) > 0 {
			o["properties"] = properties
		}
		if k.Any != nil {
			o["additionalProperties"] = k.Any.schema(meaning)
		}
		forms = append(forms, o)
	}
	if k.Item != nil {
		forms = append(forms, object{"type": "array", "items": k.Item.schema(meaning)})
	}
	for _, t := range k.Types {
		forms = append(forms, k.form(t)...)
	}
	out := object{}
	switch {
	case len(forms) == 1:
		out = forms[0]
	case len(forms) > 1:
		out["anyOf"] = forms
	}
	if text := meaning(k.Path); text != "" {
		out["description"] = text
	}
	if k.Default != nil && !k.Secret && !k.Given {
		out["default"] = k.Default
	}
	return out
}

// form describes one type of value.
func (k *Key) form(kind string) []object {
	of := object{"$ref": "#/$defs/variable"}
	switch kind {
	case "duration", "size":
		return []object{{"$ref": "#/$defs/" + kind}}
	case "integer":
		return []object{{"type": "integer", "minimum": 0}, {"type": "string", "pattern": `^[0-9]+$`}, of}
	case "boolean":
		return []object{{"type": "boolean"}, of}
	}
	if len(k.Words) > 0 {
		words := slices.Clone(k.Words)
		slices.Sort(words)
		return []object{{"enum": slices.Compact(words)}, of}
	}
	if kind == "scalar" {
		return []object{{"type": []string{"string", "number"}}}
	}
	return []object{{"type": "string"}}
}
