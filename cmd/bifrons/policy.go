package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/configs"
	"github.com/bifrons/bifrons/ims"
)

func policyCommand() *cobra.Command {
	root := &cobra.Command{Use: "policy", Short: "Show what crosses from one party to another, and what a change would expose"}
	var config string
	root.PersistentFlags().StringVarP(&config, "config", "c", "", "configuration whose policies and pairs are shown, too")
	root.AddCommand(&cobra.Command{
		Use: "show [NAME]", Short: "List the policies, or what one of them does", Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return listPolicies(cmd.OutOrStdout(), config)
			}
			p, err := policyNamed(config, args[0])
			if err != nil {
				return err
			}
			return showPolicy(cmd.OutOrStdout(), p)
		},
	}, &cobra.Command{
		Use: "explain FIELD", Short: "Tell what happens to a header, a=attribute or body type in each policy", Args: exactly(1, "a header, such as P-Asserted-Identity"),
		RunE: func(cmd *cobra.Command, args []string) error { return explain(cmd.OutOrStdout(), config, args[0]) },
	}, &cobra.Command{
		Use: "diff A B", Short: "Tell what policy B exposes that A does not, and the reverse; A and B may be configurations", Args: exactly(2, "two policies, or two configurations"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return diffPolicies(cmd.OutOrStdout(), config, args[0], args[1])
		},
	})
	return root
}

func atMost(n int) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > n {
			return usageError{fmt.Errorf("takes at most %d argument", n)}
		}
		return nil
	}
}

func exactly(n int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != n {
			return usageError{errors.New("takes " + what)}
		}
		return nil
	}
}

// policiesOf returns all policies, by name and by name@version, and the configuration, if one is given.
func policiesOf(config string) (map[string]*b2bua.Policy, *configs.Config, error) {
	cfg := &configs.Config{}
	if config != "" {
		c, err := configs.Load(config, known())
		if err != nil {
			return nil, nil, err
		}
		cfg = c
	}
	all, err := policies(cfg)
	return all, cfg, err
}

// policyNames lists the names without versions.
func policyNames(all map[string]*b2bua.Policy) (names []string) {
	for name := range all {
		if !strings.Contains(name, "@") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// pairNames are the pairs of sides of a configuration, each with its policy.
func pairNames(cfg *configs.Config, all map[string]*b2bua.Policy) (pairs []b2bua.Pair) {
	for i := range cfg.Sides {
		for k := range cfg.Sides {
			a, b := &cfg.Sides[i], &cfg.Sides[k]
			p := all["untrusted"]
			if a.Trust == configs.Home && b.Trust == configs.Home {
				p = all["ims-home"]
			}
			for _, named := range cfg.Policies {
				if named.From == a.Name && named.To == b.Name {
					p = all[named.Policy]
				}
			}
			pairs = append(pairs, b2bua.Pair{From: a.Name, To: b.Name, Policy: p})
		}
	}
	return pairs
}

func listPolicies(w io.Writer, config string) error {
	all, cfg, err := policiesOf(config)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "POLICY\tHEADERS CARRIED\tOTHER HEADERS\tOTHER BODIES\tHOST NAMES\tPRIVACY")
	for _, name := range policyNames(all) {
		p := all[name]
		carried := 0
		for _, r := range p.Headers {
			if r.Action == b2bua.Carry || r.Action == b2bua.Filter {
				carried++
			}
		}
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\n", p, carried+len(p.Others), p.Rest, p.RestBodies, exposed(p, "host names of From, To, Request-URI"), exposed(p, "what Privacy asks for"))
	}
	if pairs := pairNames(cfg, all); len(pairs) > 0 {
		fmt.Fprintln(t, "\nFROM\tTO\tPOLICY")
		for _, p := range pairs {
			fmt.Fprintf(t, "%s\t%s\t%s\n", p.From, p.To, p.Policy)
		}
	}
	return t.Flush()
}

// exposed returns what a policy does with a field it lists, "" for another one.
func exposed(p *b2bua.Policy, field string) string {
	for _, e := range p.Exposures() {
		if strings.EqualFold(e.Field, field) {
			return e.How
		}
	}
	return ""
}

func showPolicy(w io.Writer, p *b2bua.Policy) error {
	fmt.Fprintf(w, "%s: what crosses from one party to the other\n\n", p)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "FIELD\tWHAT HAPPENS")
	for _, e := range p.Exposures() {
		fmt.Fprintf(t, "%s\t%s\n", e.Field, e.How)
	}
	return t.Flush()
}

// actionWords explain the actions.
var actionWords = [...]struct{ how, what string }{
	{"drop", "does not cross"}, {"carry", "crosses as it came"}, {"own", "is written by Bifrons, whatever came"},
	{"map", "crosses with the dialog identifiers of the other leg, or not at all"}, {"host", "crosses with our domain in the place of every host"},
	{"listed", "crosses for the payload types that were negotiated"},
}

func meaning(how string) string {
	for _, a := range actionWords {
		if a.how == how {
			return a.what
		}
	}
	if strings.HasPrefix(how, "only ") {
		return "crosses with these parameters alone: " + strings.TrimPrefix(how, "only ")
	}
	return how
}

