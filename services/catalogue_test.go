package services

import (
	"slices"
	"testing"
)

// TestCatalogue: every entry makes an App of its own name, and the names are in order.
func TestCatalogue(t *testing.T) {
	if !slices.IsSorted(Names()) || len(Names()) == 0 {
		t.Errorf("names %v are not in order", Names())
	}
	for name, link := range Apps(Deps{}) {
		if link.App.Name() != name || link.Version == "" {
			t.Errorf("%s makes an app named %q of version %q", name, link.App.Name(), link.Version)
		}
	}
}
