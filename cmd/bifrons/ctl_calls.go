package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/b2bua/cdr"
)

func (c *console) callCommand() *cobra.Command {
	return &cobra.Command{Use: "call CALL", Short: "One call: its legs, their media, how alive they are", Args: oneCall,
		RunE: func(cmd *cobra.Command, args []string) error { return c.show(cmd, "/v1/calls/"+args[0], showCall) }}
}

func (c *console) hangupCommand() *cobra.Command {
	return &cobra.Command{Use: "hangup CALL [LEG]", Short: "End a call: BYE or CANCEL to all of its parties, or to one leg", Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return order(cmd.Context(), http.MethodDelete, base(c.at)+"/v1/calls/"+args[0]+"/legs/"+args[1], nil, nil)
			}
			if _, err := send(cmd.Context(), http.MethodDelete, base(c.at)+"/v1/calls/"+args[0]); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "call %s has ended\n", args[0])
			return err
		}}
}

func (c *console) drainCommand() *cobra.Command {
	return &cobra.Command{Use: "drain", Short: "Make the server leave: no new calls, its end when the others have ended", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			body, err := send(cmd.Context(), http.MethodPost, base(c.at)+"/v1/drain")
			if err != nil {
				return err
			}
			var left struct{ Calls int }
			if err := json.Unmarshal(body, &left); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "draining: %d calls are left; the server ends with the last, or when calls.drain is over\n", left.Calls)
			return err
		}}
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

func showCall(w io.Writer, body []byte) error {
	var c b2bua.Info
	if err := json.Unmarshal(body, &c); err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "call\t%d, %s for %s\n", c.ID, c.State, time.Since(c.Started).Round(time.Second))
	if !c.Answer.IsZero() {
		fmt.Fprintf(t, "answered\t%s ago\n", time.Since(c.Answer).Round(time.Second))
	}
	fmt.Fprintf(t, "from\t%s\nto\t%s\nchain\t%s\n", c.From, c.To, dash(strings.Join(c.Chain, ", ")))
	for i, l := range c.Legs {
		fmt.Fprintf(t, "leg %d\t%s on side %s, %s, at %s\n\tCall-ID %s\n", i, l.Party, l.Side, l.State, l.Remote, l.CallID)
		if l.Doubt != "" {
			fmt.Fprintf(t, "\t%d failed probes, the last: %s\n", l.Strikes, l.Doubt)
		}
		for j, m := range l.Media {
			if j < len(l.Ports) {
				fmt.Fprintf(t, "\tmedia %d at port %d: %d packets in, %d out, %d lost, jitter %.1f ms, MOS %.1f\n", j, l.Ports[j], m.Received.Packets, m.Sent.Packets, m.Lost,
					m.JitterMs, m.MOS)
			}
		}
	}
	return t.Flush()
}

func showRecords(w io.Writer, body []byte) error {
	var all struct{ Records []cdr.Record }
	if err := json.Unmarshal(body, &all); err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "CALL\tEND\tTALKED\tSTATUS\tBY\tCAUSE\tFROM\tTO")
	for _, r := range all.Records {
		talked := "-"
		if !r.Answer.IsZero() {
			talked = r.End.Sub(r.Answer).Round(time.Second).String()
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n", r.Call, r.End.Format("15:04:05"), talked, r.Status, r.By, dash(r.Cause), r.From, r.To)
	}
	return t.Flush()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