func explain(w io.Writer, config, field string) error {
	all, cfg, err := policiesOf(config)
	if err != nil {
		return err
	}
	for _, row := range ims.HomeTable() {
		if strings.EqualFold(row.Name, field) {
			fmt.Fprintf(w, "%s: %s\n\n", row.Name, row.Why)
		}
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "POLICY\tACTION\tTHE FIELD")
	for _, name := range policyNames(all) {
		how := action(all[name], field)
		fmt.Fprintf(t, "%s\t%s\t%s\n", all[name], how, meaning(how))
	}
	if pairs := pairNames(cfg, all); len(pairs) > 0 {
		fmt.Fprintln(t, "\nFROM\tTO\tACTION")
		for _, p := range pairs {
			fmt.Fprintf(t, "%s\t%s\t%s (%s)\n", p.From, p.To, action(p.Policy, field), p.Policy)
		}
	}
	return t.Flush()
}

// action returns what a policy does with a header, an a=attribute, a body type, or another field that show lists.
func action(p *b2bua.Policy, field string) string {
	if how := exposed(p, field); how != "" {
		return how
	}
	kind := strings.ToLower(field)
	switch {
	case strings.HasPrefix(field, "a="):
		return exposed(p, "a=others")
	case kind == "application/sdp", strings.HasPrefix(kind, "multipart/"): // anchored, and made anew of the parts that cross
		return b2bua.Own.String()
	case strings.Contains(field, "/"):
		if how := exposed(p, "body "+field); how != "" {
			return how
		}
		return exposed(p, "other bodies")
	}
	return p.RuleFor(field).String()
}

// diffPolicies compares two policies, or the policies of each pair of sides of two configurations.
func diffPolicies(w io.Writer, config, a, b string) error {
	if isFile(a) && isFile(b) {
		return diffConfigs(w, a, b)
	}
	p, err := policyNamed(config, a)
	if err != nil {
		return err
	}
	q, err := policyNamed(config, b)
	if err != nil {
		return err
	}
	all, cfg, err := policiesOf(config)
	if err != nil {
		return err
	}
	where := []string{""}
	for _, pair := range pairNames(cfg, all) {
		if pair.Policy.String() == p.String() {
			where = append(where, " from "+pair.From+" to "+pair.To)
		}
	}
	if len(where) > 1 {
		where = where[1:]
	}
	changes := 0
	for _, at := range where {
		changes += diff(w, p, q, at)
	}
	if changes == 0 {
		fmt.Fprintf(w, "%s and %s expose the same\n", p, q)
	}
	return nil
}

func isFile(path string) bool {
	i, err := os.Stat(path)
	return err == nil && i.Mode().IsRegular()
}

func diffConfigs(w io.Writer, a, b string) error {
	oldAll, old, err := policiesOf(a)
	if err != nil {
		return err
	}
	newAll, fresh, err := policiesOf(b)
	if err != nil {
		return err
	}
	before, changes := map[string]*b2bua.Policy{}, 0
	for _, p := range pairNames(old, oldAll) {
		before[p.From+" to "+p.To] = p.Policy
	}
	for _, p := range pairNames(fresh, newAll) {
		at := p.From + " to " + p.To
		if was := before[at]; was != nil {
			changes += diff(w, was, p.Policy, " from "+at)
			continue
		}
		fmt.Fprintf(w, "from %s is new, with %s\n", at, p.Policy)
		changes++
	}
	if changes == 0 {
		fmt.Fprintln(w, "every pair of sides exposes the same")
	}
	return nil
}

// openness ranks what is done with a field: the higher, the more of it crosses.
func openness(how string) int {
	switch how {
	case "drop", "own", "obeyed", "anonymous":
		return 0
	case "map", "host", "listed", "normalised":
		return 1
	case "carry", "received", "left to the next hop":
		return 3
	}
	return 2 // some parameters
}

// diff prints what policy q does otherwise than p, what is newly exposed first.
func diff(w io.Writer, p, q *b2bua.Policy, where string) int {
	was := map[string]string{}
	fields := []string{}
	for _, x := range []*b2bua.Policy{p, q} {
		for _, e := range x.Exposures() {
			if _, ok := was[e.Field]; !ok {
				was[e.Field] = ""
				fields = append(fields, e.Field)
			}
		}
	}
	var exposes, hides, other []string
	for _, f := range fields {
		a, b := how(p, f), how(q, f)
		switch line := fmt.Sprintf("%s%s (%s, was %s)", f, where, b, a); {
		case a == b:
		case openness(b) > openness(a):
			exposes = append(exposes, "newly exposes "+line)
		case openness(b) < openness(a):
			hides = append(hides, "no longer exposes "+line)
		default:
			other = append(other, "changes "+line)
		}
	}
	for _, line := range slices.Concat(exposes, hides, other) {
		fmt.Fprintln(w, "this change "+line)
	}
	return len(exposes) + len(hides) + len(other)
}

// how returns what a policy does with a field that it or another policy lists.
func how(p *b2bua.Policy, field string) string {
	if how := exposed(p, field); how != "" {
		return how
	}
	return action(p, strings.TrimPrefix(field, "body "))
}
