package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"culvert/access/users"
)

func groupRemoveCommand() *cobra.Command {
	var a accounts
	c := &cobra.Command{
		Use:     "remove NAME --dir D",
		Short:   "Remove a group, and take its members out of it",
		Example: "  culvert group remove staff --dir /etc/culvert",
		Args:    one("name"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.book(c, func(ctx context.Context, b *users.Book) error {
				n, err := b.RemoveGroup(ctx, args[0])
				if err != nil {
					return fmt.Errorf("group remove: %w", err)
				}
				if args[0] == users.Everyone {
					fmt.Fprintln(c.OutOrStdout(), "The record of everyone is removed: nothing is asked of all users any more. What was, set again: culvert group set everyone.")
					return nil
				}
				fmt.Fprintf(c.OutOrStdout(), "%s is removed; it had %s.\n", args[0], count(n, "member"))
				return nil
			})
		},
	}
	a.flags(c, false)
	return c
}
