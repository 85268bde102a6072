package main

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"culvert/operate/setup"
)

func clientAddCommand() *cobra.Command {
	o := setup.ClientOptions{Rand: rand.Reader}
	c := &cobra.Command{
		Use:     "add NAME --dir D -o FILE",
		Short:   "Make a profile for a new client",
		Example: "  culvert client add laptop --dir /etc/culvert -o laptop.ovpn",
		Args:    one("name"),
		RunE: func(c *cobra.Command, args []string) error {
			o.Name, o.Now, o.Out = args[0], time.Now(), outputFile(o.Out)
			profile, err := setup.AddClient(o)
			if err != nil {
				return err
			}
			if advice := setup.Advice(o.Dir); advice != "" {
				fmt.Fprintln(c.ErrOrStderr(), "warning:", advice)
			}
			if o.Out == "" {
				_, err = c.OutOrStdout().Write(profile)
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s is the profile of %s. Whoever has the file can connect: copy it to the client over a connection you trust.\n"+
				"Connect there with: culvert connect %s, or any OpenVPN client.\n", o.Out, o.Name, o.Out)
			return nil
		},
	}
	c.Flags().StringVar(&o.Dir, "dir", "", "the server's directory")
	c.Flags().StringVarP(&o.Out, "output", "o", "", "the profile to write (default, or -: standard output)")
	passphraseFlag(c, &o.Ask)
	c.MarkFlagRequired("dir")
	return c
}
