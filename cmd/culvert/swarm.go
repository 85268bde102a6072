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
		Long: `Connect many clients to a server, ours or OpenVPN's, and report what it can take:
how fast the clients come in, what traffic it carries, and what goes wrong. The
clients need neither root nor a device. PROFILE is a file, or a directory of *.ovpn
and *.conf files that the clients use in turn.

If all clients use one profile, the server needs duplicate-cn. For more than 1,000
clients from one address, our server needs connect-freq-initial. OpenVPN's needs it
for more than 100 clients in ten seconds.

--traffic is one or more of these, separated by commas. Each lasts as long as --for
says:
  idle    keepalive only
  ping    each client sends one echo request a second
  stream  the clients in turn send bursts, as fast as answers come back

Echo requests go to the server's inner address, unless --target names another. The
exit status is 0 if every client connected and none failed.`,
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
					return misused("--target %s: expected an address inside the tunnel, such as 10.8.0.1", target)
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
	f.IntVar(&o.Clients, "clients", o.Clients, "number of clients")
	f.IntVar(&o.Parallel, "parallel", o.Parallel, "number of handshakes at a time")
	f.DurationVar(&o.Within, "within", o.Within, "time limit for all clients to connect")
	f.StringVar(&traffic, "traffic", string(o.Traffic[0]), "idle, ping and stream, separated by commas")
	f.DurationVar(&o.For, "for", o.For, "how long each traffic lasts")
	f.DurationVar(&o.Churn, "churn", 0, "average time until a client leaves and another takes its place; 0: they stay")
	f.StringVar(&target, "target", "", "inner address to send echo requests to (default: the server's)")
	f.IntVar(&o.Size, "size", o.Size, "size of a packet of the stream in bytes")
	f.IntVar(&o.Window, "window", o.Window, "packets of the stream in flight, of all clients together")
	f.BoolVar(&asJSON, "json", false, "print the report as JSON")
	f.BoolVar(&quiet, "quiet", false, "print no progress on standard error")
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
		return errors.New("some clients did not connect, or did not stay connected; the report has their errors")
	}
	return nil
}
