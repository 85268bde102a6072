package service

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"

	"culvert/access/auth"
	"culvert/access/auth/ldap"
	"culvert/access/auth/pam"
	"culvert/access/auth/radius"
	"culvert/config"
	"culvert/host/afar"
	"culvert/host/process"
)

// newSources returns the directories that a server asks about its users, in order; resident is the
// program that stays to ask PAM, nil for none. stop ends what came with them, also where
// there is an error.
func newSources(r roles, c *config.Config, resident *pam.Resident) (all []auth.Source, stop func(), err error) {
	var kept []*ldap.Source
	stop = func() {
		for _, s := range kept {
			s.Close()
		}
	}
	for i, s := range c.Sources.Asked {
		switch s.Kind() {
		case "ldap":
			source, err := ldap.ReadSource(s.LDAP.Name, s.LDAP.Text, askingLDAP(c, r.log))
			if err != nil {
				return nil, stop, fmt.Errorf("%v: sign-in-ldap: %w", s.Pos, err)
			}
			kept, all = append(kept, source), append(all, source)
		case "radius":
			all = append(all, newRADIUS(c, r.log, s))
		case "pam":
			asker, err := r.newAsker(asPlugin(s), len(c.Login.Plugins)+i, resident)
			if err != nil {
				return nil, stop, fmt.Errorf("%v: sign-in-pam: %w", s.Pos, err)
			}
			all = append(all, &pam.Source{Checker: pam.Checker{Asker: asker, Service: s.PAM, Prompts: len(s.Prompts) > 0, Log: r.log}})
		}
	}
	return all, stop, nil
}

// askingLDAP says how LDAP is asked.
func askingLDAP(c *config.Config, log *slog.Logger) ldap.Options {
	o := ldap.Options{Log: log, Slots: loginSlots(), Dir: c.Process.Cd, Dial: dialer(c)}
	if process.Privileged() {
		o.Root = c.Process.Chroot
	}
	return o
}

// dialer connects to those who know a server's people; nil: as anybody does. In a chroot it
// goes by the names that this host has now.
func dialer(c *config.Config) func(ctx context.Context, network, address string) (net.Conn, error) {
	if c.Process.Chroot == "" {
		return nil
	}
	return afar.New().DialContext
}

// asPlugin is the line of the plugin auth-pam or auth-ldap that does the work of a source.
func asPlugin(s config.SignInSource) config.LoginPlugin {
	return config.LoginPlugin{Pos: s.Pos, Service: s.PAM, Prompts: s.Prompts}
}

// askers are the plugins that check logins, and behind them the sources, by the places that a
// worker names them with to its keeper. Service is "" where PAM is not asked.
func askers(c *config.Config) []config.LoginPlugin {
	all := append([]config.LoginPlugin(nil), c.Login.Plugins...)
	for _, s := range c.Sources.Asked {
		all = append(all, asPlugin(s))
	}
	return all
}

func newRADIUS(c *config.Config, log *slog.Logger, s config.SignInSource) *radius.Source {
	o := radius.Options{Name: c.Sources.RADIUSName, Lines: func(ipv4, ipv6 netip.Addr) []string { return addressLines(c, ipv4, ipv6) }, Log: log, Slots: loginSlots(), Dial: dialer(c)}
	if o.Name == "" {
		o.Name, _ = os.Hostname() // without a name it is the server's address alone that says who asks
	}
	for _, server := range s.RADIUS {
		secret, _ := server.Secret.TwoLines()
		o.Servers = append(o.Servers, radius.Server{Address: server.Address, Secret: []byte(strings.TrimSpace(secret))})
	}
	return radius.NewSource(o)
}

// addressLines are the lines that give a client its addresses; either may be invalid. With a
// topology of pairs, clients have IPv4 addresses of the pool.
func addressLines(c *config.Config, ipv4, ipv6 netip.Addr) (lines []string) {
	if ipv4.Is4() && c.Server.Network.IsValid() && c.Adapter.Topology == config.TopologySubnet {
		lines = append(lines, fmt.Sprintf("ifconfig-push %v %v", ipv4, net.IP(net.CIDRMask(c.Server.Network.Bits(), 32))))
	}
	if ipv6.Is6() && c.Server.NetworkIPv6.IsValid() {
		lines = append(lines, fmt.Sprintf("ifconfig-ipv6-push %v/%d", ipv6, c.Server.NetworkIPv6.Bits()))
	}
	return lines
}
