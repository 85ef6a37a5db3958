package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if cmd, err := command().ExecuteContextC(ctx); err != nil {
		err = withUse(cmd, err)
		fmt.Fprintln(os.Stderr, "bifrons:", err)
		stop()
		os.Exit(exitCode(err))
	}
}

func exitCode(err error) int {
	var u usageError
	if errors.As(err, &u) {
		return 2
	}
	return 1
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:   "bifrons",
		Short: "An IMS application server and back-to-back user agent",
		Long: `Bifrons stands between two parties of a call and shows each a face of its own: no address, dialog
identifier or software name of one ever reaches the other, and their speech passes through its relay.

First time here?  bifrons demo`,
		SilenceUsage: true, SilenceErrors: true, Version: version(),
		Args: onlyCommands,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(serveCommand(), checkCommand(), demoCommand(), hssCommand(), ctlCommand(), policyCommand(), auditCommand(), ivrCommand(), routeCommand(), resolveCommand())
	return root
}

// version tells the module's version and the commit it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && v == "(devel)" {
			return s.Value[:min(12, len(s.Value))]
		}
	}
	return v
}
