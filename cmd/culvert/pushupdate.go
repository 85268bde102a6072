package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"culvert/operate/backend"
	"culvert/session/wire"
)

func pushUpdateCommand() *cobra.Command {
	var r running
	var u backend.Update
	var ids []uint
	var asJSON bool
	c := &cobra.Command{
		Use:   "push-update --to NAME|--peer-id N|--all [--] OPTION...",
		Short: "Change what a running server has pushed to its clients",
		Long: `Change what a running server has pushed to clients while they are connected
(PUSH_UPDATE). OpenVPN 2.7, OpenVPN Connect and Culvert can change; clients that
cannot are listed, and stay as they are.

Write an OPTION as for the directive push. Give each as an argument, or separate
them by commas:

  NAME VALUE...     replaces all options of that name
  -NAME             takes all of them back (write -- before the first of these)
  ?NAME VALUE...    a client that cannot change this goes on without; if there
  -?NAME            is no ?, it connects anew

You can change routes (route, route-ipv6, route-gateway, route-metric,
redirect-gateway, redirect-private, block-ipv6), DNS (dns, dhcp-option,
block-outside-dns), tun-mtu and keepalive.

The server's configuration file stays as it is. Change it too, for clients that
connect later.`,
		Example: `  culvert push-update --all 'dhcp-option DNS 10.8.0.53'
  culvert push-update --to anna --to ben 'route 10.1.0.0 255.255.0.0' 'route 10.2.0.0 255.255.0.0'
  culvert push-update --peer-id 7 --name server-tun0 -- '-route, ?tun-mtu 1400'`,
		RunE: func(c *cobra.Command, args []string) error {
			u.Options = backend.SplitOptions(args)
			for _, id := range ids {
				if id >= uint(wire.PeerIDUnset) {
					return fmt.Errorf("--peer-id %d: expected a peer-id that culvert status shows", id)
				}
				u.PeerIDs = append(u.PeerIDs, wire.PeerID(id))
			}
			if err := u.Check(); err != nil {
				return usageError{err}
			}
			client, err := r.dial()
			if err != nil {
				return err
			}
			done, err := client.PushUpdate(c.Context(), u)
			if err != nil {
				return err
			}
			return errors.Join(printed(c, asJSON, &done), done.Err())
		},
	}
	c.Flags().StringArrayVar(&u.Names, "to", nil, "a client's name, as in culvert status; may be repeated")
	c.Flags().UintSliceVar(&ids, "peer-id", nil, "a client's peer-id, as in culvert status; may be repeated")
	c.Flags().BoolVar(&u.All, "all", false, "all clients")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return ifUnknown(err, "write -- before an option that begins with -, as in: culvert push-update --all -- -route")
	})
	r.flags(c)
	r.farFlags(c)
	return c
}
