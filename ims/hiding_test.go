package ims_test

import (
	"testing"

	"github.com/bifrons/bifrons/b2bua/b2buatest"
	"github.com/bifrons/bifrons/ims"
)

// TestHomeCatalogue plants a secret in every header, description and body between two sides of the home network: what the
// table carries arrives, in both directions, and nothing else does.
func TestHomeCatalogue(t *testing.T) {
	b2buatest.Catalogue(t, ims.HomePolicy()) // it has the assertions
}
