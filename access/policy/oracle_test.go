package policy

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
)

// oracle reads the rules from the first to the last.
func oracle(f *File, from, to *Who, src, dst netip.Addr, proto protocol, port uint16) bool {
	is := func(list []Party, who *Who, a netip.Addr) bool {
		for _, p := range list {
			switch p.Kind {
			case Network:
				if p.Net.Contains(a) {
					return true
				}
			case Server:
				for _, own := range testPlace.Server {
					if own == a {
						return true
					}
				}
			case Anything:
				return true
			case Exit:
				if isExit(a) {
					return true
				}
			default:
				if who != nil && who.is([]Party{p}) {
					return true
				}
			}
		}
		return false
	}
	clients := func(list []Party, who *Who) bool {
		for _, p := range list {
			if who != nil && (p.Kind == Anything || p.isClients() && who.is([]Party{p})) {
				return true
			}
		}
		return false
	}
	for _, r := range f.rules {
		// One of the two sides is a client's, by a word for clients.
		if !is(r.from, from, src) || !is(r.to, to, dst) || !clients(r.from, from) && !clients(r.to, to) {
			continue
		}
		for _, p := range r.ports {
			if p.proto == proto && p.From <= port && port <= p.To {
				return r.allow
			}
		}
	}
	return f.allow
}

func isExit(a netip.Addr) bool {
	for _, n := range append(private, testPlace.Inside...) {
		if n.Contains(a) {
			return false
		}
	}
	for _, own := range testPlace.Server {
		if own == a {
			return false
		}
	}
	return true
}

// TestOracle compares the tables with the rules read one after the other.
func TestOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	clients := []string{"everyone", "user alice", "user bob", "group staff", "group guests", "device laptop.carol", "client laptop.bob"}
	others := []string{"10.1.0.0/16", "10.1.2.0/24", "10.1.2.3", "10.0.0.0/8", "server", "exit", "anything", "1.1.1.0/24", "fd00:1::/64", "0.0.0.0/0", "10.8.0.0/24", "203.0.113.0/25"}
	ports := []string{"", "tcp", "tcp/443", "tcp/1-1000 udp/53", "icmp", "proto/47", "udp/1000-2000 tcp/0", "tcp/65535"}
	hosts := []string{"10.1.2.3", "10.1.2.4", "10.1.9.9", "10.9.9.9", "10.8.0.1", "198.51.100.1", "1.1.1.1", "8.8.8.8", "fd00:1::5", "2001:db8::1", "203.0.113.5", "192.168.1.1", "10.8.0.3"}
	for range 300 {
		var text strings.Builder
		fmt.Fprintf(&text, "default %s\n", pick("allow", "deny"))
		for range 1 + r.IntN(12) {
			from, to := pick(append(clients, "anything")...), pick(append(others, clients...)...)
			if r.IntN(4) == 0 {
				from, to = to, from
			}
			fmt.Fprintf(&text, "%s %s %s %s %s\n", pick("allow", "deny"), from, pick("to", "to", "with"), to, pick(ports...))
		}
		f := parsed(t, text.String())
		p := Compile(f, testPlace)
		names := []string{"alice", "bob", "carol", ""}
		for range 200 {
			a, b := names[r.IntN(4)], names[r.IntN(4)]
			if a == "" && b == "" || a == b {
				continue
			}
			side := func(name string) (*Who, *class, netip.Addr) {
				if name == "" {
					return nil, nil, netip.MustParseAddr(pick(hosts...))
				}
				who := whoOf(name)
				return &who, p.classOf(who), where(name)
			}
			from, fromClass, src := side(a)
			to, toClass, dst := side(b)
			proto, port := protocol(r.IntN(int(protocols))), []uint16{0, 22, 47, 53, 443, 1000, 1001, 65535}[r.IntN(8)]
			if proto == icmp {
				port = 0
			}
			got, _ := p.verdict(opens(fromClass, toClass, src, dst, proto, port))
			if want := oracle(f, from, to, src, dst, proto, port); got != want {
				t.Fatalf("%s\n%s (%v) to %s (%v), protocol %d, port %d: %v", text.String(), a, src, b, dst, proto, port, got)
			}
		}
	}
}
