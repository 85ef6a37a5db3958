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

// console is how a running server is asked.
type console struct {
	at   string // its admin address
	json bool   // print answers as they come
}

func ctlCommand() *cobra.Command {
	root := &cobra.Command{Use: "ctl", Short: "Ask a running server, or an HSS", Args: onlyCommands,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	c, a := &console{}, &access{}
	a.flags(root)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		client, err := a.client()
		if err == nil {
			cmd.SetContext(context.WithValue(cmd.Context(), clientKey{}, client))
		}
		return err
	}
	root.PersistentFlags().StringVar(&c.at, "admin", "127.0.0.1:8070", "admin address of the running server, host:port or https://host:port")
	root.PersistentFlags().BoolVar(&c.json, "json", false, "print JSON")
	root.AddCommand(
		c.ask("status", "Health, version and number of calls", "/healthz", showStatus),
		c.ask("calls", "The calls at hand", "/v1/calls", showCalls),
		c.callCommand(), c.hangupCommand(), c.originateCommand(), c.moveCommand(), c.traceCommand(), c.debugCommand(), c.drainCommand(),
		c.ask("records", "The calls that ended last, newest first", "/v1/records", showRecords),
		c.ask("targets", "The next hops of sides that have several", "/v1/targets", showTargets),
		c.ask("admission", "Limits of calls, how full they are, and the overload control", "/v1/admission", showAdmission),
		c.ask("policies", "What crosses from one side to another; with --json each header", "/v1/policies", showPolicies),
		c.ask("trunks", "Our registrations with others", "/v1/trunks", showTrunks),
		c.ask("bindings", "Who is registered here, and where", "/v1/bindings", showBindings),
		c.ask("diameter", "The Diameter peers: state, last error, round trip", "/v1/diameter", showPeers),
		c.configCommand(), c.reloadCommand(),
		subscriberCommand(&c.at, &c.json),
		explainCommand(&c.at, &c.json),
		registrationsCommand(&c.at, &c.json),
		shCommand(&c.at, &c.json))
	return root
}

// ask makes a command that shows a page of the admin API.
func (c *console) ask(use, short, path string, show func(io.Writer, []byte) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return c.show(cmd, path, show)
	}}
}

// show prints a page of the admin API, for people or as it is.
func (c *console) show(cmd *cobra.Command, path string, show func(io.Writer, []byte) error) error {
	body, err := c.get(cmd.Context(), path)
	if err != nil {
		return err
	}
	if c.json {
		_, err = cmd.OutOrStdout().Write(body)
		return err
	}
	return show(cmd.OutOrStdout(), body)
}

// get reads a page of the admin API.
func (c *console) get(ctx context.Context, path string) ([]byte, error) {
	return get(ctx, base(c.at)+path)
}

// get asks the admin API; 503 is an answer, too: that of a server that drains.
func get(ctx context.Context, at string) ([]byte, error) { return send(ctx, http.MethodGet, at) }

// getWithin is get for an answer that takes its time.
func getWithin(ctx context.Context, at string, limit time.Duration) ([]byte, error) {
	return sendWithin(ctx, http.MethodGet, at, limit)
}

// send sends a request to the admin API.
func send(ctx context.Context, method, at string) ([]byte, error) {
	return sendWithin(ctx, method, at, 10*time.Second)
}

func sendWithin(ctx context.Context, method, at string, limit time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, at, nil)
	if err != nil {
		return nil, err
	}
	res, err := clientOf(ctx).Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w; is a server running there? --admin says where to ask", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<20))
	if err == nil && res.StatusCode/100 != 2 && res.StatusCode != http.StatusServiceUnavailable {
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

func showPolicies(w io.Writer, body []byte) error {
	var all struct{ Policies []b2bua.PolicyInfo }
	if err := json.Unmarshal(body, &all); err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "FROM\tTO\tPOLICY")
	for _, p := range all.Policies {
		for _, pair := range p.Pairs {
			fmt.Fprintf(t, "%s\t%s\t%s@%d\n", pair.From, pair.To, p.Name, p.Version)
		}
	}
	return t.Flush()
}

func showTrunks(w io.Writer, body []byte) error {
	var all struct{ Trunks []b2bua.TrunkInfo }
	if err := json.Unmarshal(body, &all); err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SIDE\tAOR\tREGISTRAR\tSTATE\tLEFT\tNEXT\tFAILURES\tFAULT")
	for _, k := range all.Trunks {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", k.Side, k.AOR, k.Registrar, k.State, time.Duration(k.Seconds)*time.Second,
			time.Duration(k.Next)*time.Second, k.Failures, k.Fault)
	}
	return t.Flush()
}

func showBindings(w io.Writer, body []byte) error {
	var all struct{ Bindings []b2bua.BindingInfo }
	if err := json.Unmarshal(body, &all); err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "AOR\tCONTACT\tQ\tSIDE\tSOURCE\tLEFT")
	for _, b := range all.Bindings {
		fmt.Fprintf(t, "%s\t%s\t%g\t%s\t%s\t%s\n", b.AOR, b.Contact, b.Q, b.Side, b.Source, time.Duration(b.Seconds)*time.Second)
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

func showAdmission(w io.Writer, body []byte) error {
	var a b2bua.AdmissionInfo
	if err := json.Unmarshal(body, &a); err != nil {
		return err
	}
	limit := func(n int, unit string) string {
		if n == 0 {
			return "-"
		}
		return fmt.Sprint(n, unit)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "GATE\tCALLS\tMAX\tRATE")
	for _, g := range a.Gates {
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\n", g.Name, g.Calls, limit(g.Max, ""), limit(g.Rate, "/s"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	o := a.Overload
	takes := "all new calls are taken"
	if o.Rate > 0 {
		takes = fmt.Sprintf("%.0f new calls a second are taken", o.Rate)
	}
	if o.Target == 0 {
		takes = "overload control is off"
	}
	_, err := fmt.Fprintf(w, "messages wait %s (target %s): %s\n", o.Wait.Round(10*time.Microsecond), o.Target, takes)
	return err
}
