package radius

import (
	"net"
	"sync"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"culvert/access/auth"
)

// classes are what servers gave with logins, to be told with the accounts of the sessions that
// follow (RFC 2865, 5.25). The zero value is ready.
type classes struct {
	mu sync.Mutex
	of map[whose][][]byte
}

// whose is the login that a session follows: a user, and where it came from, with the port.
type whose struct{ user, from string }

// mostClasses bounds of how many logins classes wait for their sessions.
const mostClasses = 10000

func (c *classes) note(l auth.Login, answer *radius.Packet) {
	given, err := rfc2865.Class_Gets(answer)
	if err != nil || len(given) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = make(map[whose][][]byte)
	}
	for w := range c.of {
		if len(c.of) < mostClasses {
			break
		}
		delete(c.of, w)
	}
	ip := l.Request.Env.Get("untrusted_ip")
	if ip == "" {
		ip = l.Request.Env.Get("untrusted_ip6")
	}
	c.of[whose{l.Username, net.JoinHostPort(ip, l.Request.Env.Get("untrusted_port"))}] = given
}

// Class returns what a server gave with the last login of a user from an address with a port, and
// forgets it.
func (s *Source) Class(user, from string) [][]byte {
	s.given.mu.Lock()
	defer s.given.mu.Unlock()
	w := whose{user, from}
	defer delete(s.given.of, w)
	return s.given.of[w]
}
