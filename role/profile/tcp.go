package profile

import (
	"strings"

	"culvert/session"
)

// OverTCP returns the settings for a session over TCP: datagrams need no cutting, and
// the options string names the protocol. listens reports whether this side is the
// listening end.
func OverTCP(s session.Config, listens bool) session.Config {
	s.Fragment = 0
	proto := "proto TCPv4_CLIENT"
	if listens {
		proto = "proto TCPv4_SERVER"
	}
	s.Options = strings.Replace(s.Options, "proto UDPv4", proto, 1)
	return s
}
