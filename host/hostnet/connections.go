package hostnet

import "net/netip"

// Connection is one of this host's, of any program.
type Connection struct {
	Proto    string // "tcp" or "udp"
	From, To netip.AddrPort
}

func (c Connection) String() string { return c.Proto + " to " + c.To.String() }

// Connections returns the connections that are up from an address of this host. There are
// none on systems other than Linux.
func (Network) Connections(from netip.Addr) []Connection { return connectionsFrom(from) }
