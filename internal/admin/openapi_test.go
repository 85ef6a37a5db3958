package admin

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

// object is a part of the description.
type object = map[string]any

func read(t *testing.T) object {
	t.Helper()
	var doc object
	if err := yaml.Unmarshal([]byte(description), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestOpenAPIPaths: the description has every path and method that is served, and no other.
func TestOpenAPIPaths(t *testing.T) {
	inCode, inPage := map[string]bool{}, map[string]bool{}
	files, _ := filepath.Glob("*.go")
	web, _ := filepath.Glob("../../diameter/sh/web/*.go")
	for _, f := range append(files, web...) {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"((?:GET|POST|PUT|DELETE) /[^"]*)"`).FindAllStringSubmatch(string(b), -1) {
			inCode[m[1]] = true
		}
	}
	for path, item := range read(t)["paths"].(object) {
		for method := range item.(object) {
			if method != "parameters" {
				inPage[strings.ToUpper(method)+" "+path] = true
			}
		}
	}
	if d := cmp.Diff(inCode, inPage); d != "" {
		t.Errorf("served (-), described (+):\n%s", d)
	}
}

// TestOpenAPIAnswers: what is answered has a status and a form that the description knows.
func TestOpenAPIAnswers(t *testing.T) {
	doc := read(t)
	s, err := Listen(netip.MustParseAddrPort("127.0.0.1:0"), Config{Calls: &core{}, Metrics: prometheus.NewRegistry(), Version: "1", Drain: func() {}, Configuration: running{}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	defer http.DefaultClient.CloseIdleConnections()
	tried := 0
	for path, item := range doc["paths"].(object) {
		for method, op := range item.(object) {
			if method == "parameters" || strings.Contains(path, "{user}") || strings.Contains(path, "{identity}") || path == "/v1/explain" || path == "/v1/registrations" {
				continue // their handlers have tests of their own
			}
			for _, id := range []string{"7", "8", "x"} {
				url := strings.NewReplacer("{id}", id, "{leg}", "0").Replace(path)
				body := `{"side":"core","from":"sip:a@x","to":"sip:b@x"}`
				if strings.HasSuffix(path, "/move") {
					body = `{"call":1,"leg":0}`
				}
				req, err := http.NewRequestWithContext(t.Context(), strings.ToUpper(method), "http://"+s.Addr().String()+url, strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Content-Type", "application/json")
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				text, _ := io.ReadAll(res.Body)
				_ = res.Body.Close()
				answers := op.(object)["responses"].(object)
				known, ok := answers[fmt.Sprint(res.StatusCode)].(object)
				if !ok {
					t.Errorf("%s %s: %d is not described", method, url, res.StatusCode)
					continue
				}
				tried++
				content, _ := known["content"].(object)
				form, _ := content["application/json"].(object)
				schema, _ := form["schema"].(object)
				if schema == nil {
					continue
				}
				var v any
				if err := json.Unmarshal(text, &v); err != nil {
					t.Errorf("%s %s: %v", method, url, err)
				} else if why := fits(doc, schema, v, ""); why != "" {
					t.Errorf("%s %s: %s", method, url, why)
				}
			}
		}
	}
	if tried < 40 {
		t.Errorf("%d answers, want 40 and more", tried)
	}
}

// fits tells how a value does not fit a schema.
func fits(doc, schema object, v any, at string) string {
	if ref, ok := schema["$ref"].(string); ok {
		name := ref[strings.LastIndexByte(ref, '/')+1:]
		schema = doc["components"].(object)["schemas"].(object)[name].(object)
	}
	kind := map[bool]string{true: "null"}[v == nil]
	switch x := v.(type) {
	case string:
		kind = "string"
		if enum, ok := schema["enum"].([]any); ok && !slices.Contains(enum, any(x)) {
			return fmt.Sprintf("%s is %q, not one of %v", at, x, enum)
		}
	case bool:
		kind = "boolean"
	case float64:
		kind = "number"
		if x == float64(int64(x)) {
			kind = "integer"
		}
	case []any:
		kind = "array"
		items, _ := schema["items"].(object)
		for i, e := range x {
			if items != nil {
				if why := fits(doc, items, e, fmt.Sprintf("%s[%d]", at, i)); why != "" {
					return why
				}
			}
		}
	case object:
		kind = "object"
		required, _ := schema["required"].([]any)
		for _, name := range required {
			if _, ok := x[name.(string)]; !ok {
				return at + " lacks " + name.(string)
			}
		}
		properties, _ := schema["properties"].(object)
		for name, e := range x {
			p, ok := properties[name].(object)
			if !ok && properties != nil {
				return at + " has " + name + ", which is not described"
			}
			if ok {
				if why := fits(doc, p, e, at+"."+name); why != "" {
					return why
				}
			}
		}
	}
	switch want := schema["type"].(type) {
	case string:
		if want != kind && (want != "number" || kind != "integer") {
			return at + " is of type " + kind + ", not " + want
		}
	case []any:
		if !slices.Contains(want, any(kind)) {
			return fmt.Sprintf("%s is of type %s, not %v", at, kind, want)
		}
	}
	return ""
}
