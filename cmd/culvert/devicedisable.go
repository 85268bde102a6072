package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"culvert/access/users"
)

func deviceDisableCommand() *cobra.Command {
	return disableDevice("disable", "Shut a device out until it is enabled",
		"Shut a device out. A running server cuts it off within a second. Nothing is revoked:\nculvert device enable lets it in again.", true)
}

func deviceEnableCommand() *cobra.Command {
	return disableDevice("enable", "Let a device in again", "Let a device in again that was disabled.", false)
}

func disableDevice(name, short, long string, disabled bool) *cobra.Command {
	var d devices
	c := &cobra.Command{
		Use:     name + " NAME --user USER --dir D",
		Short:   short,
		Long:    long,
		Example: "  culvert device " + name + " phone --user alice --dir /etc/culvert",
		Args:    one("name"),
		RunE: func(c *cobra.Command, args []string) error {
			err := d.book(c, func(ctx context.Context, b *users.Book) error {
				_, err := b.ChangeDevice(ctx, d.user, args[0], users.Addresses{}, func(record *users.Device) error { record.Disabled = disabled; return nil })
				return err
			})
			if err != nil {
				return fmt.Errorf("device %s: %w", name, err)
			}
			fmt.Fprintf(c.OutOrStdout(), "%s of %s is %sd.\n", args[0], d.user, name)
			return nil
		},
	}
	d.flags(c, false)
	return c
}
