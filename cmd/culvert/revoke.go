package main

import (
	"context"
	"crypto/rand"
	"errors"
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
				what, done, err := revokeWhat(ctx, d, args[0])
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

// revokeWhat revokes what a name means, and says what that was.
func revokeWhat(ctx context.Context, d setup.Devices, name string) (what string, done *setup.Revocation, err error) {
	_, isClient, err := setup.Client(d.Dir, name, d.Now)
	if err != nil {
		return "", nil, err
	}
	_, _, err = d.Book.User(ctx, name)
	unknown := new(users.UnknownError)
	unreadable := errors.As(err, new(*users.UnreadableError)) // its devices' certificates are not
	isUser := err == nil || unreadable
	switch {
	case !isUser && !errors.As(err, &unknown):
		return "", nil, err
	case isClient && isUser:
		return "", nil, fmt.Errorf("%s is a client and a user; for the client: culvert client revoke %[1]s; for the user: culvert user disable %[1]s, or remove", name)
	case isUser:
		done, devices, err := d.RevokeUser(ctx, name)
		if err == nil && done == nil {
			err = fmt.Errorf("%s has no devices with certificates; to shut the user out: culvert user disable %s", name, name)
		}
		return fmt.Sprintf("%s (%s)", name, count(devices, "device")), done, err
	case !isClient:
		return "", nil, fmt.Errorf("there is no client, device or user %.80q%s", name, perhaps(unknown.Like))
	}
	done, err = setup.Revoke(setup.RevokeOptions{Dir: d.Dir, Name: name, Now: d.Now, Ask: d.Ask})
	return name, done, err
}

func perhaps(like string) string {
	if like == "" {
		return ""
	}
	return "; did you mean " + like + "?"
}
