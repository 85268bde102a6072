package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"culvert/access/users"
	"culvert/operate/clients"
	"culvert/operate/setup"
)

func clientListCommand() *cobra.Command {
	var dir string
	var asJSON bool
	var stateDir string
	c := &cobra.Command{
		Use:   "list --dir D",
		Short: "List a server's clients, and who is connected",
		Long: `List the clients in a server's directory. Each is valid, expiring (within 30 days),
expired, revoked, or untrusted (of an authority before the present one); a device is
disabled if it or its user is, or expired. If the server is running on this host, the
list also shows who is connected.`,
		Example: "  culvert client list --dir /etc/culvert",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			now := time.Now()
			known, problem, err := setup.Clients(dir, now)
			if err != nil {
				return err
			}
			if problem != "" {
				fmt.Fprintln(c.ErrOrStderr(), "warning: the server does not use the revocation list:", problem)
			}
			markBarred(c, known, now)
			list := clients.Ask(c.Context(), stateDir).Join(known)
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(list)
			}
			return clients.Print(c.OutOrStdout(), list)
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "the server's directory")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	stateDirFlag(c, &stateDir)
	c.MarkFlagRequired("dir")
	return c
}

// markBarred gives clients that are devices of users the state that the store has of them.
func markBarred(c *cobra.Command, known []setup.ClientInfo, now time.Time) {
	s := storeOf(c)
	if s == nil {
		return
	}
	defer s.Close()
	v, err := users.NewBook(s, time.Now).Read(c.Context(), func(error) {})
	if err != nil {
		return
	}
	for i := range known {
		who := v.Standing(known[i].Name, "")
		if known[i].State != setup.Valid && known[i].State != setup.Expiring || who.Barred(now) == nil {
			continue
		}
		known[i].State = "disabled"
		if who.User != nil && !who.User.Disabled && !who.Device.Disabled {
			known[i].State = setup.Expired
		}
	}
}
