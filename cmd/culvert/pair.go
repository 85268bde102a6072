package main

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"io"
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
			return pair(o, strings.Join(args, ""), c.InOrStdin(), c.OutOrStdout())
		},
	}
	c.Flags().StringVarP(&o.Out, "output", "o", "", "the configuration to make")
	c.Flags().StringVar(&o.Listen, "listen", "", "name or address, and UDP port, by which the other host reaches this one")
	c.MarkFlagRequired("output")
	return c
}

// pair takes one step, or both of the host that invites: the answer is then
// read from in.
func pair(o setup.PairOptions, line string, in io.Reader, out io.Writer) error {
	p, err := setup.Pair(o, line)
	if err != nil {
		return err
	}
	if p.Config == "" {
		fmt.Fprint(out, p.Ask(o.Out))
		if p, err = awaitAnswer(o, in, out); p == nil {
			return err
		}
	}
	fmt.Fprint(out, p.Summary())
	return nil
}

// awaitAnswer reads lines until one is the answer. Without one there is no
// pairing, and the invitation stays good.
func awaitAnswer(o setup.PairOptions, in io.Reader, out io.Writer) (*setup.Pairing, error) {
	for lines := bufio.NewScanner(in); lines.Scan(); {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		p, err := setup.Pair(o, lines.Text())
		if err == nil {
			return p, nil
		}
		fmt.Fprintln(out, err)
	}
	return nil, nil
}
