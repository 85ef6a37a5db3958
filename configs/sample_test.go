package configs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The catalogue and the policies the samples may count on.
var sampleNames = Known{Policies: []string{"ims-home", "untrusted", "transparent"}, Apps: []string{"example", "ims", "reachability"}, LookUp: []string{"reachability"}}

func TestSamples(t *testing.T) {
	if d := cmp.Diff([]string{"bench", "bench-signalling", "hss", "ims-as", "lab", "minimal", "production", "two-sides"}, Samples()); d != "" {
		t.Errorf("samples: want - got +\n%s", d)
	}
	for _, name := range Samples() {
		t.Run(name, func(t *testing.T) {
			onDisk, err := Load(name+".yaml", sampleNames)
			if err != nil {
				t.Fatal(err)
			}
			text, err := Sample(name)
			if err != nil {
				t.Fatal(err)
			}
			inside, err := Parse(name, text, sampleNames)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(onDisk, inside, compare); d != "" {
				t.Errorf("disk - embedded +\n%s", d)
			}
			if !strings.HasPrefix(string(text), "# ") {
				t.Error("does not begin by saying what it is for")
			}
		})
	}
}

func TestSampleUnknown(t *testing.T) {
	_, err := Sample("maximal")
	if want := "no sample `maximal`; there are bench, bench-signalling, hss, ims-as, lab, minimal, production, two-sides"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestDefaultIsMinimal(t *testing.T) {
	minimal, err := Load("minimal.yaml", sampleNames)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(minimal, Default(), compare); d != "" {
		t.Errorf("minimal - Default +\n%s", d)
	}
}

// TestMinimalShowsTheDefaults uncomments the settings that minimal.yaml lists as defaults.
func TestMinimalShowsTheDefaults(t *testing.T) {
	text, err := Sample("minimal")
	if err != nil {
		t.Fatal(err)
	}
	before, listed, found := strings.Cut(string(text), "# policies:")
	if !found {
		t.Fatal("minimal.yaml does not list the defaults")
	}
	got, err := Parse("minimal.yaml", []byte(before+"policies:"+strings.ReplaceAll(listed, "\n# ", "\n")), sampleNames)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	if want := []Pair{{"inside", "outside", "untrusted"}}; !cmp.Equal(got.Policies, want) {
		t.Errorf("lists policies %v, want %v", got.Policies, want)
	}
	got.Policies = nil
	if d := cmp.Diff(want, got, compare); d != "" {
		t.Errorf("default - listed +\n%s", d)
	}
}

// TestBenchDiffersInOneThing keeps the two measurements comparable.
func TestBenchDiffersInOneThing(t *testing.T) {
	a, err := Load("bench.yaml", sampleNames)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Load("bench-signalling.yaml", sampleNames)
	if err != nil {
		t.Fatal(err)
	}
	if !a.Media.Anchor || b.Media.Anchor {
		t.Errorf("anchored: %v and %v, want true and false", a.Media.Anchor, b.Media.Anchor)
	}
	b.Media = a.Media
	if d := cmp.Diff(a, b, compare); d != "" {
		t.Errorf("bench - bench-signalling +\n%s", d)
	}
}
