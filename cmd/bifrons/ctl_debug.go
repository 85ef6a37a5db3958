package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/bifrons/bifrons/b2bua"
)

func (c *console) debugCommand() *cobra.Command {
	var off bool
	d := 10 * time.Minute
	cmd := &cobra.Command{
		Use:   "debug [NUMBER]",
		Short: "Tell a number's new calls in the log, step by step, for a while",
		Long: `Without a number: those that are on. With one: calls that begin now, and whose From, To or Request-URI has it as user part or tel
number, log each message, event, verdict and effect at level debug, whatever the level of the log is.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.show(cmd, "/v1/debug", showSpots)
			}
			at := base(c.at) + "/v1/debug/" + url.PathEscape(args[0])
			if off {
				_, err := send(cmd.Context(), http.MethodDelete, at)
				return err
			}
			if _, err := send(cmd.Context(), http.MethodPut, at+"?for="+d.String()); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "new calls of %s are told in the server's log for %s\n", args[0], d)
			return err
		},
	}
	cmd.Flags().DurationVar(&d, "for", d, "for how long, 24h at most")
	cmd.Flags().BoolVar(&off, "off", false, "no more")
	return cmd
}

func showSpots(w io.Writer, body []byte) error {
	var all struct{ Numbers []b2bua.Spotlight }
	if err := json.Unmarshal(body, &all); err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NUMBER\tUNTIL")
	for _, n := range all.Numbers {
		fmt.Fprintf(t, "%s\t%s\n", n.Number, n.Until.Format(time.TimeOnly))
	}
	return t.Flush()
}
