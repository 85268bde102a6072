package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"culvert/access/users"
)

func userDisableCommand() *cobra.Command {
	return disableUser("disable", "Shut a user out until they are enabled",
		"Shut a user out with all devices. A running server cuts them off within a second.\nNothing is revoked: culvert user enable lets them in again.", true)
}

func userEnableCommand() *cobra.Command {
	return disableUser("enable", "Let a user in again", "Let a user in again who was disabled.", false)
}

func disableUser(name, short, long string, disabled bool) *cobra.Command {
	var a accounts
	c := &cobra.Command{
		Use:     name + " NAME --dir D",
		Short:   short,
		Long:    long,
		Example: "  culvert user " + name + " alice --dir /etc/culvert",
		Args:    one("name"),
		RunE: func(c *cobra.Command, args []string) error {
			err := a.book(c, func(ctx context.Context, b *users.Book) error {
				return b.ChangeUser(ctx, args[0], func(u *users.User) error { u.Disabled = disabled; return nil })
			})
			if err != nil {
				return fmt.Errorf("user %s: %w", name, err)
			}
			fmt.Fprintf(c.OutOrStdout(), "%s is %sd.\n", args[0], name)
			return nil
		},
	}
	a.flags(c, false)
	return c
}
