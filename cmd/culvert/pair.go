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
		Short: "Connect two hosts by a tunnel, with one line from each",
		Long: `Connect two hosts by a tunnel. Begin on the host that the other can reach: it
prints a line. Give that line to the other host, which prints its answer. Give the
answer to the first host. Now both have a configuration.

The lines are not secret, but must arrive unchanged: compare the check code, which
is then the same on both hosts. Keys never leave the host they were made on.`,
		Example: `  A: culvert pair --listen a.example.org:1194 -o to-b.conf
  B: culvert pair LINE-OF-A -o to-a.conf
  A: (paste B's line)
  A: culvert connect to-b.conf        B: culvert connect to-a.conf`,
		RunE: func(c *cobra.Command, args []string) error {
			o.Now = time.Now()
			var err error
			if o.InUse, err = hostnet.Networks(); err != nil {
				fmt.Fprintln(c.ErrOrStderr(), "warning: cannot list this host's networks, so the tunnel's addresses may clash with one:", err)
			}
			return setup.PairWith(o, strings.Join(args, ""), c.InOrStdin(), c.OutOrStdout())
		},
	}
	c.Flags().StringVarP(&o.Out, "output", "o", "", "the configuration to write")
	c.Flags().StringVar(&o.Listen, "listen", "", "this host's name or address, and UDP port, for the other host to reach")
	c.MarkFlagRequired("output")
	return c
}
