package main

import (
	"encoding/json"
	"time"

	"github.com/spf13/cobra"

	"culvert/operate/adopt"
	"culvert/operate/setup"
)

func adoptCommand() *cobra.Command {
	var o adopt.Options
	var host string
	var asJSON bool
	c := &cobra.Command{
		Use:   "adopt {DIR | FILE} --dir D",
		Short: "Make a server's directory of what OpenVPN has",
		Long: `Make a server's directory of an OpenVPN server with easy-rsa: its configuration,
authority, list of clients and addresses. Clients connect to it with the profiles
they have, and new ones are added by: culvert client add. Nothing is changed where
it comes from.

DIR is a directory with one server's configuration, such as /etc/openvpn/server. If
it has several, name the FILE.`,
		Example: "  culvert adopt /etc/openvpn/server --dir /etc/culvert",
		Args:    one("directory or configuration"),
		RunE: func(c *cobra.Command, args []string) (err error) {
			o.Source, o.Now = args[0], time.Now()
			if host != "" {
				var named bool
				if o.Host, o.Port, named, err = splitHost(host); err != nil {
					return err
				}
				if !named {
					o.Port = 0
				}
			}
			report, err := adopt.Adopt(o)
			if err != nil {
				return err
			}
			if !asJSON {
				return report.Print(c.OutOrStdout())
			}
			e := json.NewEncoder(c.OutOrStdout())
			e.SetEscapeHTML(false)
			e.SetIndent("", "  ")
			return e.Encode(report)
		},
	}
	c.Flags().StringVar(&o.Dir, "dir", "/etc/culvert", "the directory to make")
	c.Flags().StringVar(&host, "host", "", "the server's public name or address, and port, for new profiles (default: as the installer's template says)")
	c.Flags().StringVar(&o.Authority, "pki", "", "the authority's directory, which has index.txt (default: it is looked for)")
	passphraseFlag(c, &o.Ask)
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "only say what would be made")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// splitHost is setup.SplitHost, and reports whether the port was named.
func splitHost(s string) (host string, port int, named bool, err error) {
	host, port, err = setup.SplitHost(s)
	return host, port, s != host && s != "["+host+"]", err
}
