package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/sh/ctl"
	"github.com/bifrons/bifrons/ims"
)

// subscriberCommand asks the sources of a running server, in their order.
func subscriberCommand(at *string, raw *bool) *cobra.Command {
	by := string(ims.ByIMPU)
	cmd := &cobra.Command{Use: "subscriber VALUE [--by KEY]", Short: "Look a subscriber up in the sources of a running server", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := get(cmd.Context(), base(*at)+"/v1/subscribers/"+url.PathEscape(args[0])+"?by="+url.QueryEscape(by))
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
		Use:   "sh COMMAND IDENTITY ... [--peer HOST:PORT]",
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
			o.Admin, o.Client = base(*at), clientOf(cmd.Context())
			if o.OriginRealm == "" && o.Realm == "" {
				o.OriginRealm = ctl.RealmOf(args)
			}
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
	f.StringVar(&o.Realm, "realm", "", "realm of the HSS, if the peer is of another one, such as a relay")
	f.StringVar(&o.OriginHost, "origin-host", "", "our Diameter identity")
	f.StringVar(&o.OriginRealm, "origin-realm", "", "our realm; otherwise --realm, or that of the identity")
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
