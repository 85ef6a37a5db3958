package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/bifrons/bifrons/configs"
	"github.com/bifrons/bifrons/diameter/hss"
)

func hssCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "hss [FILE]",
		Short: "Run the HSS simulator: a Sh server to develop and test against",
		Long: `Runs a Diameter Sh server whose subscribers come from a file and change over HTTP; a change is pushed to whoever
subscribed to it. Without a file it has the subscribers of docs/hss.md. It ends with SIGTERM or SIGINT.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{errors.New("hss takes one file")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg := hss.Sample()
			if len(args) == 1 {
				var err error
				if cfg, err = hss.Load(args[0]); err != nil {
					return err
				}
			}
			return hss.Run(cmd.Context(), cfg, logger(configs.Log{Format: configs.Auto}, cmd.ErrOrStderr()))
		},
	}
}
