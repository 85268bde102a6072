// Package nameserver answers for the names of a server's clients, inside the tunnel:
// phone.alice.vpn for a user's device, alice.vpn for all of alice's that are connected,
// NAME.vpn for any other client, and the addresses back to names. What is asked besides
// goes on to the name servers that clients would have asked without it.
package nameserver

import (
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// Zone has the names of the clients that are connected. Make it with NewZone. It is safe
// for concurrent use.
type Zone struct {
	domain   string // canonical, such as vpn.
	networks []netip.Prefix

	mu      sync.RWMutex
	clients map[uint64]entry
	forward map[string][]holder   // the clients that have a name, who came last first
	above   map[string]int        // names that have others below them: how many
	reverse map[netip.Addr]uint64 // the client that took an address last
	serial  uint32
}

// entry is a client.
type entry struct {
	names     []label // the most exact first
	addresses []netip.Addr
}

// label is a name that a client has.
type label struct {
	name string
	rank rank
}

// holder is a client that has a name.
type holder struct {
	number uint64
	rank   rank
}

// rank is how good a claim to a name is; less is better. Where several clients have a name,
// those of the best claim are answered: a user called phone.alice is not taken for alice's
// phone.
type rank int

const (
	ownName   rank = 2 * iota // the client's own
	userName                  // its user's
	rewritten rank = 1        // besides: it is not written as it is in DNS
)

// NewZone returns the zone of a domain, such as vpn or vpn.example.org, whose addresses
// are of some networks. own are the server's addresses there, which its name has.
func NewZone(domain string, networks []netip.Prefix, own ...netip.Addr) *Zone {
	z := &Zone{domain: dns.CanonicalName(domain), networks: networks, clients: make(map[uint64]entry), forward: make(map[string][]holder), above: make(map[string]int), reverse: make(map[netip.Addr]uint64)}
	z.set(0, entry{[]label{{serverLabel + "." + z.domain, ownName}}, valid(own)})
	return z
}

// serverLabel is the server's own name in its zone.
const serverLabel = "server"

// Domain returns the zone's domain, without the last dot.
func (z *Zone) Domain() string { return strings.TrimSuffix(z.domain, ".") }

// Enter has a client's names answered. number is the client's on its server, from 1; name
// is its own (DEVICE.USER of a device), user its user's, "" for none.
func (z *Zone) Enter(number uint64, name, user string, addresses ...netip.Addr) {
	var names []label
	for i, n := range []string{name, user} {
		claim, full := rank(2*i), Labels(n)+"."+z.domain
		if Labels(n) != n {
			claim += rewritten
		}
		if Labels(n) != "" && Labels(n) != serverLabel && !slices.ContainsFunc(names, func(l label) bool { return l.name == full }) {
			names = append(names, label{full, claim})
		}
	}
	z.set(number, entry{names, valid(addresses)})
}

// Leave takes a client's names away.
func (z *Zone) Leave(number uint64) { z.set(number, entry{}) }

// set replaces what a client has.
func (z *Zone) set(number uint64, e entry) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.serial++
	before := z.clients[number]
	delete(z.clients, number)
	for _, l := range before.names {
		rest := slices.DeleteFunc(z.forward[l.name], func(h holder) bool { return h.number == number })
		if z.forward[l.name] = rest; len(rest) == 0 {
			delete(z.forward, l.name)
			z.countAbove(l.name, -1)
		}
	}
	for _, a := range before.addresses {
		if z.reverse[a] == number {
			delete(z.reverse, a)
		}
	}
	if len(e.names) == 0 || len(e.addresses) == 0 {
		return
	}
	z.clients[number] = e
	for _, l := range e.names {
		if len(z.forward[l.name]) == 0 {
			z.countAbove(l.name, 1)
		}
		// Who came last is first: that is where a device is that came again elsewhere.
		z.forward[l.name] = slices.Insert(z.forward[l.name], 0, holder{number, l.rank})
	}
	for _, a := range e.addresses {
		z.reverse[a] = number
	}
}

// countAbove counts a name that comes or goes at those above it, within the zone.
func (z *Zone) countAbove(name string, by int) {
	for name != z.domain {
		_, name, _ = strings.Cut(name, ".")
		if z.above[name] += by; z.above[name] == 0 {
			delete(z.above, name)
		}
	}
}

// addresses returns those of a canonical name, and whether the name is there: it is also
// if only names below it are.
func (z *Zone) addresses(name string) (list []netip.Addr, there bool) {
	z.mu.RLock()
	defer z.mu.RUnlock()
	best := userName + rewritten
	for _, h := range z.forward[name] {
		best = min(best, h.rank)
	}
	for _, h := range z.forward[name] {
		for _, a := range z.clients[h.number].addresses {
			if h.rank == best && z.reverse[a] == h.number && !slices.Contains(list, a) {
				list = append(list, a)
			}
		}
	}
	return list, len(list) > 0 || name == z.domain || z.above[name] > 0
}

// name returns that of an address; "" for none.
func (z *Zone) name(a netip.Addr) string {
	z.mu.RLock()
	defer z.mu.RUnlock()
	number, taken := z.reverse[a]
	if !taken {
		return ""
	}
	return z.clients[number].names[0].name
}

// counts returns how often the zone changed.
func (z *Zone) counts() uint32 {
	z.mu.RLock()
	defer z.mu.RUnlock()
	return z.serial
}

// within reports whether a canonical name is one of the zone's.
func (z *Zone) within(name string) bool { return dns.IsSubDomain(z.domain, name) }

// inside reports whether an address is of the zone's networks.
func (z *Zone) inside(a netip.Addr) bool {
	return slices.ContainsFunc(z.networks, func(p netip.Prefix) bool { return p.Contains(a) })
}

// Labels writes the name of a client or user as DNS labels: in small letters, each label
// of letters, digits and -, at most 63 of them, and others as -. "" if nothing is left.
func Labels(name string) string {
	var labels []string
	for label := range strings.SplitSeq(strings.ToLower(name), ".") {
		label = strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
				return r
			}
			return '-'
		}, label)
		if len(label) > 63 {
			label = label[:63]
		}
		if label = strings.Trim(label, "-"); label != "" {
			labels = append(labels, label)
		}
	}
	return strings.Join(labels, ".")
}

func valid(all []netip.Addr) (list []netip.Addr) {
	for _, a := range all {
		if a.IsValid() {
			list = append(list, a.Unmap())
		}
	}
	return list
}
