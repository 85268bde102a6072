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
		Short:   "Issue a server's certificate again, before it expires or with the names that clients expect",
		Long: `Issue a server's certificate again: for the same key, valid for as long as a new
server's, with its own name among its alternative names. Profiles that were
given out stay good.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.Now = time.Now()
			expires, err := setup.Renew(o)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "The server's certificate is new, and valid until %s. A running server takes it on SIGHUP or at its next start.\n",
				expires.Format(time.DateOnly))
			return nil
		},
	}
	c.Flags().StringVar(&o.Dir, "dir", "", "the server's directory")
	c.MarkFlagRequired("dir")
	return c
}
