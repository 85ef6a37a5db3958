package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

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
			cfg, err := load(file)
			if err != nil {
				return err
			}
			return serve(cmd.Context(), cfg, cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", "configuration file")
	return cmd
}

func load(file string) (*configs.Config, error) {
	if file == "" {
		return configs.Default(), nil
	}
	return configs.Load(file, known())
}

// serve runs a node until ctx is done.
func serve(ctx context.Context, cfg *configs.Config, stderr io.Writer) error {
	log := logger(cfg.Log, stderr)
	n, err := startNode(cfg, log)
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
	boss.ready(strings.Join(at, " "), n.core.Idle)
	select {
	case <-ctx.Done():
	case <-n.leave:
	}
	log.Info("bifrons stops: no new calls", "calls", n.core.Active(), "drain", n.drain)
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

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

func checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE",
		Short: "Read a configuration and say what is wrong with it",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{errors.New("check needs one configuration file")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := configs.Load(args[0], known())
			var all configs.Errors
			if errors.As(err, &all) {
				for i := range all {
					fmt.Fprintln(cmd.ErrOrStderr(), all[i].Error())
				}
				return fmt.Errorf("%s has %d mistakes", args[0], len(all))
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is good: %d sides, %d routes\n", args[0], len(cfg.Sides), len(cfg.Routes))
			return nil
		},
	}
}
