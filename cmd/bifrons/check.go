package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/bifrons/bifrons/configs"
	"github.com/bifrons/bifrons/internal/admin"
	"github.com/bifrons/bifrons/ivr"
)

func checkCommand() *cobra.Command {
	var schema, effective, diff bool
	c, a := &console{}, &access{}
	cmd := &cobra.Command{
		Use:   "check FILE | check --effective FILE | check --diff OLD NEW | check --diff NEW --admin ADDRESS | check --schema",
		Short: "Read a configuration and say what is wrong with it, what it comes to, or what it would change",
		Example: `  bifrons check bifrons.yaml
  bifrons check --effective bifrons.yaml              # with every default, secrets hidden
  bifrons check --diff bifrons.yaml new.yaml          # what a reload would change
  bifrons check --diff new.yaml --admin 127.0.0.1:8070
  bifrons check --schema > bifrons.schema.json        # for editors`,
		RunE: func(cmd *cobra.Command, args []string) error {
			out, errs := cmd.OutOrStdout(), cmd.ErrOrStderr()
			switch asked := cmd.Flags().Changed("admin"); {
			case schema && len(args) == 0:
				_, err := out.Write(configs.Schema())
				return err
			case schema:
				return usageError{errors.New("check --schema needs no file: it describes all of them")}
			case diff && asked && len(args) == 1:
				client, err := a.client()
				if err != nil {
					return err
				}
				cmd.SetContext(context.WithValue(cmd.Context(), clientKey{}, client))
				return c.checkDiff(cmd, args[0])
			case diff && len(args) == 2:
				return checkDiff(out, errs, args[0], args[1])
			case diff:
				return usageError{errors.New("check --diff needs two files, or one and --admin of the running server")}
			case len(args) != 1:
				return usageError{errors.New("check needs one configuration file")}
			}
			cfg, settings, err := checked(errs, args[0])
			if err != nil {
				return err
			}
			for _, w := range warnings(cfg, settings) {
				fmt.Fprintln(errs, w.Error())
			}
			if effective {
				_, err = out.Write(settings.YAML())
				return err
			}
			_, err = fmt.Fprintf(out, "%s is good: %s, %s\n", args[0], several(len(cfg.Sides), "side"), several(len(cfg.Routes), "route"))
			return err
		},
	}
	a.flags(cmd)
	f := cmd.Flags()
	f.BoolVar(&schema, "schema", false, "print a JSON schema of the file, for editors")
	f.BoolVar(&effective, "effective", false, "print the configuration with every default, secrets hidden")
	f.BoolVar(&diff, "diff", false, "print what differs from one file to another, or from the running server")
	f.StringVar(&c.at, "admin", "127.0.0.1:8070", "admin address of the running server, for --diff")
	return cmd
}

// checked reads a configuration; the mistakes go out one by one.
func checked(errs io.Writer, file string) (*configs.Config, *configs.Settings, error) {
	if isMenu(file) {
		return nil, nil, fmt.Errorf("%s has menus for callers; `bifrons ivr check %s` reads them", file, file)
	}
	cfg, settings, err := configs.LoadSettings(file, known())
	var all configs.Errors
	if errors.As(err, &all) {
		for i := range all {
			fmt.Fprintln(errs, all[i].Error())
		}
		return nil, nil, fmt.Errorf("%s has %s", file, mistakes(len(all)))
	}
	if err != nil {
		return nil, nil, err
	}
	bad := 0
	for _, m := range cfg.Menus {
		if _, err := openMenu(m, ivr.Deps{}); err != nil {
			fmt.Fprintln(errs, err)
			bad++
		}
	}
	if bad > 0 {
		return nil, nil, fmt.Errorf("%s has %s that callers would not hear", file, several(bad, "menu"))
	}
	return cfg, settings, nil
}

func mistakes(n int) string { return several(n, "mistake") }

func several(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// checkDiff tells what differs between two files.
func checkDiff(out, errs io.Writer, old, file string) error {
	from, a, err := checked(errs, old)
	if err != nil {
		return err
	}
	to, b, err := checked(errs, file)
	if err != nil {
		return err
	}
	changes := configs.Diff(a, b)
	return printChange(out, admin.Change{Changes: changes, Restart: restarts(changes, from, to)})
}

func printDiff(out io.Writer, all []configs.Difference) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(out, "nothing differs")
		return err
	}
	for _, d := range all {
		if _, err := fmt.Fprintln(out, d); err != nil {
			return err
		}
	}
	return nil
}
