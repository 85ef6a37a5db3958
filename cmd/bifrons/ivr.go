package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/bifrons/bifrons/ivr/flow"
	"github.com/bifrons/bifrons/ivr/script"
	"github.com/bifrons/bifrons/media/prompt"
)

func ivrCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "ivr",
		Short: "Write menus for callers, and walk through them",
		Long: `A menu is one file of YAML (or XML): what callers hear, which keys they press, where that leads.

  bifrons ivr new menu.yaml      a menu to begin with
  bifrons ivr check menu.yaml    what is wrong with it, line by line
  bifrons ivr try menu.yaml      walk through it here, without a phone
  bifrons ivr draw menu.yaml     a picture of it

docs/ivr.md tells the rest.`,
		Args: onlyCommands,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(ivrCheckCommand(), ivrTryCommand(), ivrTestCommand(), ivrNewCommand(), ivrDrawCommand(), ivrConvertCommand(), ivrSchemaCommand())
	return c
}

func ivrCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE...",
		Short: "Tell what is wrong with menus",
		Long: `Reads menus and tells every mistake with its line: what cannot be read, nodes nobody reaches, prompts that are not
there, loops that wait for nobody, variables without a value. A mistake marked "warning" does not keep the menu from
being used. The exit status is 1 if anything was told.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			found := 0
			library, err := prompt.New(prompt.DefaultConfig(), slog.New(slog.DiscardHandler))
			if err != nil {
				return err
			}
			defer library.Close()
			recordings := func(f *flow.Flow) flow.Prompts { return flow.Files{Folder: f.Folder(), Shipped: library.Has} }
			for _, file := range files {
				data, err := os.ReadFile(file)
				if err != nil {
					return err
				}
				f, list := flow.Inspect(file, data, recordings)
				for _, p := range list {
					fmt.Fprintln(cmd.OutOrStdout(), p)
				}
				found += len(list)
				if len(list) == 0 {
					fmt.Fprintf(cmd.OutOrStdout(), "%s: no mistakes, %s\n", file, count(f))
				}
			}
			if found > 0 {
				return fmt.Errorf("%d %s found", found, plural(found, "mistake"))
			}
			return nil
		},
	}
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

func count(f *flow.Flow) string {
	nodes := 0
	for _, g := range f.Graphs() {
		nodes += len(g.Nodes)
	}
	return fmt.Sprintf("%d %s", nodes, plural(nodes, "node"))
}

func ivrTryCommand() *cobra.Command {
	var s script.Settings
	c := &cobra.Command{
		Use:   "try FILE",
		Short: "Walk through a menu in the terminal",
		Long: `Plays the caller and the world for a menu: shows what is heard, takes keys, and skips the time that would pass. Type keys
and Enter; Enter alone lets time pass; h hangs up; ? tells what can be typed.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := flow.Load(args[0])
			if err != nil {
				return err
			}
			return script.Try(cmd.InOrStdin(), cmd.OutOrStdout(), f, s)
		},
	}
	c.Flags().StringVar(&s.At, "at", "", "when the call comes, such as \"2026-12-24 22:00\"; now if it is left out")
	c.Flags().StringVar(&s.Caller, "caller", "100", "who calls")
	c.Flags().StringVar(&s.Called, "called", "200", "whom he calls")
	c.Flags().StringSliceVar(&s.Languages, "languages", nil, "languages of the caller, best first")
	c.Flags().StringToStringVar(&s.Params, "param", nil, "parameters of the application, NAME=VALUE")
	return c
}

func ivrTestCommand() *cobra.Command {
	var least int
	var verbose bool
	c := &cobra.Command{
		Use:   "test DIR|FILE.walk...",
		Short: "Walk through menus as files of walks say, and count what was walked",
		Long: `Runs every *.walk below a folder. A walk says what the caller does and must hear; docs/ivr.md tells how to write one.
Afterwards each menu has a line: how many of its nodes and branches the walks came through, and with -v which not.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := walks(args)
			if err != nil {
				return err
			}
			return script.Test(cmd.OutOrStdout(), files, least, verbose)
		},
	}
	c.Flags().IntVar(&least, "coverage", 0, "fail when fewer nodes and branches than this percentage were walked")
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "list the nodes and branches that were not walked")
	return c
}

// walks finds the files of walks.
func walks(args []string) (files []string, err error) {
	for _, a := range args {
		info, err := os.Stat(a)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, a)
			continue
		}
		err = filepath.WalkDir(a, func(p string, e os.DirEntry, err error) error {
			if err == nil && !e.IsDir() && filepath.Ext(p) == ".walk" {
				files = append(files, p)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("there is no file that ends in .walk in %v", args)
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}
