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

func revokeCommand() *cobra.Command {
	var a accounts
	var stateDir string
	var ask setup.Passphrase
	c := &cobra.Command{
		Use:   "revoke NAME --dir D",
		Short: "Revoke the certificates of a client, a device or a user's devices",
		Long: `Revoke what NAME means: a client, a device (phone.alice), or a user, which means all of
the user's devices. A running server cuts them off within a second. Users and devices
stay: to remove them, use culvert user remove and culvert device remove.`,
		Example: "  culvert revoke phone.alice --dir /etc/culvert",
		Args:    one("name"),
		RunE: func(c *cobra.Command, args []string) error {
			running := clients.Ask(c.Context(), stateDir)
			return a.book(c, func(ctx context.Context, b *users.Book) error {
				d := setup.Devices{Dir: a.dir, Book: b, Now: time.Now(), Rand: rand.Reader, Ask: ask}
				what, done, err := d.RevokeNamed(ctx, args[0])
				if err != nil {
					return err
				}
				if done.Already {
					fmt.Fprintf(c.OutOrStdout(), "%s was revoked already.\n", what)
				} else {
					fmt.Fprintf(c.OutOrStdout(), "%s is revoked: on %s.\n", what, done.List)
				}
				return running.Follow(ctx, c.OutOrStdout(), done)
			})
		},
	}
	a.flags(c, false)
	stateDirFlag(c, &stateDir)
	passphraseFlag(c, &ask)
	return c
}
