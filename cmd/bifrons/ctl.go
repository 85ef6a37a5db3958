package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/sh/ctl"
	"github.com/bifrons/bifrons/ims"
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

// subscriberCommand asks the sources of a running server, in their order.
func subscriberCommand(at *string, raw *bool) *cobra.Command {
	by := string(ims.ByIMPU)
	cmd := &cobra.Command{Use: "subscriber VALUE [--by KEY]", Short: "Look a subscriber up in the sources of a running server", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := get(cmd.Context(), "http://"+*at+"/v1/subscribers/"+url.PathEscape(args[0])+"?by="+url.QueryEscape(by))
			if err != nil {
				return err
			}
			if *raw {
				_, err = cmd.OutOrStdout().Write(body)
				return err
			}
			return showSubscriber(cmd.OutOrStdout(), body)
		}}
	cmd.Flags().StringVar(&by, "by", by, strings.Join(ims.Keys(), ", "))
	return cmd
}

func showSubscriber(w io.Writer, body []byte) error {
	var found struct{ Subscriber ims.Subscriber }
	if err := json.Unmarshal(body, &found); err != nil {
		return err
	}
	return found.Subscriber.WriteText(w)
}

// shCommand asks an HSS over Diameter Sh.
func shCommand(at *string, raw *bool) *cobra.Command {
	var o ctl.Options
	var tls bool
	var cert diameter.TLSConfig
	var help strings.Builder
	for _, c := range ctl.Commands() {
		fmt.Fprintf(&help, "  %-40s %s\n", c.Name+" "+c.Args, c.Help)
	}
	cmd := &cobra.Command{
		Use:   "sh COMMAND IDENTITY ... [--peer HOST:PORT --realm REALM]",
		Short: "Ask an HSS for subscriber data over Diameter Sh (TS 29.328)",
		Long: "Asks an HSS over Diameter Sh: the one of a running server, or with --peer another one, or a relay, and then no server need run.\n\n" +
			help.String(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{errors.New("ctl sh needs a command; bifrons ctl sh --help lists them")}
			}
			if err := ctl.Check(args); err != nil {
				return usageError{err}
			}
			o.Admin = "http://" + *at
			if tls || cert != (diameter.TLSConfig{}) {
				o.TLS = &cert
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			o.JSON, o.In = *raw, os.Stdin
			s, err := ctl.Open(ctx, o, slog.New(slog.DiscardHandler))
			if err != nil {
				return err
			}
			defer s.Close()
			return s.Run(ctx, cmd.OutOrStdout(), args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Peer, "peer", "", "address of the HSS or relay, host:port")
	f.StringVar(&o.Host, "peer-host", "", "Origin-Host that the peer must have")
	f.StringVar(&o.Realm, "realm", "", "realm of the HSS")
	f.StringVar(&o.OriginHost, "origin-host", "", "our Diameter identity")
	f.StringVar(&o.OriginRealm, "origin-realm", "", "our realm")
	f.BoolVar(&tls, "tls", false, "TLS to the peer; the certificate is verified")
	f.StringVar(&cert.CA, "ca", "", "TLS with this file of authorities instead of the system's")
	f.StringVar(&cert.Cert, "cert", "", "TLS with our certificate, a file")
	f.StringVar(&cert.Key, "key", "", "its key, a file")
	f.StringVar(&cert.ServerName, "tls-name", "", "name in the peer's certificate, if it is not --peer-host")
	f.BoolVar(&o.XML, "xml", false, "print the Sh-Data document")
	f.BoolVar(&o.Trace, "trace", false, "show the AVPs of all messages")
	f.StringVar(&o.ServerName, "server-name", "", "name of the application server, for ifc and dsai")
	f.StringArrayVar(&o.Tags, "tag", nil, "service activation tag, for dsai")
	f.StringVar(&o.Private, "private", "", "private identity, where a reference needs one")
	f.StringVar(&o.Domain, "domain", "", "cs or ps")
	f.BoolVar(&o.Active, "active", false, "let the network be asked for the location")
	f.StringVar(&o.IdentitySet, "identity-set", "", "all, registered, implicit or alias")
	f.DurationVar(&o.Timeout, "timeout", 5*time.Second, "for an answer")
	return cmd
}
