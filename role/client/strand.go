package client

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"culvert/host/hostnet"
	"culvert/role/event"
)

// mostNamed is how many connections a remark names.
const mostNamed = 8

// strand reports the connections of programs that a move left behind: those from an
// address that the adapter had, and has no more or only for them. They are not closed:
// each ends when its program, or the kernel, gives it up.
func strand(a *attempt, before, after []hostnet.Address) {
	for _, old := range before {
		from := old.Prefix.Addr()
		if !from.IsValid() || has(after, from) {
			continue
		}
		kept := slices.ContainsFunc(after, func(now hostnet.Address) bool { return now.Prefix.Addr() == from })
		if kept && old.Former {
			continue // as before
		}
		list := connections(a.uplink.network, from)
		a.emit(event.Remark{Text: stranded(from, inUserSpace(a.Client), kept, list)})
	}
}

func connections(n Network, from netip.Addr) []hostnet.Connection {
	if n == nil {
		return nil
	}
	return n.Connections(from)
}

func inUserSpace(c *Client) bool {
	open := c.adapter.Load()
	return open != nil && open.Stack != nil
}

// stranded is what becomes of connections from an address that is gone, or kept for them.
func stranded(old netip.Addr, user, kept bool, list []hostnet.Connection) string {
	text := fmt.Sprintf("this server gives another address than %v, which this host had in the tunnel before: ", old)
	switch {
	case user:
		return text + "connections that were open through the adapter in user space are closed; programs have to open them again"
	case len(list) == 0:
		return text + "no connection is open from there"
	}
	if kept {
		return text + fmt.Sprintf("%d connections from there go on by the server before, while it answers, and this client stays connected to it until they end: %s", len(list), listed(list))
	}
	return text + fmt.Sprintf("%d connections from there cannot go on, and time out unless their programs open them again: %s; servers with one pool, or one address for each client (ifconfig-push), keep them",
		len(list), listed(list))
}

// listed names some connections.
func listed(list []hostnet.Connection) string {
	var names []string
	for _, c := range list[:min(len(list), mostNamed)] {
		names = append(names, c.String())
	}
	if more := len(list) - mostNamed; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}

func texts(addrs []netip.Addr) string {
	var list []string
	for _, a := range addrs {
		list = append(list, a.String())
	}
	return strings.Join(list, " and ")
}
