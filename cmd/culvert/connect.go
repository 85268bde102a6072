package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"culvert/config"
	"culvert/host/hostnet"
	"culvert/operate/conffile"
	"culvert/operate/service"
)

// aProfile is what connect expects of a file.
const aProfile = "a profile, such as laptop.ovpn"

// killSwitchOn is what --kill-switch means without a value.
const killSwitchOn = "on"

func connectCommand(me service.Self) *cobra.Command {
	o := service.Options{Unprivileged: true, Show: service.ShowLive}
	var plain, asJSON bool
	var outside string
	var fastest bool
	var only, except []string
	c := &cobra.Command{
		Use:        "connect FILE",
		SuggestFor: []string{"start", "up", "login", "on"},
		Short:      "Connect with a profile",
		Long: `Connect with a profile, until interrupted. As root, it makes a TUN device and sets
addresses, routes and DNS, and undoes all of that on exit. With --userspace it
needs neither root nor a device: programs use the tunnel through a SOCKS5 or HTTP
proxy.

A profile may come from a stranger. Lines that run a program, write to a file, or
send the content of a file from elsewhere need your permission: on a terminal it
asks; otherwise add --allow-scripts. culvert --config FILE never asks, as with
OpenVPN.`,
		Example: `  culvert connect laptop.ovpn
  culvert connect laptop.ovpn --fastest --kill-switch
  culvert connect laptop.ovpn --userspace --socks 127.0.0.1:1080
  curl --proxy socks5h://127.0.0.1:1080 https://example.org`,
		Args: func(c *cobra.Command, args []string) error {
			err := one("profile")(c, args)
			if err != nil && len(args) > 1 && outside == killSwitchOn {
				err = fmt.Errorf("%w; words of --kill-switch are joined to it by =, such as --kill-switch=persist", err)
			}
			return err
		},
		RunE: func(c *cobra.Command, args []string) error {
			var lines []string
			if c.Flags().Changed("kill-switch") {
				lines = append(lines, "block-outside "+strings.ReplaceAll(strings.TrimPrefix(outside, killSwitchOn), ",", " "))
			}
			if fastest {
				lines = append(lines, "remote-select fastest")
			}
			for _, what := range only {
				lines = append(lines, "route-only "+what)
			}
			for _, what := range except {
				lines = append(lines, "route-except "+what)
			}
			load := func() (*config.Config, error) {
				cfg, err := conffile.Load(args[0], aProfile, lines...)
				if err == nil && cfg.Mode == config.ModeServer {
					err = fmt.Errorf("%s is a server's configuration; use: culvert serve %[1]s", args[0])
				}
				return cfg, err
			}
			switch {
			case plain && asJSON:
				return misused("--plain and --json exclude each other")
			case plain:
				o.Show = service.ShowLog
			case asJSON:
				o.Show = service.ShowJSON
			}
			o.UserSpace, o.Stranger = o.UserSpace || o.Proxies(), args[0]
			return service.Run(unsignalled(c.Context()), me, load, o)
		},
	}
	c.Flags().BoolVar(&o.UserSpace, "userspace", false, "use no device and no root rights")
	c.Flags().StringVar(&o.SOCKS, "socks", "", "address of the SOCKS5 proxy; implies --userspace (default "+service.DefaultSOCKS+")")
	c.Flags().StringVar(&o.HTTP, "http", "", "address of the HTTP proxy; implies --userspace")
	c.Flags().BoolVar(&o.AllowScripts, "allow-scripts", false, "allow lines that run programs, write files or send files, without asking")
	c.Flags().BoolVar(&fastest, "fastest", false, "measure all servers of the profile, use the best, and move when another is better (remote-select fastest)")
	c.Flags().StringVar(&outside, "kill-switch", "", "let packets leave this host through the tunnel only (block-outside); `words` are persist, for after a kill or an error, and networks that may be reached all the same: --kill-switch=persist,192.168.1.0/24")
	c.Flags().Lookup("kill-switch").NoOptDefVal = killSwitchOn
	c.Flags().StringArrayVar(&only, "only", nil, "have only this use the tunnel (route-only): `what` is a network, a domain such as '*.corp.example', program for what culvert run starts, 'user NAME' or 'cgroup PATH'; can be repeated")
	c.Flags().StringArrayVar(&except, "except", nil, "keep this out of the tunnel (route-except): `what` as for --only; can be repeated")
	c.Flags().BoolVar(&plain, "plain", false, "write the log, as it is written where there is no terminal, instead of stages and a live line")
	c.Flags().BoolVar(&asJSON, "json", false, "write each event as a line of JSON to the standard output, for programs")
	c.SetFlagErrorFunc(notDirective)
	c.Flags().StringVar(&o.StateDir, "state-dir", "", "where to note changes to undo, and to put the socket of status, trace and capture (default "+hostnet.DefaultStateDir+")")
	c.Flags().StringVar(&o.Name, "name", "", "name of this process in status, trace and capture (default: role and adapter)")
	return c
}
