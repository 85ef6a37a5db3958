package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
)

// usageError is a mistake on the command line, a failure of another kind than of what was asked for.
type usageError struct{ error }

// onlyCommands is for a command that is nothing but others: it tells a word it does not know, and the nearest that it does.
func onlyCommands(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	near := ""
	if cmd.SuggestionsMinimumDistance == 0 {
		cmd.SuggestionsMinimumDistance = 2
	}
	if all := cmd.SuggestionsFor(args[0]); len(all) > 0 {
		near = ", did you mean `" + strings.Join(all, "` or `") + "`?"
	}
	return usageError{fmt.Errorf("unknown command %q%s; `%s --help` lists them", args[0], near, cmd.CommandPath())}
}

// withUse adds to a mistake on the command line how the command is used.
func withUse(cmd *cobra.Command, err error) error {
	for _, start := range []string{"accepts ", "requires at ", "required flag", "unknown command"} { // of cobra, which has no types for them
		if u := (usageError{}); !errors.As(err, &u) && strings.HasPrefix(err.Error(), start) {
			return usageError{fmt.Errorf("%w; use it as `%s`", err, cmd.UseLine())}
		}
	}
	return err
}

var (
	nodesKey = regexp.MustCompile(`(?m)^nodes:`)
	sidesKey = regexp.MustCompile(`(?m)^sides:`)
)

// isMenu tells whether a file is one of menus, which `bifrons check` does not read.
func isMenu(file string) bool {
	text, err := os.ReadFile(file)
	return err == nil && nodesKey.Match(text) && !sidesKey.Match(text)
}
