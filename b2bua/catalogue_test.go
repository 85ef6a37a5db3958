package b2bua_test

import (
	"testing"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/b2bua/b2buatest"
)

// TestCatalogue is the leak catalogue, row by row, under each policy of this package; ims has that of its own.
func TestCatalogue(t *testing.T) {
	for _, p := range []*b2bua.Policy{b2bua.UntrustedPolicy(), b2bua.TrustedPolicy(), b2bua.TransparentPolicy()} {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			b2buatest.Catalogue(t, p) // it has the assertions
		})
	}
}
