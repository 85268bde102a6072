package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"culvert/access/users"
)

func userSetCommand() *cobra.Command {
	var a accounts
	var f userFlags
	c := &cobra.Command{
		Use:   "set NAME --dir D",
		Short: "Change a user",
		Long: `Change what the flags name, and leave the rest. A new password ends what the user's
devices remember of the old one: they are asked again when they next sign in. So
does --source, which takes a password that was kept here away.`,
		Example: "  culvert user set alice --dir /etc/culvert --expires 2026-12-31 --group staff",
		Args:    one("name"),
		RunE: func(c *cobra.Command, args []string) error {
			if nothing(c) {
				return misused("expected what to change, such as --expires 30d")
			}
			set, err := f.read(c, time.Now())
			if err != nil {
				return err
			}
			err = a.book(c, func(ctx context.Context, b *users.Book) error {
				return b.ChangeUser(ctx, args[0], set)
			})
			if err != nil {
				return fmt.Errorf("user set: %w", err)
			}
			fmt.Fprintf(c.OutOrStdout(), "%s is changed.\n", args[0])
			return nil
		},
	}
	a.flags(c, false)
	f.flags(c)
	c.Flags().BoolVar(&f.noPassword, "no-password", false, "take the user's password away")
	return c
}

// nothing reports whether a command is given no flag but --dir and --json.
func nothing(c *cobra.Command) bool {
	none := true
	c.Flags().Visit(func(f *pflag.Flag) { none = none && (f.Name == "dir" || f.Name == "json") })
	return none
}

// parseLimit reads how many devices are allowed; nil: nothing is said here.
func parseLimit(text string) (*int, error) {
	if text == "" || text == "none" {
		return nil, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return nil, misused("--max-devices %q: expected a number or none", text)
	}
	return &n, nil
}
