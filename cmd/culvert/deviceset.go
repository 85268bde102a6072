package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"culvert/access/users"
	"culvert/operate/setup"
)

func deviceSetCommand() *cobra.Command {
	var d devices
	var expires, ipv4, ipv6 string
	var limits limitFlags
	c := &cobra.Command{
		Use:     "set NAME --user USER --dir D",
		Short:   "Change when a device expires, its addresses and its limits",
		Long:    "Change what the flags name, and leave the rest. A device that is connected has its new\naddresses when it connects again.",
		Example: "  culvert device set phone --user alice --dir /etc/culvert --ipv4 10.8.0.200",
		Args:    one("name"),
		RunE: func(c *cobra.Command, args []string) error {
			end, ends, err := expiry(c, expires, time.Now())
			if err != nil {
				return err
			}
			bounds, err := limits.read(c)
			if err != nil {
				return err
			}
			if !ends && ipv4 == "" && ipv6 == "" && !limits.given(c) {
				return misused("expected what to change: --expires, --ipv4, --ipv6, --up, --down, --hours or --quota")
			}
			return d.all(c, func(ctx context.Context, all setup.Devices) error {
				addresses, err := all.Addresses(args[0]+"."+d.user, ipv4, ipv6)
				if err != nil {
					return err
				}
				changed, err := all.Book.ChangeDevice(ctx, d.user, args[0], addresses, func(record *users.Device) error {
					if ends {
						record.Expires = end
					}
					bounds(&record.Limits)
					return nil
				})
				if err != nil {
					return fmt.Errorf("device set: %w", err)
				}
				fmt.Fprintf(c.OutOrStdout(), "%s of %s is changed: %s\n", changed.Name, changed.User, deviceInfoOf(changed, all.Now).text())
				return nil
			})
		},
	}
	d.flags(c, false)
	limits.flags(c)
	c.Flags().StringVar(&expires, "expires", "", expiresHelp)
	addressFlags(c, &ipv4, &ipv6)
	return c
}
