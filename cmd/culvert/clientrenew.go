package main

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"culvert/operate/clients"
	"culvert/operate/setup"
)

func clientRenewCommand() *cobra.Command {
	o := setup.RenewClientOptions{ClientOptions: setup.ClientOptions{Rand: rand.Reader}}
	var stateDir string
	c := &cobra.Command{
		Use:   "renew NAME --dir D -o FILE",
		Short: "Make a client a new profile, before the old one expires",
		Long: `Make a client a new profile, with a certificate and keys of its own, for the
device to have in place of the old one. The old one stays good until it expires,
so that the device can connect meanwhile; --revoke-old shuts it out at once.

A client that was revoked gets a new profile only with --let-in-again. The old
one stays revoked.`,
		Example: "  culvert client renew phone --dir /etc/culvert -o phone.ovpn",
		Args:    one("name"),
		RunE: func(c *cobra.Command, args []string) error {
			o.Name, o.Now, o.Out = args[0], time.Now(), outputFile(o.Out)
			running := clients.Ask(c.Context(), stateDir)
			done, err := setup.RenewClient(o)
			if err != nil {
				return err
			}
			say := c.OutOrStdout()
			if o.Out == "" {
				say = c.ErrOrStderr()
				if _, err := c.OutOrStdout().Write(done.Profile); err != nil {
					return err
				}
			} else {
				fmt.Fprintf(say, "%s is the new profile of %s, good until %s. Who has the file can connect: move it to the client by a way you trust.\n",
					o.Out, o.Name, done.Expires.Format(time.DateOnly))
			}
			if done.Revocation != nil {
				fmt.Fprintln(say, "The profile before is revoked.")
				return running.Follow(c.Context(), say, done.Revocation)
			}
			if done.WasRevoked {
				fmt.Fprintf(say, "%s had been revoked: the old profile stays so, and the new one lets it in.\n", o.Name)
			} else if o.Now.Before(done.Before) {
				fmt.Fprintf(say, "The profile before stays good until %s; --revoke-old shuts it out.\n", done.Before.Format(time.DateOnly))
			}
			return nil
		},
	}
	c.Flags().StringVar(&o.Dir, "dir", "", "the server's directory")
	c.Flags().StringVarP(&o.Out, "output", "o", "", "the profile's file, replaced if it is one of this client (default, or -: standard output)")
	c.Flags().BoolVar(&o.RevokeOld, "revoke-old", false, "shut the profiles before out at once")
	c.Flags().BoolVar(&o.LetInAgain, "let-in-again", false, "make the profile also where the client was revoked")
	stateDirFlag(c, &stateDir)
	c.MarkFlagRequired("dir")
	return c
}
