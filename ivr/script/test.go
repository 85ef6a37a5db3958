package script

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/bifrons/bifrons/ivr/flow"
	"github.com/bifrons/bifrons/ivr/form"
)

// Test runs files of walks and writes a report. The error tells that a walk went wrong, or that fewer than least percent of the
// nodes and branches of an application were walked.
func Test(w io.Writer, files []string, least int, verbose bool) error {
	t := tester{w: w, covers: map[string]*Coverage{}}
	for _, name := range files {
		if err := t.file(name); err != nil {
			return err
		}
	}
	short := 0
	for _, m := range t.menus {
		nodes, n, branches, b, left := t.covers[m].Count()
		percent := 100 * (n + b) / max(1, nodes+branches)
		fmt.Fprintf(w, "%s: nodes %d of %d, branches %d of %d (%d%%)\n", m, n, nodes, b, branches, percent)
		if percent < least {
			short++
		}
		if verbose || percent < least {
			for _, p := range left {
				fmt.Fprintf(w, "  %s\n", p)
			}
		}
	}
	switch {
	case t.failed > 0:
		return fmt.Errorf("%d of %d walks failed", t.failed, t.walks)
	case short > 0:
		return fmt.Errorf("fewer than %d%% of the nodes and branches were walked", least)
	case t.walks == 0:
		return errors.New("there are no walks in these files")
	}
	return nil
}

type tester struct {
	w             io.Writer
	covers        map[string]*Coverage
	menus         []string
	walks, failed int
}

func (t *tester) file(name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("read walks: %w", err)
	}
	f, err := Parse(name, data)
	if err != nil {
		return err
	}
	c := t.covers[f.Menu]
	if c == nil {
		m, err := flow.Load(f.Menu)
		if err != nil {
			if ps, ok := errors.AsType[form.Problems](err); ok {
				return ps
			}
			return fmt.Errorf("%s: %w", name, err)
		}
		c = NewCoverage(m)
		t.covers[f.Menu], t.menus = c, append(t.menus, f.Menu)
		slices.Sort(t.menus)
	}
	for _, walk := range f.Walks {
		t.walks++
		verdict := "ok   "
		err := Run(c.f, f.Name, walk, c.Add)
		if err != nil {
			verdict = "FAIL "
			t.failed++
		}
		fmt.Fprintf(t.w, "%s %s: %s\n", verdict, name, walk.Name)
		if err != nil {
			fmt.Fprintf(t.w, "      %s\n", err)
		}
	}
	return nil
}
