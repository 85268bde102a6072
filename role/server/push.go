package server

import (
	"slices"
	"strings"

	"culvert/config"
	"culvert/role/server/lease"
	"culvert/session/negotiate"
)

// tunIPv6 is what clients before OpenVPN 2.4 need for IPv6 (Changes.rst of 2.4).
// Later ones do not know the option, or warn that they ignore it.
const tunIPv6 = "tun-ipv6"

// pushList returns what a client with a lease and terms is pushed, in OpenVPN's order. told
// is what the client says that it can do.
func pushList(configured config.Server, book *lease.Book, c *client, terms *Terms, told negotiate.PeerInfo) []string {
	options := slices.DeleteFunc(slices.Clone(configured.Push), negotiate.IsCompression)
	options = append(options, book.Push(c.holder, configured.ClientToClient, options)...)
	if (c.holder.Lease.IPv6.IsValid() || c.own.IfconfigIPv6 != nil) && told.Before(2, 4) && !slices.Contains(options, tunIPv6) {
		options = append(options, tunIPv6)
	}
	options = slices.DeleteFunc(options, func(o string) bool {
		name, _, _ := strings.Cut(o, " ")
		return slices.Contains(terms.Without, name)
	})
	if terms.Names != "" {
		options = withNames(options, terms.Names, book.Layout())
	}
	return ownPush(c.own, options, terms.Push, book.Ifconfig(c.holder))
}

// withNames has clients ask the server itself for names, in the place of other name
// servers, and look names of one word up in its domain.
func withNames(options []string, domain string, at *lease.Layout) []string {
	options = slices.DeleteFunc(options, func(o string) bool {
		return strings.HasPrefix(o, "dhcp-option DNS ") || strings.HasPrefix(o, "dhcp-option DNS6 ") || strings.HasPrefix(o, "dns server ")
	})
	v4, v6 := at.Server()
	if v4.IsValid() {
		options = append(options, "dhcp-option DNS "+v4.String())
	} else if v6.IsValid() {
		options = append(options, "dhcp-option DNS6 "+v6.String())
	}
	return append(options, "dhcp-option DOMAIN "+domain)
}

// ownPush applies push-reset, push-remove and push of a client's own file to what all
// clients are pushed. ifconfig can be removed only by its whole name.
func ownPush(own *config.PerClient, general, terms, ifconfig []string) []string {
	if own.PushReset {
		general = nil
	}
	for _, remove := range own.PushRemove {
		general = slices.DeleteFunc(slices.Clone(general), func(o string) bool { return strings.Contains(o, remove) })
		ifconfig = slices.DeleteFunc(slices.Clone(ifconfig), func(o string) bool { return strings.HasPrefix(o, remove+" ") })
	}
	return slices.Concat(general, own.Push, terms, ifconfig)
}
