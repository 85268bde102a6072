package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"culvert/access/users"
	"culvert/operate/setup"
)

func deviceListCommand() *cobra.Command {
	var a accounts
	var user string
	c := &cobra.Command{
		Use:   "list --dir D",
		Short: "List the devices of a server's users",
		Long: `List the devices of a server's users, or of one. STATE is the device's own;
CERTIFICATE is the state of its newest certificate, as culvert client list shows it
under NAME.USER. IN is what came from the device, OUT what went to it.`,
		Example: "  culvert device list --dir /etc/culvert --user alice",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			now := time.Now()
			list := func(b *users.Book, devices []*users.Device) error {
				all, err := listDevices(c, devices, a.dir, now)
				if err != nil {
					return err
				}
				if err := used(c, b, user, all); err != nil {
					return err
				}
				return a.print(c, all, func(t *tabwriter.Writer) { printDevices(t, all) })
			}
			if user != "" {
				return a.view(c, user, func(v *users.View, b *users.Book) error { return list(b, v.DevicesOf(user)) })
			}
			return a.roll(c, func(r *users.Roll, b *users.Book) error { return list(b, r.Devices) }, users.Devices)
		},
	}
	a.flags(c, true)
	c.Flags().StringVar(&user, "user", "", "list the devices of one user")
	return c
}

func listDevices(c *cobra.Command, devices []*users.Device, dir string, now time.Time) ([]deviceInfo, error) {
	known, problem, err := setup.Clients(dir, now)
	if err != nil {
		return nil, err
	}
	if problem != "" {
		fmt.Fprintln(c.ErrOrStderr(), "warning: the server does not use the revocation list:", problem)
	}
	certificates := make(map[string]*setup.ClientInfo, len(known))
	for i := range known {
		certificates[known[i].Name] = &known[i]
	}
	all := make([]deviceInfo, len(devices))
	for i, d := range devices {
		all[i] = deviceInfoOf(d, now)
		all[i].Certificate = certificates[d.CommonName]
	}
	return all, nil
}

func printDevices(t *tabwriter.Writer, all []deviceInfo) {
	fmt.Fprintln(t, "USER\tNAME\tSTATE\tEXPIRES\tADDRESSES\tLAST SEEN\tIN\tOUT\tCERTIFICATE")
	for _, d := range all {
		certificate := "none"
		if d.Certificate != nil {
			certificate = fmt.Sprintf("%s, ends %s", d.Certificate.State, d.Certificate.Expires.Format(time.DateOnly))
			if d.Certificate.Ready != "" {
				certificate += ", next profile waits"
			}
		}
		in, out := d.carried()
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", d.User, d.Name, d.State, ends(d.Expires), d.addresses(), d.seen(), in, out, certificate)
	}
}
