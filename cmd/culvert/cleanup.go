package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"culvert/host/hostnet"
)

func cleanupCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:     "cleanup",
		Example: "  culvert cleanup",
		Short:   "Undo what a killed process left on this host",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			lines, err := hostnet.Cleanup(c.Context(), dir)
			for _, line := range lines {
				fmt.Fprintln(c.OutOrStdout(), line)
			}
			if errors.Is(err, fs.ErrPermission) {
				err = fmt.Errorf("%w; run this as root, or as the user who ran the process, with the --state-dir that it was given", err)
			}
			if err == nil && len(lines) == 0 {
				fmt.Fprintln(c.OutOrStdout(), "nothing to clean up")
			}
			return err
		},
	}
	c.Flags().StringVar(&dir, "state-dir", "", "where the process noted its changes (default "+hostnet.DefaultStateDir+")")
	return c
}
