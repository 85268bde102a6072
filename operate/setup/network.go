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
	"culvert/role/server/admission"
	"culvert/role/server/lease"
)

// Addresses are those that a device is to have, in the network of server.conf, which is
// read only if there are any. They are none of those that files of client-config-dir give
// to others than the device, by its common name.
func (d Devices) Addresses(commonName, ipv4, ipv6 string) (users.Addresses, error) {
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
	owners, err := admission.OwnAddresses(c)
	if err != nil {
		return a, fmt.Errorf("which addresses are clients' own is not known: client-config-dir: %w", err)
	}
	a.Network = network{book.Layout(), owners, c.Server.ClientConfigDir, commonName}
	return a, nil
}

// network is a layout as users.Network, for one device.
type network struct {
	*lease.Layout
	owners     map[netip.Addr]string // by files of client-config-dir
	dir        string                // client-config-dir
	commonName string                // of the device
}

// Check implements users.Network.
func (n network) Check(a netip.Addr) error {
	if owner, owned := n.owners[a]; owned && owner != n.commonName {
		return fmt.Errorf("%v is given to a client by %s; choose another, or take its line out of there", a, filepath.Join(n.dir, owner))
	}
	return n.CheckOwn(a)
}

// Addresses implements users.Network.
func (n network) Addresses(ipv6 bool) iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		for a := range n.FromEnd(ipv6) {
			if _, owned := n.owners[a]; !owned && !yield(a) {
				return
			}
		}
	}
}
