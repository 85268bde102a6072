package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"culvert/config"
	"culvert/host/hostnet"
	"culvert/operate/conffile"
	"culvert/operate/service"
)

const aProfile = "a profile, such as laptop.ovpn"

func connectCommand() *cobra.Command {
	o := service.Options{Unprivileged: true}
	c := &cobra.Command{
		Use:   "connect FILE",
		Short: "Connect with a profile",
		Long: `Connect with a profile, until interrupted. As root it makes a TUN device and
sets addresses, routes and names; all of it is undone on exit. With --userspace
it needs neither root nor device: programs use the tunnel by a SOCKS5 or HTTP
proxy.

A profile may be a stranger's. Lines that run a program, write to a file, or send
what a file elsewhere holds are carried out only when you allow them: it asks on a
terminal, and else wants --allow-scripts. culvert --config FILE asks nothing, as
OpenVPN does.`,
		Example: `  culvert connect laptop.ovpn
  culvert connect laptop.ovpn --userspace --socks 127.0.0.1:1080
  curl --proxy socks5h://127.0.0.1:1080 https://example.org`,
		Args: one("profile"),
		RunE: func(c *cobra.Command, args []string) error {
			load := func() (*config.Config, error) {
				cfg, err := conffile.Load(args[0], aProfile)
				if err == nil && cfg.Mode == config.ModeServer {
					err = fmt.Errorf("%s is a server's configuration; use `culvert serve`", args[0])
				}
				return cfg, err
			}
			o.UserSpace, o.Stranger = o.UserSpace || o.Proxies(), args[0]
			return service.Run(c.Context(), load, o)
		},
	}
	c.Flags().BoolVar(&o.UserSpace, "userspace", false, "use no device, and need no root")
	c.Flags().StringVar(&o.SOCKS, "socks", "", "address of the SOCKS5 proxy; implies --userspace (default "+service.DefaultSOCKS+")")
	c.Flags().StringVar(&o.HTTP, "http", "", "address of the HTTP proxy; implies --userspace")
	c.Flags().BoolVar(&o.AllowScripts, "allow-scripts", false, "carry out lines that run programs, write files or send what files hold, without asking")
	c.SetFlagErrorFunc(notDirective)
	c.Flags().StringVar(&o.StateDir, "state-dir", "", "where to note what is to be undone, and to be found by status, trace and capture (default "+hostnet.DefaultStateDir+")")
	c.Flags().StringVar(&o.Name, "name", "", "this process's name for status, trace and capture (default its role and adapter)")
	return c
}
