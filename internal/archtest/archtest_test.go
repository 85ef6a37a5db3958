package archtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

const doc = "// Package x is one.\npackage x\n"

// rules are all rules of the house. Each comes with a tree that breaks it, and what
// it must say about that tree, line for line: no less, and nothing about the good
// files beside the bad ones.
var rules = []struct {
	name  string
	check func(*tree) []string
	bad   map[string]string
	want  []string
}{
	{"places", checkPlaces, map[string]string{
		"sip/a.go": doc, "sip/types/a.go": "package types", "internal/x/a.go": doc, "pkg/readme": "", ".ci/run": "", "README.md": "",
	}, []string{
		"pkg: no other folder at the top; put it into one that is there",
		"internal/x: package is in no layer; see layers in rules.go",
		"sip/types: package types says nothing about what is in it",
	}},
	{"imports", checkImports, map[string]string{
		"sip/a.go":              "package sip\nimport (\n\"fmt\"\n\"m.org/m/b2bua\"\n)",
		"sip/a_test.go":         "package sip\nimport \"m.org/m/b2bua\"",
		"media/a.go":            "package media\nimport \"m.org/m/sip\"",
		"media/sdp/a.go":        "package sdp\nimport \"m.org/m/media/rtcp\"",
		"b2bua/a.go":            "package b2bua\nimport (\n\"m.org/m/diameter/sh\"\n\"m.org/m/media/sdp\"\n)",
		"services/a.go":         "package services\nimport \"m.org/m/services/example\"",
		"services/js/a.go":      "package js\nimport (\n\"m.org/m/services/lua\"\n\"m.org/m/services/js/lib\"\n\"m.org/m/b2bua\"\n)",
		"cmd/x/a.go":            "package main\nimport \"m.org/m/configs\"",
		"configs/a.go":          "package configs\nimport (\n\"m.org/m/cmd/x\"\n\"m.org/m/strange\"\n)",
		"internal/mailbox/a.go": "package mailbox\nimport \"m.org/more/x\"",
	}, []string{
		"b2bua/a.go:3: b2bua must not import diameter/sh: the call knows no Diameter",
		"configs/a.go:3: configs must not import cmd/x: cmd (layer 8) is above configs (layer 6)",
		"configs/a.go:4: configs must not import strange: one of them is in no layer",
		"media/a.go:2: media must not import sip: they are of one layer",
		"services/js/a.go:3: services/js must not import services/lua: services do not import one another",
		"sip/a.go:4: sip must not import b2bua: b2bua (layer 2) is above sip (layer 1)",
	}},
	{"comments", checkComments, map[string]string{
		"sip/a.go": doc, "sip/b.go": "package x\n",
		"ims/a.go": doc, "ims/b.go": doc,
		"ivr/a.go": "package x\n", "ivr/a_test.go": "package x\n",
		"media/a.go":     "// This is media.\npackage x\n",
		"cmd/a.go":       "// Command a does it.\npackage main\n",
		"test/a_test.go": "package x\n",
	}, []string{
		"media/a.go: package comment does not begin with \"Package x \"",
		"ims: 2 package comments (a.go, b.go); keep one",
		"ivr: no package comment; write one in doc.go",
	}},
	{"init", checkInit, map[string]string{
		"sip/a.go": "package x\nfunc f() {}\nfunc init() {}\ntype t int\nfunc (t) init() {}\n",
	}, []string{"sip/a.go:3: no init(); call it where it is needed"}},
	{"go", checkGo, map[string]string{
		"sip/a.go":           "package x\nfunc f() { go f() }\n",
		"services/a_test.go": "package x\nfunc f() { go f() }\n",
		"services/js/a.go":   "package x\nfunc f() {\nfunc() { go f() }()\n}\n",
		"b2bua/a.go":         "package x\nimport s \"sync\"\nvar _ s.Mutex\nfunc f() { var w s.WaitGroup }\n",
		"ims/a.go":           "package x\nimport \"golang.org/x/sync/errgroup\"\nvar _ errgroup.Group\n",
	}, []string{
		"b2bua/a.go:4: sync.WaitGroup: this package owns no threads; see mayStart in rules.go",
		"ims/a.go: errgroup: this package owns no threads; see mayStart in rules.go",
		"services/js/a.go:3: go: this package owns no threads; see mayStart in rules.go",
	}},
	{"AfterFunc", checkAfterFunc, map[string]string{
		"sip/a.go":      "package x\nimport clock \"time\"\nvar f = clock.AfterFunc\n",
		"sip/a_test.go": "package x\nimport \"time\"\nfunc f() { time.AfterFunc(0, f) }\n",
		"sip/b.go":      "package x\nfunc f() { time.AfterFunc(0, f) }\n", // some other time
	}, []string{
		"sip/a.go:3: time.AfterFunc: use a timer of the call, or a loop of your own",
		"sip/a_test.go:3: time.AfterFunc: use a timer of the call, or a loop of your own",
	}},
	{"Sleep", checkSleep, map[string]string{
		"sip/a.go":       "package x\nimport \"time\"\nfunc f() { time.Sleep(1) }\n",
		"sip/a_test.go":  "package x\nimport \"time\"\nfunc g() { time.Sleep(1) }\n",
		"sip/b_test.go":  "package x\nimport (\n\"time\"\n\"testing/synctest\"\n)\nfunc h() { synctest.Wait(); time.Sleep(1) }\n",
		"test/a_test.go": "package x\nimport \"time\"\nfunc f() { time.Sleep(1) }\n",
	}, []string{"sip/a_test.go:3: time.Sleep in a unit test: wait for the event, or use testing/synctest"}},
	{"variables", checkVariables, map[string]string{
		"sip/a.go": "package x\nimport (\n\"sync\"\n\"sync/atomic\"\n)\nvar n, m int\nvar table = map[string]int{}\nvar s struct{ a []int }\n" +
			"var lock sync.Mutex\nvar seen, more atomic.Int64\nvar p atomic.Pointer[int]\nvar pool sync.Pool\n",
		"sip/b.go": "package x\nfunc f() {\nn = 1\nn++\ntable[\"a\"] = 1\ndelete(table, \"a\")\ns.a[0] += 2\n}\n" +
			"func g() {\nn := 1\nn = 2\nm := map[string]int{}\nm[\"a\"] = 1\nx := table[\"a\"]\nx++\n}\n",
		"sip/b_test.go": "package x\nfunc h() { n = 1 }\n",
	}, []string{
		"sip/a.go:9: package variable lock exists to be changed; make it a field",
		"sip/a.go:10: package variable seen exists to be changed; make it a field",
		"sip/a.go:11: package variable p exists to be changed; make it a field",
		"sip/b.go:3: changes package variable n; pass it in, or make it a field",
		"sip/b.go:4: changes package variable n; pass it in, or make it a field",
		"sip/b.go:5: changes package variable table; pass it in, or make it a field",
		"sip/b.go:6: changes package variable table; pass it in, or make it a field",
		"sip/b.go:7: changes package variable s; pass it in, or make it a field",
	}},
	{"length", checkLength, map[string]string{
		"sip/a.go":      "package x\n" + strings.Repeat("\n", 500),
		"sip/b.go":      "package x\n" + strings.Repeat("\n", 499),
		"sip/a_test.go": "package x\n" + strings.Repeat("\n", 799),
		"sip/b_test.go": "package x\n" + strings.Repeat("\n", 800),
		"sip/c.go":      "// Code generated by x. DO NOT EDIT.\npackage x\n" + strings.Repeat("\n", 900),
	}, []string{
		"sip/a.go: 501 lines, limit 500; split it by matter",
		"sip/b_test.go: 801 lines, limit 800; split it by matter",
	}},
	{"functions", checkFunctions, map[string]string{
		"sip/a.go":      "package x\nfunc f() {" + strings.Repeat("\n", 79) + "}\nfunc g() {" + strings.Repeat("\n", 80) + "}\n",
		"sip/a_test.go": "package x\nfunc h() {" + strings.Repeat("\n", 90) + "}\n",
	}, []string{"sip/a.go:82: g has 81 lines, limit 80"}},
	{"words", checkWords, map[string]string{
		"README.md": "ok\nsee /wo" + "rk/main\n",
		"bin/x":     "/wo" + "rk/",
		"Makefile":  "get https://proxy.golang" + ".org/x\nnet/work /workers\n",
	}, []string{
		"Makefile:1: contains proxy.golang" + ".org",
		"README.md:2: contains /wo" + "rk/",
	}},
	{"samples", checkSamples, map[string]string{
		"configs/a.yaml": "", "configs/b.yaml": "", "configs/c.yaml": "", "configs/e/x.txt": "",
		"test/a.xml": "", "test/deep/b.xml": "", "test/deep/c.xml": "", "test/deep/unused.xml": "",
		"test/called.sh": "#!/bin/sh\n./inner.py \"deep/b.xml\"\n", "test/inner.py": "open('c.xml')\n",
		"test/never.sh":        "cat unused.xml\n",
		"sip/testdata/one.txt": "", "sip/testdata/two.txt": "", "sip/testdata/all/x": "", "sip/testdata/torture/w.dat": "",
		"sip/testdata/fuzz/FuzzA/1": "", "sip/testdata/fuzz/FuzzB/1": "",
		"configs/a_test.go": "package x\nvar a = \"a.yaml\"\n",
		"configs/a.go":      "package x\n//go:embed c.*\nvar c string\n",
		"test/a_test.go":    "package x\nvar a, b = \"./called.sh\", []string{\"a\", \"%s.xml\"}\n",
		"sip/a_test.go":     "package x\nimport \"os\"\nvar a = \"testdata/o*.txt\"\nfunc FuzzA() { os.ReadDir(\"testdata/torture\") }\n",
	}, []string{
		"configs/b.yaml: no test uses it; name it in one, or remove it",
		"sip/testdata/all/x: no test uses it; name it in one, or remove it",
		"sip/testdata/fuzz/FuzzB/1: no test uses it; name it in one, or remove it",
		"sip/testdata/two.txt: no test uses it; name it in one, or remove it",
		"test/deep/unused.xml: no test uses it; name it in one, or remove it",
	}},
	{"maturity", checkMaturity, map[string]string{
		"docs/maturity.md": "# What works\n\n| what | proof |\n|---|---|\n" +
			"| calls | [TestCall](../test/a_test.go) |\n" +
			"| holds | [TestHold](../test/a_test.go) |\n" +
			"| dreams | by faith |\n" +
			"| moves | [TestMove](../test/gone_test.go) |\n" +
			"| RFC | [3261](https://www.rfc-editor.org/rfc/rfc3261) |\n" +
			"| TLS | not yet |\n\n[elsewhere](x)\n",
		"test/a_test.go": "package x\nfunc TestCall() {}\nfunc TestHoldOn() {}\n",
	}, []string{
		"docs/maturity.md:6: TestHold is not in the file it links",
		"docs/maturity.md:7: row without a link to its test",
		"docs/maturity.md:8: links ../test/gone_test.go, which is not there",
		"docs/maturity.md:8: row without a link to its test",
		"docs/maturity.md:9: row without a link to its test",
	}},
}

// TestRulesCanFail shows each rule what it must not accept.
func TestRulesCanFail(t *testing.T) {
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			fsys := fstest.MapFS{"go.mod": {Data: []byte("module m.org/m\n")}}
			for p, text := range r.bad {
				fsys[p] = &fstest.MapFile{Data: []byte(text)}
			}
			bad, err := load(fsys)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(r.want, r.check(bad)); d != "" {
				t.Errorf("want - got +\n%s", d)
			}
		})
	}
}

// TestHouse runs every rule on the module.
func TestHouse(t *testing.T) {
	house, err := load(os.DirFS(top(t)))
	if err != nil {
		t.Fatal(err)
	}
	if house.module != "github.com/bifrons/bifrons" || len(house.gofs) < 10 {
		t.Fatalf("not the module: %q with %d Go files", house.module, len(house.gofs))
	}
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			for _, fault := range r.check(house) {
				t.Error(fault)
			}
		})
	}
	for _, long := range house.functions(funcAim) {
		t.Log("aim missed: " + long)
	}
}

// top is the folder with go.mod.
func top(t *testing.T) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above")
		}
		dir = filepath.Dir(dir)
	}
}
