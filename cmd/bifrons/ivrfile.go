package main

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bifrons/bifrons/ivr/draw"
	"github.com/bifrons/bifrons/ivr/flow"
	"github.com/bifrons/bifrons/ivr/form"
)

//go:embed ivrnew.yaml
var newMenu []byte

//go:embed ivrnew.walk
var newWalks []byte

func ivrNewCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "new FILE",
		Short: "Write a menu to begin with, and walks that test it",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file := args[0]
			if filepath.Ext(file) == "" {
				file += ".yaml"
			}
			text := newMenu
			if isXML(file) {
				var err error
				if text, err = convert("ivrnew.yaml", newMenu, true); err != nil {
					return err
				}
			}
			walks := strings.TrimSuffix(file, filepath.Ext(file)) + ".walk"
			if err := write(file, text); err != nil {
				return err
			}
			if err := write(walks, []byte("menu "+filepath.Base(file)+"\n\n"+string(newWalks))); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is a menu, %s tests it. Now:\n  bifrons ivr try %s\n  bifrons ivr test %s\n  bifrons ivr draw %s\n", file, walks, file, walks, file)
			return nil
		},
	}
}

// write writes a new file; one that is there stays as it is.
func write(file string, data []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s is there already; remove it, or give another name", file)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

func isXML(file string) bool { return strings.EqualFold(filepath.Ext(file), ".xml") }

// convert gives the other form of a menu.
func convert(name string, data []byte, toXML bool) ([]byte, error) {
	tree, err := flow.ParseTree(name, data)
	if err != nil {
		return nil, err
	}
	if toXML {
		return form.XML(tree, flow.Root, flow.Shape())
	}
	return form.YAML(tree, flow.Shape()), nil
}

func ivrConvertCommand() *cobra.Command {
	var to string
	c := &cobra.Command{
		Use:   "convert FILE [TO]",
		Short: "Write a menu in its other form: YAML as XML, XML as YAML",
		Long: `YAML and XML are two forms of the same menu, and nothing is lost between them, comments included. The result goes to the
file TO, whose ending says the form, or without it to the terminal in the other form.`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			data, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			toXML := !isXML(args[0])
			if len(args) == 2 {
				toXML = isXML(args[1])
			}
			switch to {
			case "":
			case "xml", "yaml":
				toXML = to == "xml"
			default:
				return usageError{fmt.Errorf("--to is xml or yaml, not %s", to)}
			}
			out, err := convert(args[0], data, toXML)
			if err != nil {
				return err
			}
			if len(args) == 2 {
				return os.WriteFile(args[1], out, 0o644)
			}
			_, err = cmd.OutOrStdout().Write(out)
			return err
		},
	}
	c.Flags().StringVar(&to, "to", "", "the form: xml or yaml; the other one if it is left out")
	return c
}

func ivrSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:       "schema json|xsd",
		Short:     "Write the schema of menus, for editors",
		ValidArgs: []string{"json", "xsd"},
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			out := form.JSONSchema(flow.Shape(), "A menu of Bifrons")
			if args[0] == "xsd" {
				out = form.XSD(flow.Shape(), flow.Root)
			}
			_, err := cmd.OutOrStdout().Write(out)
			return err
		},
	}
}

func ivrDrawCommand() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "draw FILE",
		Short: "Draw a menu as SVG",
		Long: `Draws a menu as an SVG picture, which every browser shows: the call runs from left to right, a card for each node, a line
from each of its branches. Without -o the picture goes to the file's name with the ending .svg; -o - writes it to the
terminal.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := flow.Load(args[0])
			if err != nil {
				return err
			}
			picture := draw.SVG(f)
			if out == "-" {
				_, err = cmd.OutOrStdout().Write(picture)
				return err
			}
			if out == "" {
				out = strings.TrimSuffix(args[0], filepath.Ext(args[0])) + ".svg"
			}
			if err := os.WriteFile(out, picture, 0o644); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is the picture\n", out)
			return nil
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "the file to write")
	return c
}
