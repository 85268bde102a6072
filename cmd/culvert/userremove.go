package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"culvert/access/users"
	"culvert/operate/clients"
	"culvert/operate/setup"
)

func userRemoveCommand() *cobra.Command {
	var a accounts
	var stateDir string
	var ask setup.Passphrase
	c := &cobra.Command{
		Use:   "remove NAME --dir D",
		Short: "Remove a user with all devices, and revoke their certificates",
		Long: `Remove a user with all devices, whose certificates are revoked first. A running
server cuts them off within a second.`,
		Example: "  culvert user remove alice --dir /etc/culvert",
		Args:    one("name"),
		RunE: func(c *cobra.Command, args []string) error {
			running := clients.Ask(c.Context(), stateDir)
			return a.book(c, func(ctx context.Context, b *users.Book) error {
				d := setup.Devices{Dir: a.dir, Book: b, Now: time.Now(), Rand: rand.Reader, Ask: ask}
				done, devices, err := d.RemoveUser(ctx, args[0])
				if err != nil {
					return fmt.Errorf("user remove: %w", err)
				}
				fmt.Fprintf(c.OutOrStdout(), "%s is removed, with %s.\n", args[0], count(devices, "device"))
				return followed(c, running, done)
			})
		},
	}
	a.flags(c, false)
	stateDirFlag(c, &stateDir)
	passphraseFlag(c, &ask)
	return c
}

// followed waits until servers have carried out a revocation; nil: there was nothing to
// revoke.
func followed(c *cobra.Command, running clients.Running, done *setup.Revocation) error {
	if done == nil {
		return nil
	}
	return running.Follow(c.Context(), c.OutOrStdout(), done)
}

// count is a number of things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
