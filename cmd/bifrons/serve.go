package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/bifrons/bifrons/configs"
)

func serveCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "serve [-c FILE]",
		Short: "Run the server",
		Long: `Runs the server until SIGTERM or SIGINT: new calls are then refused, calls at hand may finish within calls.drain, the
rest is ended with BYE, and the exit status is 0. A second signal ends them at once. Without -c it runs on configs/minimal.yaml, which is built in.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			from := &source{file: file}
			cfg, settings, err := from.read()
			if err != nil {
				return err
			}
			from.settings.Store(settings)
			return serve(cmd.Context(), cfg, from, cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", "configuration file")
	return cmd
}

// serve runs a node until ctx is done.
func serve(ctx context.Context, cfg *configs.Config, from *source, stderr io.Writer) error {
	log := logger(cfg.Log, stderr)
	n, err := startNode(cfg, from, log)
	if err != nil {
		return err
	}
	var at []string
	for i := range cfg.Sides {
		for _, l := range cfg.Sides[i].Listen {
			at = append(at, cfg.Sides[i].Name+"="+l.String())
		}
	}
	attrs := []any{"version", version(), "listen", strings.Join(at, " ")}
	if n.api != nil {
		attrs = append(attrs, "admin", n.api.Addr().String())
	}
	log.Info("bifrons is ready", attrs...)
	boss := newSupervisor(log)
	defer boss.close()
	boss.ready(strings.Join(at, " "), func() time.Duration { return n.bell.core.Load().Idle() })
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for stay := true; stay; {
		select {
		case <-ctx.Done():
			stay = false
		case <-n.leave:
			stay = false
		case <-hangup:
			_, _ = n.Reload() // the log has how it went
		}
	}
	log.Info("bifrons stops: no new calls", "calls", n.bell.core.Load().Active(), "drain", n.patience())
	boss.stopping("no new calls")
	hurry, calm := impatience(log)
	defer calm()
	ended := n.Shutdown(hurry)
	log.Info("bifrons has stopped", "ended", ended)
	return nil
}

// impatience gives a context that ends with the next signal: who sends a second one does not want to wait for calls.
func impatience(log *slog.Logger) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGTERM, syscall.SIGINT)
	go func() { // ends with stop
		select {
		case <-again:
			log.Warn("a second signal: calls end now")
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() { signal.Stop(again); cancel() }
}

// logger writes text on a terminal, JSON elsewhere, unless the configuration says which.
func logger(c configs.Log, w io.Writer) *slog.Logger {
	opts := &slog.HandlerOptions{Level: c.Level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Value.Kind() == slog.KindDuration { // with its unit, in JSON too
			a.Value = slog.StringValue(a.Value.Duration().String())
		}
		return a
	}}
	if c.Format == configs.Text || c.Format == configs.Auto && isTerminal(w) {
		return slog.New(slog.NewTextHandler(w, opts))
	}
	return slog.New(slog.NewJSONHandler(w, opts))
}

// every is a handler that leaves out nothing, whatever its level.
type every struct{ slog.Handler }

func (every) Enabled(context.Context, slog.Level) bool { return true }

func (e every) WithAttrs(attrs []slog.Attr) slog.Handler { return every{e.Handler.WithAttrs(attrs)} }

func (e every) WithGroup(name string) slog.Handler { return every{e.Handler.WithGroup(name)} }

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}
