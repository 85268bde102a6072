package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"

	"github.com/spf13/cobra"

	"culvert/operate/swarm"
)

func swarmCommand() *cobra.Command {
	o := swarm.DefaultOptions()
	var traffic, target string
	var asJSON, quiet bool
	c := &cobra.Command{
		Use:   "swarm PROFILE",
		Short: "Load a server with many real clients",
		Long: `Connect many clients to a server, any OpenVPN server, and tell what it can take:
how fast they come in, what traffic it carries, and what went wrong. They need
neither root nor device. PROFILE is a file, or a directory of *.ovpn and *.conf
files that are dealt to the clients in turn.

With one profile for all, the server needs duplicate-cn. For more than 1,000
clients from one address, ours needs connect-freq-initial; OpenVPN's own server
answers 100 newcomers in ten seconds without.

--traffic is any of these, with commas between, each --for so long:
  idle    keepalive alone
  ping    each client sends an echo request a second
  stream  the clients in turn send bursts, as fast as answers come back

The target of echo requests is the server's inner address, unless --target
names another. The exit status is 0 if every client came up and none failed.`,
		Example: `  culvert swarm laptop.ovpn --clients 1000 --traffic idle,ping,stream --for 10s
  culvert swarm profiles/ --clients 200 --churn 30s --for 5m --json`,
		Args: one("profile or directory of profiles"),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if o.Profiles, err = swarm.LoadProfiles(args[0]); err != nil {
				return err
			}
			if o.Traffic, err = swarm.ParsePatterns(traffic); err != nil {
				return err
			}
			if target != "" {
				if o.Target, err = netip.ParseAddr(target); err != nil {
					return fmt.Errorf("--target %s: expected an address inside the tunnel, such as 10.8.0.1: %w", target, errUsage)
				}
			}
			if !quiet {
				o.Progress = c.ErrOrStderr()
			}
			report, err := swarm.Run(c.Context(), o)
			if err != nil {
				return err
			}
			return printReport(c, report, asJSON)
		},
	}
	f := c.Flags()
	f.IntVar(&o.Clients, "clients", o.Clients, "how many")
	f.IntVar(&o.Parallel, "parallel", o.Parallel, "handshakes at a time")
	f.DurationVar(&o.Within, "within", o.Within, "time for all to come up")
	f.StringVar(&traffic, "traffic", string(o.Traffic[0]), "idle, ping, stream, with commas between")
	f.DurationVar(&o.For, "for", o.For, "how long each traffic lasts")
	f.DurationVar(&o.Churn, "churn", 0, "after how long a client leaves and another comes, on average; 0: they stay")
	f.StringVar(&target, "target", "", "inner address that answers echo requests (default the server's)")
	f.IntVar(&o.Size, "size", o.Size, "bytes in a packet of the stream")
	f.IntVar(&o.Window, "window", o.Window, "packets of the stream on their way at a time, of all clients together")
	f.BoolVar(&asJSON, "json", false, "print the report as JSON")
	f.BoolVar(&quiet, "quiet", false, "no progress on standard error")
	c.SetFlagErrorFunc(notDirective)
	return c
}

func printReport(c *cobra.Command, report *swarm.Report, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(c.OutOrStdout())
		e.SetIndent("", "  ")
		if err := e.Encode(report); err != nil {
			return err
		}
	} else {
		fmt.Fprint(c.OutOrStdout(), report.Text())
	}
	if report.Failed() {
		return errors.New("not every client came up and stayed; the errors by kind are in the report")
	}
	return nil
}
