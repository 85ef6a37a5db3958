package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"github.com/bifrons/bifrons/cmd/bifrons/demo"
	"github.com/bifrons/bifrons/configs"
	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/dict"
	"github.com/bifrons/bifrons/diameter/hss"
	"github.com/bifrons/bifrons/diameter/sh"
	"github.com/bifrons/bifrons/ims"
)

func demoCommand() *cobra.Command {
	var verbose, keep bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Place a call through a server of its own and show both sides of it",
		Long: `Starts a server on free ports of the loopback interface and two phones on two sides of it, places a call with audio,
hold, resume and hang-up, and shows the ladder of both legs, what each side saw of the other, and media statistics. Then
it stands behind a small S-CSCF: a callee who leaves is called elsewhere, for the HSS says so. At last the caller dials the
company's menu and presses an extension.
The exit status is 0 only when everything it shows is true.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := slog.New(slog.DiscardHandler)
			if verbose {
				log = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelDebug}))
			}
			if err := runDemo(cmd.Context(), cmd.OutOrStdout(), log); err != nil || !keep {
				return err
			}
			return keepDemo(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "stay up afterwards, for softphones of this machine")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "show the logs of server and phones")
	return cmd
}

// keepDemo runs the server of the built-in configuration, less the file of records, and says what to do with it.
func keepDemo(ctx context.Context, w, stderr io.Writer) error {
	minimal, err := configs.Sample("minimal")
	if err != nil {
		return err
	}
	from := &source{text: string(minimal) + "\ncdr: {file: \"\"}\n"}
	cfg, settings, err := from.read()
	if err != nil {
		return err
	}
	from.settings.Store(settings)
	at := cfg.Side("inside").Listen[0].Addr
	fmt.Fprintf(w, `
Now with your own phones: Bifrons stays up until you press Ctrl-C.

  register   a softphone of this machine at %[1]s, as sip:alice@%[2]s, without a password; a second one as sip:bob@%[2]s
  call       sip:bob@%[2]s         the other phone
             sip:company@%[2]s     the company's menu; 200 is the same
  look       bifrons ctl bindings       who is registered
             bifrons ctl calls          the calls at hand
             bifrons ctl trace CALL     its messages on both legs
  next       docs/quickstart.md

`, at, at.Addr())
	if err := serve(ctx, cfg, from, stderr); err != nil {
		return fmt.Errorf("%w; does another program use these ports? `bifrons check configs/minimal.yaml` shows them, `bifrons serve -c` takes a file with others", err)
	}
	return nil
}

func runDemo(ctx context.Context, w io.Writer, log *slog.Logger) error {
	demo.QuietLibraries(log)
	opts := demo.DefaultOptions()
	opts.Verbose = log
	err := demo.Run(ctx, w, func(_ context.Context, phone netip.AddrPort) (demo.Server, error) { return startDemo(phone, log) }, opts)
	err = errors.Join(err, demo.RunIMS(ctx, w, func(context.Context) (demo.AS, error) { return startDemoAS(log) }, opts))
	return errors.Join(err, demo.RunMenu(ctx, w, func(_ context.Context, phone netip.AddrPort) (demo.Server, error) { return startDemoMenu(phone, log) }, opts))
}

// demoServer is a node on embedded defaults, with an HSS of its own, as the demo sees it.
type demoServer struct {
	*node
	hss *hss.Server
}

// demoHSS is the home network of the phones.
const demoHSS = `
origin_host: hss.home.example
origin_realm: home.example
listen: 127.0.0.1:0
http: ""
subscribers:
  - public: [{id: "sip:alice@home.example", state: registered}]
    scscf: sip:scscf.home.example
  - public: [{id: "sip:bob@home.example", state: registered}]
    scscf: sip:scscf.home.example
`

// startDemo runs a node on free ports: side core at home, side carrier untrusted, whose next hop is the callee's phone. Its
// HSS is the simulator, on a socket of its own.
func startDemo(phone netip.AddrPort, log *slog.Logger) (demo.Server, error) {
	return startDemoHome(demoHSS, `
sides:
  core: {listen: "udp:127.0.0.1:0", trust: home, domain: home.example, apps: [reachability]}
  carrier: {listen: "udp:127.0.0.1:0", domain: carrier.example, next_hop: "sip:`+phone.String()+`"}
routes:
  - {from: core, to: carrier}
subscribers: [sh]
`, log)
}

// startDemoHome runs an HSS of those subscribers, and a node that asks it.
func startDemoHome(users, node string, log *slog.Logger) (demoServer, error) {
	home, err := hss.Parse([]byte(users))
	if err != nil {
		return demoServer{}, err
	}
	h, err := hss.New(home, log, nil)
	if err != nil {
		return demoServer{}, err
	}
	if err := h.Start(); err != nil {
		h.Close(context.Background())
		return demoServer{}, err
	}
	n, err := startDemoNode(node, h.Addr(), log)
	if err != nil {
		h.Close(context.Background())
		return demoServer{}, err
	}
	return demoServer{n, h}, nil
}

// startDemoNode starts the server and waits until its HSS has answered.
func startDemoNode(text, home string, log *slog.Logger) (*node, error) {
	cfg, err := configs.Parse("demo.yaml", []byte(text+`
diameter:
  origin_host: bifrons.home.example
  origin_realm: home.example
  peers: [{host: hss.home.example, address: "`+home+`"}]
audit: {mode: block}
admin: {listen: ""}
cdr: {file: ""}
`), known())
	if err != nil {
		return nil, err
	}
	n, err := startNode(cfg, nil, log)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := n.users.endpoint.Ready(ctx, dict.Sh, diameter.Route{Realm: "home.example"}); err != nil {
		demoServer{node: n}.end()
		return nil, err
	}
	return n, nil
}

// Addresses returns where the caller calls, and where the callee is called from.
func (d demoServer) Addresses() (caller, callee netip.AddrPort) {
	return d.sockets[0].local.Addr, d.sockets[1].local.Addr
}

// Calls returns the number of calls that have not ended.
func (d demoServer) Calls() int { return d.bell.core.Load().Active() }

// Subscriber asks what the server knows of a user, as its applications do.
func (d demoServer) Subscriber(ctx context.Context, uri string) (string, error) {
	s, err := d.users.sources.Load(ctx, ims.Query{By: ims.ByIMPU, Value: uri})
	if err != nil {
		return "", err
	}
	if s.State == nil {
		return "", fmt.Errorf("no state of %s", uri)
	}
	return s.State.String(), nil
}

// HSS returns how often the HSS was asked, and how long an answer took.
func (d demoServer) HSS() (answers uint64, took time.Duration) {
	s := d.users.endpoint.Status()[0]
	return s.Answers, s.P50
}

// Deregister lets the HSS tell that a user has left.
func (d demoServer) Deregister(uri string) error {
	return d.hss.SetState(uri, sh.NotRegistered)
}

// Close ends the node and its HSS at once.
func (d demoServer) Close() error {
	d.end()
	d.hss.Close(context.Background())
	return nil
}

func (d demoServer) end() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	d.Shutdown(ctx)
}
