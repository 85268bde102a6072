package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"culvert/access/users"
	"culvert/operate/setup"
)

func deviceShowCommand() *cobra.Command {
	var d devices
	c := &cobra.Command{
		Use:     "show NAME --user USER --dir D",
		Short:   "Show a device",
		Example: "  culvert device show phone --user alice --dir /etc/culvert",
		Args:    one("name"),
		RunE: func(c *cobra.Command, args []string) error {
			now := time.Now()
			return d.view(c, d.user, func(v *users.View, b *users.Book) error {
				device, err := v.FindDevice(d.user, args[0])
				if err != nil {
					return err
				}
				i := deviceInfoOf(device, now)
				certificate, there, err := setup.Client(d.dir, device.CommonName, now)
				if err != nil {
					return err
				}
				if there {
					i.Certificate = &certificate
				}
				one := []deviceInfo{i}
				if err := used(c, b, d.user, one); err != nil {
					return err
				}
				i = one[0]
				if i.Quotas, err = quotasOf(c, b, v.Standing(device.CommonName, d.user)); err != nil {
					return err
				}
				return d.print(c, i, func(t *tabwriter.Writer) { showDevice(t, i) })
			})
		},
	}
	d.flags(c, true)
	return c
}

func showDevice(t *tabwriter.Writer, d deviceInfo) {
	fmt.Fprintf(t, "device:\t%s of %s\nstate:\t%s\ncreated:\t%s\nexpires:\t%s\n", d.Name, d.User, d.State, day(d.Created), ends(d.Expires))
	if a := d.addresses(); a != "" {
		fmt.Fprintf(t, "addresses:\t%s\n", a)
	}
	in, out := d.carried()
	fmt.Fprintf(t, "last seen:\t%s\nfrom it:\t%s\nto it:\t%s\n", d.seen(), in, out)
	for _, use := range d.Quotas {
		fmt.Fprintf(t, "quota:\t%v, of %s\n", use, use.Whose)
	}
	fmt.Fprintf(t, "common name:\t%s\n", d.CommonName)
	if d.Certificate == nil {
		fmt.Fprintf(t, "certificate:\tnone; culvert device renew makes one\n")
		return
	}
	fmt.Fprintf(t, "certificate:\t%s, ends %s\n", d.Certificate.State, d.Certificate.Expires.Format(time.DateOnly))
}
