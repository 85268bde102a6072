package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"culvert/config"
	"culvert/operate/manage"
	"culvert/session/wire"
)

func pushUpdateCommand() *cobra.Command {
	var r running
	var u manage.Update
	var ids []uint
	var asJSON bool
	c := &cobra.Command{
		Use:   "push-update --to NAME|--peer-id N|--all [--] OPTION...",
		Short: "Change what a running server pushed to connected clients",
		Long: `Change what a running server pushed to clients, while they are connected and
without a new connection (PUSH_UPDATE). Clients of OpenVPN 2.7, OpenVPN Connect
and Culvert take it; others are named, and left as they are.

An OPTION is as in the directive push, an argument each, or several with commas
between them:

  NAME VALUE...     takes the place of all that was pushed of that name
  -NAME             takes all of it back (write -- before the first of these)
  ?NAME VALUE...    a client that cannot change it goes on as it is; without ?
  -?NAME            it connects anew

What can change: routes (route, route-ipv6, route-gateway, route-metric,
redirect-gateway, redirect-private, block-ipv6), names (dns, dhcp-option,
block-outside-dns), tun-mtu and keepalive.

The server's configuration stays as it is: write the change into it as well, for
clients that connect later.`,
		Example: `  culvert push-update --all 'dhcp-option DNS 10.8.0.53'
  culvert push-update --to anna --to ben 'route 10.1.0.0 255.255.0.0' 'route 10.2.0.0 255.255.0.0'
  culvert push-update --peer-id 7 --name server-tun0 -- '-route, ?tun-mtu 1400'`,
		RunE: func(c *cobra.Command, args []string) error {
			u.Options = splitOptions(args)
			for _, id := range ids {
				if id >= uint(wire.PeerIDUnset) {
					return fmt.Errorf("--peer-id %d: expected one that culvert status shows", id)
				}
				u.PeerIDs = append(u.PeerIDs, wire.PeerID(id))
			}
			if err := checkUpdate(u); err != nil {
				return err
			}
			client, err := r.dial()
			if err != nil {
				return err
			}
			done, err := client.PushUpdate(c.Context(), u)
			if err != nil {
				return err
			}
			if asJSON {
				err = json.NewEncoder(c.OutOrStdout()).Encode(done)
			} else {
				_, err = c.OutOrStdout().Write(done.Append(nil))
			}
			return errors.Join(err, unreached(done))
		},
	}
	c.Flags().StringArrayVar(&u.Names, "to", nil, "a client, by its name in culvert status; may be repeated")
	c.Flags().UintSliceVar(&ids, "peer-id", nil, "a client, by its number there; may be repeated")
	c.Flags().BoolVar(&u.All, "all", false, "all clients")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return ifUnknown(err, "an option that begins with - goes behind --, as in: culvert push-update --all -- -route")
	})
	r.flags(c)
	return c
}

// checkUpdate wants clients, and something to tell them that they can take.
func checkUpdate(u manage.Update) error {
	switch {
	case !u.All && len(u.Names) == 0 && len(u.PeerIDs) == 0:
		return fmt.Errorf("no client given: write --to NAME, --peer-id N or --all: %w", errUsage)
	case len(u.Options) == 0:
		return fmt.Errorf("nothing to tell them: write an option behind, such as 'dhcp-option DNS 10.8.0.53': %w", errUsage)
	}
	for _, option := range u.Options {
		if err := config.CheckUpdate(option); err != nil {
			return fmt.Errorf("%w: %w", err, errUsage)
		}
	}
	return nil
}

// splitOptions takes arguments apart that have several options.
func splitOptions(args []string) (options []string) {
	for _, arg := range args {
		for option := range strings.SplitSeq(arg, ",") {
			options = append(options, strings.TrimSpace(option))
		}
	}
	return options
}

// unreached makes scripts notice when the change did not get to whom it was
// meant for.
func unreached(done manage.Updated) error {
	switch {
	case len(done.Missing) > 0:
		return errors.New("not all that were named are connected")
	case len(done.Told) == 0 && len(done.Unable) == 0:
		return errors.New("no client is connected")
	case len(done.Told) == 0:
		return errors.New("no client was told")
	}
	return nil
}
