package setup

import (
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/netip"
	"path/filepath"

	"culvert/access/users"
	"culvert/config"
	"culvert/host/process"
	"culvert/role/server/lease"
)

// Addresses are those that a device is to have, in the network of server.conf, which is
// read only if there are any.
func (d Devices) Addresses(ipv4, ipv6 string) (users.Addresses, error) {
	a := users.Addresses{IPv4: ipv4, IPv6: ipv6}
	if (ipv4 == "" || ipv4 == users.None) && (ipv6 == "" || ipv6 == users.None) {
		return a, nil
	}
	conf := filepath.Join(d.Dir, serverConfFile)
	text, err := process.ReadFile(conf)
	if err != nil {
		return a, err
	}
	c, err := config.ParseFile(conf, text, process.ReadFile)
	if err != nil {
		return a, fmt.Errorf("the server's network is not known: %w", err)
	}
	if c.Server.ProxyLAN != nil {
		return a, errors.New("the server has no network of its own (proxy-lan), in which devices could have addresses")
	}
	book, err := lease.New(c, slog.New(slog.DiscardHandler))
	if err != nil {
		return a, fmt.Errorf("%s: %w", conf, err)
	}
	a.Network = network{book.Layout()}
	return a, nil
}

// network is a layout as users.Network.
type network struct{ *lease.Layout }

// Check implements users.Network.
func (n network) Check(a netip.Addr) error { return n.CheckOwn(a) }

// Addresses implements users.Network.
func (n network) Addresses(ipv6 bool) iter.Seq[netip.Addr] { return n.FromEnd(ipv6) }
