package service

import (
	"net/netip"
	"os"
	"runtime/debug"

	"culvert/config"
	"culvert/nic/userstack"
	"culvert/process"
)

// forwardOptions says how clients of a server in user space go on from here.
func (l *life) forwardOptions(c *config.Config) *userstack.ForwardOptions {
	return &userstack.ForwardOptions{Logger: l.log.Logger, Access: access(c)}
}

// access is what clients may reach of this host's surroundings: what the server
// has them route through the tunnel is meant to be reached.
func access(c *config.Config) userstack.Access {
	a := userstack.Access{LAN: c.AllowLAN}
	told, _, err := config.ParsePushed(new(config.Config), c.Push)
	if err != nil {
		return a // the client that is told so says why
	}
	for _, r := range told.Routes {
		if r.Net.IsValid() && !wide(r.Net) {
			a.Networks = append(a.Networks, r.Net.Masked())
		}
	}
	a.DNS = append(a.DNS, told.DNS.Addrs...)
	for _, s := range told.DNS.Servers {
		for _, at := range s.Addrs {
			a.DNS = append(a.DNS, at.Addr())
		}
	}
	return a
}

// wide reports whether a network stands for the Internet, as the halves of a
// default route do, and names no LAN.
func wide(p netip.Prefix) bool { return p.Bits() < 8 }

// boundMemory has the collector stay below the memory that this process's
// control groups leave it, unless GOMEMLIMIT says otherwise.
func boundMemory() {
	limit := process.MemoryLimit()
	if limit > 0 && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit / 10 * 9)
	}
}

// streamMemory is what connections in user space may take: half of what the
// process may, by its control groups or GOMEMLIMIT; 0, the default, where
// nothing bounds it or the default is less.
func streamMemory() int64 {
	const plenty = 1 << 30 // twice the default of userstack
	if limit := debug.SetMemoryLimit(-1); limit < plenty {
		return limit / 2
	}
	return 0
}
