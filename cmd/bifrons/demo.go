package main

import (
	"context"
	"io"
	"log/slog"
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/bifrons/bifrons/cmd/bifrons/demo"
	"github.com/bifrons/bifrons/configs"
)

func demoCommand() *cobra.Command {
	var verbose bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Place a call through a server of its own and show both sides of it",
		Long: `Starts a server on free ports of the loopback interface and two phones on two sides of it, places a call with audio,
hold, resume and hang-up, and shows the ladder of both legs, what each side saw of the other, and media statistics.
The exit status is 0 only when everything it shows is true.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := slog.New(slog.DiscardHandler)
			if verbose {
				log = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelDebug}))
			}
			return runDemo(cmd.Context(), cmd.OutOrStdout(), log)
		},
	}
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "show the logs of server and phones")
	return cmd
}

func runDemo(ctx context.Context, w io.Writer, log *slog.Logger) error {
	demo.QuietLibraries(log)
	opts := demo.DefaultOptions()
	opts.Verbose = log
	return demo.Run(ctx, w, func(_ context.Context, phone netip.AddrPort) (demo.Server, error) { return startDemo(phone, log) }, opts)
}

// demoServer is a node on embedded defaults, as the demo sees it.
type demoServer struct{ *node }

// startDemo runs a node on free ports: side core at home, side carrier untrusted, whose next hop is the callee's phone.
func startDemo(phone netip.AddrPort, log *slog.Logger) (demo.Server, error) {
	cfg, err := configs.Parse("demo.yaml", []byte(`
sides:
  core: {listen: "udp:127.0.0.1:0", trust: home, domain: home.example}
  carrier: {listen: "udp:127.0.0.1:0", domain: carrier.example, next_hop: "sip:`+phone.String()+`"}
routes:
  - {from: core, to: carrier}
admin: {listen: ""}
cdr: {file: ""}
`), known())
	if err != nil {
		return nil, err
	}
	n, err := startNode(cfg, log)
	if err != nil {
		return nil, err
	}
	return demoServer{n}, nil
}

// Addresses returns where the caller calls, and where the callee is called from.
func (d demoServer) Addresses() (caller, callee netip.AddrPort) {
	return d.listeners[0].Local, d.listeners[1].Local
}

// Calls returns the number of calls that have not ended.
func (d demoServer) Calls() int { return d.core.Active() }

// Close ends the node at once.
func (d demoServer) Close() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	d.Shutdown(ctx)
	return nil
}
