package main

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/configs"
	"github.com/bifrons/bifrons/sip"
	"github.com/bifrons/bifrons/sip/locate"
)

func routeCommand() *cobra.Command {
	var from, caller string
	var headers []string
	var resolve bool
	cmd := &cobra.Command{
		Use:   "route FILE URI",
		Short: "Tell which route of a configuration a request takes, and what becomes of its numbers",
		Args:  exactly(2, "a configuration and a Request-URI, such as tel:+49301234567"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := configs.Load(args[0], known())
			if err != nil {
				return err
			}
			if from == "" {
				from = cfg.Sides[0].Name
			}
			r := request{cfg: cfg, from: from, uri: args[1], caller: caller, headers: headers}
			return r.route(cmd.Context(), cmd.OutOrStdout(), resolve)
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "side that the request comes from (the first one of the file)")
	cmd.Flags().StringVar(&caller, "caller", "", "URI of the caller, to see what becomes of it")
	cmd.Flags().StringArrayVar(&headers, "header", nil, "a header of the request, as 'Name: value'")
	cmd.Flags().BoolVar(&resolve, "resolve", false, "look the next hop up, too")
	return cmd
}

// request is what is to be routed.
type request struct {
	cfg               *configs.Config
	from, uri, caller string
	headers           []string
}

// message makes the INVITE that the request would be.
func (r *request) message() (*sip.Message, error) {
	if u, err := sip.ParseURI([]byte(r.uri)); err != nil || u.IsSIP() && len(u.Host) == 0 {
		return nil, usageError{fmt.Errorf("%s is no URI; write one such as sip:bob@example.com or tel:+49301234567", r.uri)}
	}
	text := "INVITE " + r.uri + " SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKroute\r\nFrom: <sip:caller@invalid>;tag=1\r\nTo: <" + r.uri +
		">\r\nCall-ID: route\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:caller@invalid>\r\n"
	for _, h := range r.headers {
		if !strings.Contains(h, ":") || strings.ContainsAny(h, "\r\n") {
			return nil, usageError{fmt.Errorf("%q is no header; write it as 'Name: value'", h)}
		}
		text += h + "\r\n"
	}
	m := &sip.Message{}
	return m, m.Parse([]byte(text + "Content-Length: 0\r\n\r\n"))
}

func (r *request) route(ctx context.Context, w io.Writer, resolve bool) error {
	if r.cfg.Side(r.from) == nil {
		return usageError{fmt.Errorf("the configuration has no side %s", r.from)}
	}
	m, err := r.message()
	if err != nil {
		return err
	}
	core := coreConfig(r.cfg)
	i := b2bua.MatchRoute(core.Routes, r.from, &b2bua.Draft{Request: b2bua.Text{Message: m}, RequestURI: r.uri},
		func(*b2bua.Route) bool { return false }) // nobody is registered with a file
	to, hop := r.cfg.Side(r.from), r.cfg.Side(r.from).NextHop
	var change *b2bua.Rewrite
	if i < 0 {
		fmt.Fprintf(w, "no route fits: it leaves on side %s, as it came\n", to.Name)
	} else {
		c := &r.cfg.Routes[i]
		to, change = r.cfg.Side(c.To), core.Routes[i].Rewrite
		if hop = c.NextHop; hop.IsZero() {
			hop = to.NextHop
		}
		fmt.Fprintf(w, "route %d of %d: from %s to side %s\n", i+1, len(core.Routes), r.from, to.Name)
	}
	if hop.IsZero() {
		fmt.Fprintln(w, "there is no next hop: the caller gets 404")
		return nil
	}
	fmt.Fprintf(w, "next hop: %s\n", hop.URI)
	for _, t := range to.Targets {
		if hop == to.NextHop {
			fmt.Fprintf(w, "  target: %s, priority %d, weight %d\n", t.URI, t.Priority, t.Weight)
		}
	}
	fmt.Fprintf(w, "Request-URI: %s\n", change.Target(r.uri, nextHop(hop).Host))
	if r.caller != "" {
		fmt.Fprintf(w, "From: %s\n", change.From(r.caller))
	}
	if resolve {
		return explainName(ctx, w, r.cfg, to, hop.URI)
	}
	return nil
}

func resolveCommand() *cobra.Command {
	var config, side, server string
	cmd := &cobra.Command{
		Use:   "resolve URI",
		Short: "Look a name up as a next hop is (RFC 3263), and show each step",
		Args:  exactly(1, "a name or a URI, such as example.com or sip:example.com;transport=tcp"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg := &configs.Config{DNS: configs.DefaultDNS()}
			if config != "" {
				c, err := configs.Load(config, known())
				if err != nil {
					return err
				}
				cfg = c
			}
			var at *configs.Side
			if side != "" {
				if at = cfg.Side(side); at == nil {
					return usageError{fmt.Errorf("there is no side %s; -c FILE names the configuration", side)}
				}
			}
			if server != "" {
				a, err := netip.ParseAddrPort(server)
				if err != nil {
					b, err := netip.ParseAddr(server)
					if err != nil {
						return usageError{fmt.Errorf("%s is no address of a name server", server)}
					}
					a = netip.AddrPortFrom(b, 53)
				}
				cfg.DNS.Servers = []netip.AddrPort{a}
			}
			return explainName(cmd.Context(), cmd.OutOrStdout(), cfg, at, args[0])
		},
	}
	cmd.Flags().StringVarP(&config, "config", "c", "", "configuration whose section dns counts")
	cmd.Flags().StringVar(&side, "side", "", "side of it whose transports and IP versions count (all, without)")
	cmd.Flags().StringVar(&server, "server", "", "name server to ask instead")
	return cmd
}

// explainName looks a URI up aloud.
func explainName(ctx context.Context, w io.Writer, cfg *configs.Config, side *configs.Side, uri string) error {
	if !strings.HasPrefix(uri, "sip:") && !strings.HasPrefix(uri, "sips:") {
		uri = "sip:" + uri
	}
	u, err := sip.ParseURI([]byte(uri))
	if err != nil {
		return usageError{fmt.Errorf("%s is neither a name nor a SIP URI", uri)}
	}
	served := locate.Served(0)
	for _, t := range transports {
		served |= locate.Serve(t, false) | locate.Serve(t, true)
	}
	if side != nil {
		served = 0
		for _, l := range side.Listen {
			served = served.With(transports[l.Network], l.Addr.Addr())
		}
	}
	r, err := locate.New(resolverConfig(&cfg.DNS))
	if err != nil {
		return err
	}
	defer r.Close()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	places, err := r.Explain(ctx, locate.Ask(&u, sip.UDP, served), uint64(time.Now().UnixNano()), func(step string) { fmt.Fprintln(w, "  "+step) })
	if err != nil {
		return fmt.Errorf("%s: %w", uri, err)
	}
	for i, p := range places {
		fmt.Fprintf(w, "%d. %s\n", i+1, p)
	}
	return nil
}
