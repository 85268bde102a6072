package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"culvert/operate/clients"
	"culvert/operate/setup"
)

func clientRevokeCommand() *cobra.Command {
	var o setup.RevokeOptions
	var stateDir string
	c := &cobra.Command{
		Use:   "revoke NAME --dir D",
		Short: "Shut a client out, and cut it off if it is connected",
		Long: `Shut a client out: put all of its certificates on the server's revocation list
(crl-verify). A running server reads the list by itself, and cuts the client off
within a second.`,
		Example: "  culvert client revoke phone --dir /etc/culvert",
		Args:    one("name"),
		RunE: func(c *cobra.Command, args []string) error {
			o.Name, o.Now = args[0], time.Now()
			running := clients.Ask(c.Context(), stateDir)
			done, err := setup.Revoke(o)
			if err != nil {
				return err
			}
			if done.Already {
				fmt.Fprintf(c.OutOrStdout(), "%s was revoked already.\n", o.Name)
			} else {
				fmt.Fprintf(c.OutOrStdout(), "%s is revoked: its certificate is on %s.\n", o.Name, done.List)
			}
			return running.Follow(c.Context(), c.OutOrStdout(), done)
		},
	}
	c.Flags().StringVar(&o.Dir, "dir", "", "the server's directory")
	stateDirFlag(c, &stateDir)
	passphraseFlag(c, &o.Ask)
	c.MarkFlagRequired("dir")
	return c
}
