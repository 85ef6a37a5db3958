package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/internal/admin"
)

// originateCommand makes a call: to one party, or to two that shall talk with each other.
func (c *console) originateCommand() *cobra.Command {
	var o b2bua.Origination
	cmd := &cobra.Command{Use: "originate TO [AND]", Short: "Call somebody, or two who shall talk with each other", Args: cobra.RangeArgs(1, 2),
		Example: "  bifrons ctl originate --side inside --from sip:desk@example.com sip:alice@example.com sip:bob@example.com",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.To = args[0]
			if len(args) > 1 {
				o.And = args[1]
			}
			var made struct{ Call uint64 }
			if err := order(cmd.Context(), http.MethodPost, base(c.at)+"/v1/calls", o, &made); err != nil {
				return err
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), made.Call)
			return err
		}}
	cmd.Flags().StringVar(&o.Side, "side", "", "side whose routes say where the calls go")
	cmd.Flags().StringVar(&o.From, "from", "", "URI that the parties see")
	cmd.Flags().StringSliceVar(&o.Apps, "apps", nil, "applications of the call, in their order")
	_ = cmd.MarkFlagRequired("side") // the flags exist
	_ = cmd.MarkFlagRequired("from")
	return cmd
}

// moveCommand brings two legs together.
func (c *console) moveCommand() *cobra.Command {
	return &cobra.Command{Use: "move CALL LEG TO-CALL TO-LEG", Short: "Let two legs talk with each other; with whom they talked is hung up", Args: cobra.ExactArgs(4),
		RunE: func(cmd *cobra.Command, args []string) error {
			call, err1 := strconv.ParseUint(args[2], 10, 64)
			leg, err2 := strconv.Atoi(args[3])
			if err := errors.Join(err1, err2); err != nil {
				return err
			}
			return order(cmd.Context(), http.MethodPost, base(c.at)+"/v1/calls/"+args[0]+"/legs/"+args[1]+"/move", admin.Moved{Call: call, Leg: leg}, nil)
		}}
}

// order gives a running server an order, and reads its answer into v.
func order(ctx context.Context, method, at string, what, v any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var body io.Reader
	if what != nil {
		b, err := json.Marshal(what)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, at, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := clientOf(ctx).Do(req)
	if err != nil {
		return fmt.Errorf("%w; is a server running there? --admin says where to ask", err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err == nil && res.StatusCode >= 300 {
		var why struct{ Error string }
		if json.Unmarshal(answer, &why) != nil || why.Error == "" {
			why.Error = strings.TrimSpace(string(answer))
		}
		return fmt.Errorf("%s: %s", res.Status, why.Error)
	}
	if err != nil || v == nil {
		return err
	}
	return json.Unmarshal(answer, v)
}
