package docs_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bifrons/bifrons/b2bua"
)

// TestTrustTable: the page has the table of the code, row by row.
func TestTrustTable(t *testing.T) {
	words := map[b2bua.Trust]string{b2bua.Home: "home", b2bua.Partner: "home, partner"}
	var want strings.Builder
	for _, r := range b2bua.TrustTable() {
		fmt.Fprintf(&want, "| %s | %s | %s |\n", r.Header, words[r.Least], r.Why)
	}
	if !strings.Contains(read(t, "docs/identity.md"), "|---|---|---|\n"+want.String()+"\n") {
		t.Errorf("docs/identity.md lacks the table:\n%s", want.String())
	}
}
