package main

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"culvert/operate/setup"
)

func renewCommand() *cobra.Command {
	o := setup.RenewOptions{Rand: rand.Reader}
	c := &cobra.Command{
		Use:     "renew --dir D",
		Example: "  culvert renew --dir /etc/culvert",
		Short:   "Renew a server's certificate",
		Long: `Issue a server's certificate again, with the same key and the names that clients
expect. It is valid as long as a new server's. Clients keep their profiles.

A server that runs renews its certificate by itself, if it can sign.
This command is for one whose authority has its key elsewhere, or with a passphrase.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.Now = time.Now()
			expires, err := setup.Renew(o)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "The server's new certificate is valid until %s. A running server shows it from the next handshake on.\n",
				expires.Format(time.DateOnly))
			return nil
		},
	}
	c.Flags().StringVar(&o.Dir, "dir", "", "the server's directory")
	passphraseFlag(c, &o.Ask)
	c.MarkFlagRequired("dir")
	return c
}
