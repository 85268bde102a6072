package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"culvert/operate/setup"
)

func deviceAddCommand() *cobra.Command {
	var d devices
	var n setup.NewDevice
	var expires string
	var link linking
	c := &cobra.Command{
		Use:   "add NAME --user USER --dir D (-o FILE | --link TIME)",
		Short: "Add a device to a user, and make its profile",
		Long: `Add a device to a user, and make its profile. Its certificate has the common name
NAME.USER. The profile asks for a password or a one-time code if the user has to give
them.

With --link, the profile is handed over by a link that works once, instead of a file.`,
		Example: "  culvert device add phone --user alice --dir /etc/culvert -o phone.ovpn\n  culvert device add phone --user alice --dir /etc/culvert --link 24h",
		Args:    one("name"),
		RunE: func(c *cobra.Command, args []string) error {
			end, _, err := expiry(c, expires, time.Now())
			if err != nil {
				return err
			}
			if err := link.prepare(d.dir, time.Now()); err != nil {
				return err
			}
			n.Name, n.User, n.Expires, n.Out = args[0], d.user, end, outputFile(n.Out)
			return d.all(c, func(ctx context.Context, all setup.Devices) error {
				added, err := all.Add(ctx, n)
				if err != nil {
					return err
				}
				if advice := setup.Advice(d.dir); advice != "" {
					fmt.Fprintln(c.ErrOrStderr(), "warning:", advice)
				}
				if a := deviceInfoOf(added.Device, all.Now).addresses(); a != "" {
					fmt.Fprintf(c.ErrOrStderr(), "Its own addresses: %s\n", a)
				}
				if link.text != "" {
					return link.handOver(ctx, c, d.store, added.CommonName, added.Profile)
				}
				return handOver(c, n.Out, "profile of "+added.CommonName, added.Profile)
			})
		},
	}
	d.flags(c, false)
	d.signs(c)
	c.Flags().StringVarP(&n.Out, "output", "o", "", "the profile to write (default, or -: standard output)")
	link.flags(c)
	c.Flags().StringVar(&expires, "expires", "", expiresHelp)
	addressFlags(c, &n.IPv4, &n.IPv6)
	return c
}

func addressFlags(c *cobra.Command, ipv4, ipv6 *string) {
	c.Flags().StringVar(ipv4, "ipv4", "", "an `address` of its own: auto for the next free one, none for one of the pool")
	c.Flags().StringVar(ipv6, "ipv6", "", "an IPv6 `address` of its own, auto or none")
}
