package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"culvert/access/users"
)

func groupAddCommand() *cobra.Command {
	var a accounts
	var f groupFlags
	c := &cobra.Command{
		Use:     "add NAME --dir D",
		Short:   "Add a group",
		Long:    "Add a group. All users are in the group everyone, which need not be added: its settings\ncount where a user's other groups say nothing.",
		Example: "  culvert group add staff --require certificate+password --dir /etc/culvert",
		Args:    one("name"),
		RunE: func(c *cobra.Command, args []string) error {
			set, err := f.read(c)
			if err != nil {
				return err
			}
			g := users.Group{Name: args[0]}
			set(&g)
			if err := a.book(c, func(ctx context.Context, b *users.Book) error { return b.AddGroup(ctx, g) }); err != nil {
				return fmt.Errorf("group add: %w", err)
			}
			fmt.Fprintf(c.OutOrStdout(), "%s is added. To put users in: culvert group set %s --add USER --dir %s\n", g.Name, g.Name, a.dir)
			return nil
		},
	}
	a.flags(c, false)
	f.flags(c)
	return c
}
