package bringup

import (
	"context"
	"errors"
	"net/netip"
	"runtime/debug"

	"culvert/host/hostnet"
	"culvert/nic/userstack"
)

// errNoAddress refuses a stack without an address: no other program can give it
// one.
var errNoAddress = errors.New("the tunnel has no address, and in user space nothing else can set one: " +
	"remove ifconfig-noexec where it is given, have the server push ifconfig, or write ifconfig in this configuration")

// UserSpace opens a TCP/IP stack in this process. With forward, a server's
// stack carries what it receives on to the outside; without, it takes what is
// for its own addresses.
func UserSpace(forward *userstack.ForwardOptions) Opener {
	return func(_ context.Context, want State) (*Adapter, error) {
		if want.Ethernet != nil {
			return nil, errNoEthernet
		}
		if len(want.Addresses) == 0 {
			return nil, errNoAddress
		}
		stack, err := userstack.New(userstack.Options{
			Name: want.Device, MTU: want.MTU,
			Addresses: prefixes(want.Addresses), DNS: servers(want.DNS), Memory: streamMemory(),
		})
		if err != nil {
			return nil, err
		}
		if forward != nil {
			if _, err := userstack.Forward(stack, *forward); err != nil {
				stack.Close()
				return nil, err
			}
		}
		return &Adapter{NIC: stack, Stack: stack, present: present{state: want}}, nil
	}
}

func prefixes(addresses []hostnet.Address) (p []netip.Prefix) {
	for _, a := range addresses {
		p = append(p, a.Prefix)
	}
	return p
}

// servers are the resolvers with the port that hostnet leaves out.
func servers(dns *hostnet.DNS) (s []netip.AddrPort) {
	if dns == nil {
		return nil
	}
	for _, server := range dns.Servers {
		if server.Port() == 0 {
			server = netip.AddrPortFrom(server.Addr(), 53)
		}
		s = append(s, server)
	}
	return s
}

// streamMemory is how many bytes connections in user space may take: half of
// the process's memory limit (debug.SetMemoryLimit); 0, userstack's default,
// where nothing limits it or the default is less.
func streamMemory() int64 {
	const plenty = 1 << 30 // twice the default of userstack
	if limit := debug.SetMemoryLimit(-1); limit < plenty {
		return limit / 2
	}
	return 0
}
