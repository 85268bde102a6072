package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"culvert/operate/hub"
	"culvert/operate/service"
)

// nicHelp describes the value of --nic.
const nicHelp = `Write an adapter as NAME[,setting...], with these settings:
  mac=M        its Ethernet address (default: the same one each time)
  vlan=N       its VLAN: untagged at the adapter, tagged at the uplink
  mtu=N        its MTU (default: the uplink's)
  netns=NS     the network namespace to make it in: a name of ip netns, or a path
  flood=N      how many frames a second it may send to all others
  type=T       tap, a device (default); or null, which drops every frame
  ownmac       it may send from its own address only: it cannot take another
               station's address, nor have stations behind it
  down         it is down until: culvert hub set NAME up`

func hubCommand() *cobra.Command {
	var o hub.Options
	c := &cobra.Command{
		Use:   "hub --uplink IF|none|FILE --nic NAME[,...] ...",
		Short: "Run a virtual switch: many adapters on one uplink",
		Long: `Run a virtual switch in the foreground, as root, until interrupted. Its adapters are
TAP devices: network cards for a host, a container or a virtual machine. Frames
between them cross in memory. All others go through the uplink, which is one of:

  IF           a physical adapter, such as eth0. The host goes on using it, but
               host and adapters do not see each other
  FILE         a tunnel: the configuration of a client with dev tap
  none         nothing: the adapters only reach each other

Frames stay in their VLAN. The hub finds loops, and blocks a port until its loop is
gone. When the hub ends, even when it is killed, all that it made is gone too.

` + nicHelp,
		Example: `  culvert hub --uplink eth0 --nic tap0 --nic tap1,vlan=7,netns=blue
  culvert hub --uplink office.ovpn --nic tap0
  culvert hub list
  culvert hub add tap2,mtu=1400
  culvert hub set tap2 netns=blue
  culvert hub remove tap2`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var flush func()
			o.Log, o.Ask, flush = service.TerminalLog()
			defer flush()
			return hub.Run(c.Context(), o)
		},
	}
	c.Flags().StringVar(&o.Uplink, "uplink", "", "a physical adapter, a tunnel's configuration, or none")
	c.Flags().StringArrayVar(&o.NICs, "nic", nil, "an adapter; may be repeated")
	c.Flags().BoolVar(&o.AllowScripts, "allow-scripts", false, "allow lines of a tunnel's configuration that run programs, write files or send files, without asking")
	c.Flags().IntVar(&o.Flood, "flood", 0, "how many frames a second a port may send to all others (default 1000)")
	c.PersistentFlags().StringVar(&o.Name, "name", "", "the hub's name on this machine (default: its uplink's; for subcommands, the only hub)")
	c.PersistentFlags().StringVar(&o.Dir, "state-dir", "", "where running processes have their sockets (default /run/culvert)")
	c.MarkFlagRequired("uplink")
	c.AddCommand(hubListCommand(&o), hubAddCommand(&o), hubSetCommand(&o), hubRemoveCommand(&o))
	return c
}

func hubListCommand(o *hub.Options) *cobra.Command {
	c := &cobra.Command{Use: "list", Example: "  culvert hub list", Short: "Show a running hub's ports: state, counters, and why frames were dropped", Args: cobra.NoArgs}
	asJSON := c.Flags().Bool("json", false, "print JSON")
	c.RunE = func(c *cobra.Command, _ []string) error {
		client, err := hub.Dial(o.Dir, o.Name)
		if err != nil {
			return err
		}
		status, err := client.Status(c.Context())
		if err != nil {
			return err
		}
		if !*asJSON {
			return status.Table(c.OutOrStdout())
		}
		e := json.NewEncoder(c.OutOrStdout())
		e.SetIndent("", "  ")
		return e.Encode(status)
	}
	return c
}

func hubAddCommand(o *hub.Options) *cobra.Command {
	c := &cobra.Command{Use: "add NAME[,...]", Example: "  culvert hub add tap2,vlan=7", Short: "Add an adapter to a running hub", Long: "Add an adapter to a running hub.\n\n" + nicHelp, Args: one("adapter")}
	c.RunE = func(c *cobra.Command, args []string) error {
		if _, err := hub.ParseSpec(args[0]); err != nil {
			return err
		}
		client, err := hub.Dial(o.Dir, o.Name)
		if err != nil {
			return err
		}
		return client.Add(c.Context(), args[0])
	}
	return c
}

func hubSetCommand(o *hub.Options) *cobra.Command {
	c := &cobra.Command{
		Use: "set NAME up|down|netns=NS ...", Short: "Bring an adapter up or down, or move it to a network namespace",
		Long: `Bring an adapter of a running hub up or down, or move it to another network
namespace: a name of ip netns, a path, or nothing for the hub's own. As with any
move, the device loses its IP addresses and routes.`,
		Example: "  culvert hub set tap1 netns=blue",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return fmt.Errorf("expected a name and what to change, got %d arguments", len(args))
			}
			return nil
		},
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		change, err := hub.ParseChange(args[1:])
		if err != nil {
			return err
		}
		client, err := hub.Dial(o.Dir, o.Name)
		if err != nil {
			return err
		}
		return client.Change(c.Context(), args[0], change)
	}
	return c
}

func hubRemoveCommand(o *hub.Options) *cobra.Command {
	c := &cobra.Command{Use: "remove NAME", Example: "  culvert hub remove tap2", Short: "Remove an adapter from a running hub, and its device", Args: one("name")}
	c.RunE = func(c *cobra.Command, args []string) error {
		client, err := hub.Dial(o.Dir, o.Name)
		if err != nil {
			return err
		}
		return client.Remove(c.Context(), args[0])
	}
	return c
}
