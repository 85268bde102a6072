package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"culvert/operate/clients"
	"culvert/operate/setup"
)

func deviceRemoveCommand() *cobra.Command {
	var d devices
	var stateDir string
	c := &cobra.Command{
		Use:   "remove NAME --user USER --dir D",
		Short: "Remove a device, and revoke its certificates",
		Long: `Remove a device, whose certificates are revoked first. A running server cuts it off
within a second. A new device may have its name; the old profile stays revoked.`,
		Example: "  culvert device remove phone --user alice --dir /etc/culvert",
		Args:    one("name"),
		RunE: func(c *cobra.Command, args []string) error {
			running := clients.Ask(c.Context(), stateDir)
			return d.all(c, func(ctx context.Context, all setup.Devices) error {
				done, err := all.Remove(ctx, d.user, args[0])
				if err != nil {
					return fmt.Errorf("device remove: %w", err)
				}
				fmt.Fprintf(c.OutOrStdout(), "%s of %s is removed.\n", args[0], d.user)
				return followed(c, running, done)
			})
		},
	}
	d.flags(c, false)
	d.signs(c)
	stateDirFlag(c, &stateDir)
	return c
}
