package profile

import (
	"strings"

	"culvert/session"
)

// OverTCP is the settings for a session over TCP: datagrams need no cutting,
// and the options string says what the protocol is. listens says which end this
// side is.
func OverTCP(s session.Config, listens bool) session.Config {
	s.Fragment = 0
	proto := "proto TCPv4_CLIENT"
	if listens {
		proto = "proto TCPv4_SERVER"
	}
	s.Options = strings.Replace(s.Options, "proto UDPv4", proto, 1)
	return s
}
