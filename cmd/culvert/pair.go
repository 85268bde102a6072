package main

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"culvert/host/hostnet"
	"culvert/operate/setup"
)

func pairCommand() *cobra.Command {
	o := setup.PairOptions{Rand: rand.Reader}
	c := &cobra.Command{
		Use:   "pair [LINE] -o FILE [--listen NAME[:PORT]]",
		Short: "Join this host and another by a tunnel, with one line from each",
		Long: `Join two hosts by a tunnel. The one that can be reached begins and prints a
line; the other takes it and prints its own; the first takes that, and both
have a configuration. The lines are no secret, but must arrive unchanged: the
check code is the same on both hosts when they did. Keys stay where they were
made.`,
		Example: `  A: culvert pair --listen a.example.org:1194 -o to-b.conf
  B: culvert pair LINE-OF-A -o to-a.conf
  A: (paste B's line)
  A: culvert connect to-b.conf        B: culvert connect to-a.conf`,
		RunE: func(c *cobra.Command, args []string) error {
			o.Now = time.Now()
			var err error
			if o.InUse, err = hostnet.Networks(); err != nil {
				fmt.Fprintln(c.ErrOrStderr(), "culvert: the networks of this host cannot be listed, so the tunnel's may meet one:", err)
			}
			return setup.PairWith(o, strings.Join(args, ""), c.InOrStdin(), c.OutOrStdout())
		},
	}
	c.Flags().StringVarP(&o.Out, "output", "o", "", "the configuration to make")
	c.Flags().StringVar(&o.Listen, "listen", "", "name or address, and UDP port, by which the other host reaches this one")
	c.MarkFlagRequired("output")
	return c
}
