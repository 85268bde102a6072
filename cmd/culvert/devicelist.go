package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"culvert/access/users"
	"culvert/operate/setup"
)

func deviceListCommand() *cobra.Command {
	var a accounts
	var user string
	var certificates bool
	c := &cobra.Command{
		Use:   "list --dir D",
		Short: "List the devices of a server's users",
		Long: `List the devices of a server's users, or of one. STATE is the device's own. IN is what
came from the device, OUT what went to it. With --user or --certificates, CERTIFICATE is
the state of its newest certificate, as culvert client list shows it under NAME.USER.`,
		Example: "  culvert device list --dir /etc/culvert --user alice",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			now := time.Now()
			if user != "" {
				return a.view(c, user, func(v *users.View, b *users.Book) error {
					all := deviceInfos(v.DevicesOf(user), now)
					if err := used(c, b, user, all); err != nil {
						return err
					}
					return a.printDevices(c, all, true, now)
				})
			}
			return a.roll(c, func(r *users.Roll, _ *users.Book) error {
				all := deviceInfos(r.Devices, now)
				for i, usage := range r.Usages {
					all[i].Usage = usage
				}
				return a.printDevices(c, all, certificates, now)
			}, users.Devices, users.Usages)
		},
	}
	a.flags(c, true)
	c.Flags().StringVar(&user, "user", "", "list the devices of one user")
	c.Flags().BoolVar(&certificates, "certificates", false, "read each device's certificate, too")
	return c
}

func deviceInfos(devices []*users.Device, now time.Time) []deviceInfo {
	all := make([]deviceInfo, len(devices))
	for i, d := range devices {
		all[i] = deviceInfoOf(d, now)
	}
	return all
}

// printDevices prints devices, with their certificates or without.
func (a *accounts) printDevices(c *cobra.Command, all []deviceInfo, certificates bool, now time.Time) error {
	if certificates {
		if err := certified(c, a.dir, all, now); err != nil {
			return err
		}
	}
	title := "USER\tNAME\tSTATE\tEXPIRES\tADDRESSES\tLAST SEEN\tIN\tOUT"
	if certificates {
		title += "\tCERTIFICATE"
	}
	return printList(a, c, all, title, func(w io.Writer, d *deviceInfo) { printDevice(w, d, certificates) })
}

// certified notes the states of devices' certificates.
func certified(c *cobra.Command, dir string, all []deviceInfo, now time.Time) error {
	known, problem, err := setup.Clients(dir, now)
	if err != nil {
		return err
	}
	if problem != "" {
		fmt.Fprintln(c.ErrOrStderr(), "warning: the server does not use the revocation list:", problem)
	}
	certificates := make(map[string]*setup.ClientInfo, len(known))
	for i := range known {
		certificates[known[i].Name] = &known[i]
	}
	for i := range all {
		all[i].Certificate = certificates[all[i].CommonName]
	}
	return nil
}

func printDevice(w io.Writer, d *deviceInfo, certificates bool) {
	in, out := d.carried()
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s", d.User, d.Name, d.State, ends(d.Expires), d.addresses(), d.seen(), in, out)
	switch {
	case certificates && d.Certificate == nil:
		fmt.Fprint(w, "\tnone")
	case certificates:
		fmt.Fprintf(w, "\t%s, ends %s", d.Certificate.State, d.Certificate.Expires.Format(time.DateOnly))
		if d.Certificate.Ready != "" {
			fmt.Fprint(w, ", next profile waits")
		}
	}
	fmt.Fprintln(w)
}
