package docs_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/ims"
)

var update = flag.Bool("update", false, "write generated tables anew")

// TestHidingTable: the table of docs/hiding.md is what the policies are.
func TestHidingTable(t *testing.T) {
	all := []*b2bua.Policy{b2bua.UntrustedPolicy(), ims.HomePolicy(), b2bua.TrustedPolicy(), b2bua.TransparentPolicy()}
	how := make([]map[string]string, len(all))
	var fields []string
	for i, p := range all {
		how[i] = map[string]string{}
		for _, e := range p.Exposures() {
			how[i][e.Field] = e.How
			if i == 0 || how[0][e.Field] == "" && !strings.Contains(strings.Join(fields, "\n")+"\n", e.Field+"\n") {
				fields = append(fields, e.Field)
			}
		}
	}
	var b strings.Builder
	b.WriteString("\n| field |")
	for _, p := range all {
		fmt.Fprintf(&b, " %s |", p)
	}
	b.WriteString(" test |\n|---|---|---|---|---|---|\n")
	for _, f := range fields {
		fmt.Fprintf(&b, "| %s |", f)
		for i, p := range all {
			h := how[i][f]
			if h == "" && strings.HasPrefix(f, "body ") {
				h = p.RestBodies.String()
			}
			fmt.Fprintf(&b, " %s |", h)
		}
		fmt.Fprintf(&b, " %s |\n", testOf(f))
	}
	b.WriteString("\n")
	const begin, end = "go test ./docs -update writes it -->\n", "<!-- table: end -->"
	page := read(t, "docs/hiding.md")
	head, rest, ok := strings.Cut(page, begin)
	table, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("docs/hiding.md has no place for the table")
	}
	if table == b.String() {
		return
	}
	if !*update {
		t.Fatal("the table of docs/hiding.md is not what the policies are; go test ./docs -update writes it")
	}
	if err := os.WriteFile("hiding.md", []byte(head+begin+b.String()+end+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}

// testOf links the test of a row.
func testOf(field string) string {
	const catalogue = "[TestCatalogue](../b2bua/catalogue_test.go)"
	switch {
	case strings.HasPrefix(field, "a="), strings.HasPrefix(field, "body "), field == "other bodies":
		return catalogue
	case field == "Via", field == "CSeq", field == "Call-ID", field == "Contact", field == "From", field == "To", field == "Max-Forwards", strings.HasPrefix(field, "Content-"):
		return catalogue + ", [TestScenarios](../b2bua/scenario_test.go)"
	case field == "SRTP with its keys", field == "T.38 fax", strings.HasPrefix(field, "MSRP"):
		return "[descriptions_test.go](../test/descriptions_test.go)"
	case field == "RTP header extensions":
		return "[TestNothingOfAPartyCrosses](../media/link_test.go)"
	case field == "what Privacy asks for":
		return "[TestPrivacyObeyed](../b2bua/header_test.go)"
	case field == "display names", field == "user parts", strings.HasPrefix(field, "host names"):
		return "[header_test.go](../b2bua/header_test.go)"
	case field == "feature tags of Contact":
		return "[TestScenarios](../b2bua/scenario_test.go)"
	}
	return catalogue
}
