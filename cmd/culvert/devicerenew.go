package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"culvert/operate/clients"
	"culvert/operate/setup"
)

func deviceRenewCommand() *cobra.Command {
	var d devices
	var n setup.RenewDevice
	var stateDir string
	var link linking
	c := &cobra.Command{
		Use:   "renew NAME --user USER --dir D (-o FILE | --link TIME)",
		Short: "Make a device a new profile, before the old one expires",
		Long: `Make a device a new profile, with a new certificate and new keys. It asks for what the
user has to give now. The old profile stays valid until it expires, so that the device
can connect meanwhile; --revoke-old shuts it out at once. With --link, the new profile is
handed over by a link that works once, instead of a file.

A device that was revoked gets a new profile only with --let-in-again. Its old profile
stays revoked.`,
		Example: "  culvert device renew phone --user alice --dir /etc/culvert -o phone.ovpn",
		Args:    one("name"),
		RunE: func(c *cobra.Command, args []string) error {
			n.User, n.Name, n.Out = d.user, args[0], outputFile(n.Out)
			if err := link.prepare(d.dir, time.Now()); err != nil {
				return err
			}
			running := clients.Ask(c.Context(), stateDir)
			return d.all(c, func(ctx context.Context, all setup.Devices) error {
				done, err := all.Renew(ctx, n)
				if err != nil {
					return err
				}
				what := fmt.Sprintf("new profile of %s.%s, valid until %s", n.Name, n.User, done.Expires.Format(time.DateOnly))
				hand := func() error { return handOver(c, n.Out, what, done.Profile) }
				if link.text != "" {
					hand = func() error { return link.handOver(ctx, c, d.store, n.Name+"."+n.User, done.Profile) }
				}
				if err := hand(); err != nil || done.Revocation == nil {
					return err
				}
				return running.Follow(ctx, c.ErrOrStderr(), done.Revocation)
			})
		},
	}
	d.flags(c, false)
	d.signs(c)
	c.Flags().StringVarP(&n.Out, "output", "o", "", "the profile to write; replaces an old profile of this device (default, or -: standard output)")
	link.flags(c)
	c.Flags().BoolVar(&n.RevokeOld, "revoke-old", false, "revoke the old profiles at once")
	c.Flags().BoolVar(&n.LetInAgain, "let-in-again", false, "make a profile even if the device was revoked")
	stateDirFlag(c, &stateDir)
	return c
}
