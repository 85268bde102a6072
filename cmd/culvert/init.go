package main

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/spf13/cobra"

	"culvert/operate/service"
	"culvert/operate/setup"
)

func initCommand() *cobra.Command {
	var host string
	var dns []string
	var network, network6 string
	var keys keyFlags
	var passphraseFile string
	o := setup.InitOptions{Rand: rand.Reader}
	c := &cobra.Command{
		Use:     "init --dir D --host NAME[:PORT]",
		Short:   "Make a server's directory: authority, keys and configuration",
		Example: "  culvert init --dir /etc/culvert --host vpn.example.org",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if o.Host, o.Port, err = setup.SplitHost(host); err != nil {
				return err
			}
			if err := parsePrefixes(network, &o.Network, network6, &o.Network6); err != nil {
				return err
			}
			for _, text := range dns {
				addr, err := netip.ParseAddr(text)
				if err != nil {
					return fmt.Errorf("--dns %s: expected an IP address: %w", text, err)
				}
				o.DNS = append(o.DNS, addr)
			}
			if o.Key, err = keys.settle(c.Context(), passphraseFile); err != nil {
				return err
			}
			o.Now = time.Now()
			if os.Geteuid() == 0 {
				o.User = service.DefaultUser()
			}
			result, err := setup.Init(o)
			if err != nil {
				return err
			}
			fmt.Fprint(c.OutOrStdout(), result.Summary())
			return nil
		},
	}
	c.Flags().StringVar(&o.Dir, "dir", "", "the directory to make")
	c.Flags().StringVar(&host, "host", "", "the server's public name or address, and port if not 1194")
	c.Flags().StringVar(&o.Proto, "proto", "udp", "udp or tcp; tcp is slower, and gets through where UDP does not")
	c.Flags().StringSliceVar(&dns, "dns", nil, "DNS servers for the clients (default 9.9.9.9, 149.112.112.112)")
	c.Flags().StringVar(&network, "network", "", "IPv4 network of the tunnel (default 10.8.0.0/24)")
	c.Flags().StringVar(&network6, "network6", "", "IPv6 network of the tunnel (default: a random local /64)")
	c.Flags().BoolVar(&o.ForceCookie, "force-cookie", false, "keep no state for a client before it has proved its address; shuts out clients older than OpenVPN 2.6")
	keys.add(c)
	c.Flags().StringVar(&passphraseFile, "passphrase-file", "", "the passphrase of the authority's key, in the first line of this file (default: ask)")
	c.MarkFlagRequired("dir")
	c.MarkFlagRequired("host")
	return c
}

func parsePrefixes(text4 string, p4 *netip.Prefix, text6 string, p6 *netip.Prefix) (err error) {
	if text4 != "" {
		if *p4, err = netip.ParsePrefix(text4); err != nil {
			return fmt.Errorf("--network %s: expected a network such as 10.8.0.0/24: %w", text4, err)
		}
	}
	if text6 != "" {
		if *p6, err = netip.ParsePrefix(text6); err != nil {
			return fmt.Errorf("--network6 %s: expected a network such as fd00:8::/64: %w", text6, err)
		}
	}
	return nil
}
