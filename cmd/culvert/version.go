package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"culvert/internal/version"
)

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Example: "  culvert version",
		Short:   "Print the version, as --version does",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(c.OutOrStdout(), version.Current())
			return err
		},
	}
}
