package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"culvert/access/users"
)

func groupSetCommand() *cobra.Command {
	var a accounts
	var f groupFlags
	var add, remove []string
	c := &cobra.Command{
		Use:     "set NAME --dir D",
		Short:   "Change a group and who is in it",
		Long:    "Change what the flags name, and leave the rest.",
		Example: "  culvert group set staff --add alice,bob --dir /etc/culvert",
		Args:    one("name"),
		RunE: func(c *cobra.Command, args []string) error {
			if nothing(c) {
				return misused("expected what to change, such as --add alice")
			}
			set, err := f.read(c)
			if err != nil {
				return err
			}
			err = a.book(c, func(ctx context.Context, b *users.Book) error {
				if len(add)+len(remove) > 0 {
					if err := b.Members(ctx, args[0], add, remove); err != nil {
						return err
					}
				}
				for _, name := range append([]string{"require", "max-devices", "source"}, limitNames...) {
					if c.Flags().Changed(name) {
						return b.ChangeGroup(ctx, args[0], func(g *users.Group) error { set(g); return nil })
					}
				}
				return nil
			})
			if err != nil {
				return fmt.Errorf("group set: %w", err)
			}
			fmt.Fprintf(c.OutOrStdout(), "%s is changed.\n", args[0])
			return nil
		},
	}
	a.flags(c, false)
	f.flags(c)
	c.Flags().StringSliceVar(&add, "add", nil, "`users` to put into it, with commas")
	c.Flags().StringSliceVar(&remove, "remove", nil, "`users` to take out of it, with commas")
	return c
}
