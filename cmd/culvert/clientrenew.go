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
		Long: `Make a client a new profile, with a new certificate and new keys. The old profile
stays valid until it expires, so that the device can connect meanwhile;
--revoke-old shuts it out at once.

A client that was revoked gets a new profile only with --let-in-again. Its old
profile stays revoked.`,
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
				fmt.Fprintf(say, "%s is the new profile of %s, valid until %s. Whoever has the file can connect: copy it to the client over a connection you trust.\n",
					o.Out, o.Name, done.Expires.Format(time.DateOnly))
			}
			if done.Revocation != nil {
				fmt.Fprintln(say, "The old profile is revoked.")
				return running.Follow(c.Context(), say, done.Revocation)
			}
			if done.WasRevoked {
				fmt.Fprintf(say, "%s was revoked. Its old profile stays revoked; the new one lets it in.\n", o.Name)
			} else if o.Now.Before(done.Before) {
				fmt.Fprintf(say, "The old profile stays valid until %s; --revoke-old shuts it out.\n", done.Before.Format(time.DateOnly))
			}
			return nil
		},
	}
	c.Flags().StringVar(&o.Dir, "dir", "", "the server's directory")
	c.Flags().StringVarP(&o.Out, "output", "o", "", "the profile to write; replaces an old profile of this client (default, or -: standard output)")
	c.Flags().BoolVar(&o.RevokeOld, "revoke-old", false, "revoke the old profiles at once")
	c.Flags().BoolVar(&o.LetInAgain, "let-in-again", false, "make a profile even if the client was revoked")
	stateDirFlag(c, &stateDir)
	passphraseFlag(c, &o.Ask)
	c.MarkFlagRequired("dir")
	return c
}
