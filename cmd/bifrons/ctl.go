package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/internal/admin"
)

func ctlCommand() *cobra.Command {
	root := &cobra.Command{Use: "ctl", Short: "Ask a running server, or an HSS", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	var at string
	var raw bool
	root.PersistentFlags().StringVar(&at, "admin", "127.0.0.1:8070", "admin address of the running server")
	root.PersistentFlags().BoolVar(&raw, "json", false, "print JSON")
	ask := func(use, short, path string, show func(io.Writer, []byte) error) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
			body, err := get(cmd.Context(), "http://"+at+path)
			if err != nil {
				return err
			}
			if raw {
				_, err = cmd.OutOrStdout().Write(body)
				return err
			}
			return show(cmd.OutOrStdout(), body)
		}}
	}
	root.AddCommand(
		ask("status", "Health, version and number of calls", "/healthz", showStatus),
		ask("calls", "The calls at hand", "/v1/calls", showCalls),
		ask("targets", "The next hops of sides that have several", "/v1/targets", showTargets),
		ask("diameter", "The Diameter peers: state, last error, round trip", "/v1/diameter", showPeers),
		subscriberCommand(&at, &raw),
		explainCommand(&at, &raw),
		registrationsCommand(&at, &raw),
		shCommand(&at, &raw))
	return root
}

// get asks the admin API; 503 is an answer, too: that of a server that drains.
func get(ctx context.Context, at string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w; is a server running there? --admin says where to ask", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<20))
	if err == nil && res.StatusCode != http.StatusOK && res.StatusCode != http.StatusServiceUnavailable {
		err = fmt.Errorf("%s: %s", res.Status, strings.TrimSpace(string(body)))
	}
	return body, err
}

func showStatus(w io.Writer, body []byte) error {
	var h admin.Health
	if err := json.Unmarshal(body, &h); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%s, %d calls, version %s\n", h.Status, h.Calls, h.Version)
	return err
}

func showCalls(w io.Writer, body []byte) error {
	var all struct{ Calls []b2bua.Info }
	if err := json.Unmarshal(body, &all); err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "CALL\tSTATE\tSINCE\tFROM\tTO\tLEGS")
	for _, c := range all.Calls {
		var legs []string
		for _, l := range c.Legs {
			legs = append(legs, l.Side+" "+l.Remote+" "+l.State)
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\n", c.ID, c.State, time.Since(c.Started).Round(time.Second), c.From, c.To, strings.Join(legs, ", "))
	}
	return t.Flush()
}

func showTargets(w io.Writer, body []byte) error {
	var all struct{ Targets []b2bua.TargetInfo }
	if err := json.Unmarshal(body, &all); err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SIDE\tTARGET\tPRIORITY\tWEIGHT\tSTATE\tSHARE\tFAILURES\tFOR")
	for _, g := range all.Targets {
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%s\t%d %%\t%d\t%s\n", g.Side, g.Target, g.Priority, g.Weight, g.State, g.Share, g.Failures,
			time.Duration(g.Seconds)*time.Second)
	}
	return t.Flush()
}

func showPeers(w io.Writer, body []byte) error {
	var all struct{ Peers []diameter.PeerStatus }
	if err := json.Unmarshal(body, &all); err != nil {
		return err
	}
	return diameter.WriteStatus(w, all.Peers)
}
