package filter

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"culvert/nic/frame"
)

// protocols are what a word alone, or after `proto`, means in IP.
var protocols = map[string]int{"icmp": protoICMP, "tcp": protoTCP, "udp": protoUDP, "icmp6": protoICMP6, "sctp": protoSCTP,
	"igmp": 2, "gre": 47, "esp": 50, "ah": 51, "vrrp": 112}

// types are EtherTypes.
var types = map[string]uint16{"ip": frame.TypeIPv4, "ip6": frame.TypeIPv6, "arp": frame.TypeARP, "rarp": typeRARP}

// protocol is a word that is a condition alone.
func (p *parser) protocol(word string) (test, error) {
	if kind, ok := types[word]; ok {
		return p.etherType(kind)
	}
	if word == "ether" {
		return nil, p.unexpected("src, dst, host, proto, broadcast or multicast after ether")
	}
	return inIP(word, protocols[word]), nil
}

func (p *parser) etherType(kind uint16) (test, error) {
	if p.link == IP && kind != frame.TypeIPv4 && kind != frame.TypeIPv6 {
		return nil, errNever
	}
	return func(v *view) bool { return v.kind == kind }, nil
}

// inIP is a protocol's own condition: those of one version of IP are in that
// alone.
func inIP(word string, proto int) test {
	switch word {
	case "icmp":
		return func(v *view) bool { return v.proto == proto && v.kind == frame.TypeIPv4 }
	case "icmp6":
		return func(v *view) bool { return v.proto == proto && v.kind == frame.TypeIPv6 }
	}
	return func(v *view) bool { return v.proto == proto }
}

// condition is a name with its qualifiers.
func (p *parser) condition(q quals, name string) (test, error) {
	t, err := p.bare(q, name)
	if err != nil {
		return nil, err
	}
	if q.proto == "" || q.proto == "ether" || q.kind == "proto" {
		return t, nil
	}
	within, err := p.protocol(q.proto)
	if err != nil {
		return nil, err
	}
	return join(true, within, t), nil
}

func (p *parser) bare(q quals, name string) (test, error) {
	transport := q.proto == "tcp" || q.proto == "udp" || q.proto == "sctp"
	switch {
	case q.proto == "ether" && (q.kind == "" || q.kind == "host"):
		return p.station(q, name)
	case q.kind == "proto":
		return p.protoNumber(q.proto, name)
	case q.proto == "ether":
		return nil, fmt.Errorf("filter: ether %s has no meaning; expected ether host, ether src, ether dst or ether proto", q.kind)
	case q.kind == "port":
		return port(q.dir, name)
	case q.kind == "portrange":
		return portRange(q.dir, name)
	case transport || strings.HasPrefix(q.proto, "icmp"):
		return nil, fmt.Errorf("filter: %s has no hosts and networks, but ports: write `%s and host %s`, or `%s port N`", q.proto, q.proto, name, q.proto)
	case q.kind == "net":
		return network(q.dir, name)
	}
	addr, err := netip.ParseAddr(name)
	if err != nil || addr.Zone() != "" {
		return nil, fmt.Errorf("filter: %q is no IP address (names are not looked up) and no word of the filter's; see pcap-filter(7)", name)
	}
	return within(q.dir, netip.PrefixFrom(addr, addr.BitLen())), nil
}

// either is a condition on the two sides of a packet, as a direction wants.
func either(dir string, on func(v *view, source bool) bool) test {
	switch dir {
	case "src":
		return func(v *view) bool { return on(v, true) }
	case "dst":
		return func(v *view) bool { return on(v, false) }
	case "both":
		return func(v *view) bool { return on(v, true) && on(v, false) }
	}
	return func(v *view) bool { return on(v, true) || on(v, false) }
}

func within(dir string, p netip.Prefix) test {
	return either(dir, func(v *view, source bool) bool {
		addr, ok := netip.AddrFromSlice(v.address(source))
		return ok && p.Contains(addr)
	})
}

// network reads 10.8.0.0/24, fd00::/64, or the first bytes of an IPv4 network.
func network(dir, name string) (test, error) {
	full := name
	if dots := strings.Count(name, "."); !strings.ContainsAny(name, "/:") && dots <= 3 {
		full = name + strings.Repeat(".0", 3-dots) + "/" + strconv.Itoa(8*(dots+1))
	}
	p, err := netip.ParsePrefix(full)
	if err != nil {
		return nil, fmt.Errorf("filter: %q is no network; expected one such as 10.8.0.0/24, 10.8 or fd00:8::/64", name)
	}
	if p != p.Masked() {
		return nil, fmt.Errorf("filter: %s has bits set behind its length; did you mean %s?", name, p.Masked())
	}
	return within(dir, p), nil
}

func portNumber(name string) (int, error) {
	if n, err := strconv.ParseUint(name, 10, 16); err == nil {
		return int(n), nil
	}
	for _, network := range []string{"tcp", "udp"} {
		if n, err := net.LookupPort(network, name); err == nil && !strings.ContainsAny(name, "0123456789") {
			return n, nil
		}
	}
	return 0, fmt.Errorf("filter: %q is no port; expected a number up to 65535 or a name such as domain", name)
}

func port(dir, name string) (test, error) {
	n, err := portNumber(name)
	return either(dir, func(v *view, source bool) bool { return v.port(source) == n }), err
}

func portRange(dir, name string) (test, error) {
	low, high, found := strings.Cut(name, "-")
	if !found {
		high = low
	}
	from, err := portNumber(low)
	if err != nil {
		return nil, err
	}
	to, err := portNumber(high)
	if from > to {
		from, to = to, from
	}
	return either(dir, func(v *view, source bool) bool { n := v.port(source); return n >= from && n <= to }), err
}

// station is an Ethernet address.
func (p *parser) station(q quals, name string) (test, error) {
	if p.link == IP {
		return nil, errNever
	}
	mac, err := frame.ParseMAC(name)
	if err != nil {
		return nil, fmt.Errorf("filter: %w", err)
	}
	return either(q.dir, func(v *view, source bool) bool {
		at := 6
		if !source {
			at = 0
		}
		return len(v.link) >= frame.HeaderLen && bytes.Equal(v.link[at:at+6], mac[:])
	}), nil
}

// protoNumber is `proto`, of IP or, with ether, of Ethernet.
func (p *parser) protoNumber(of, name string) (test, error) {
	name = strings.TrimPrefix(name, `\`)
	n, err := strconv.ParseUint(name, 0, 16)
	if of == "ether" {
		kind, known := types[name]
		if !known {
			kind = uint16(n)
		}
		if err != nil && !known {
			return nil, fmt.Errorf("filter: %q is no EtherType; expected one such as ip, ip6, arp or 0x88cc", name)
		}
		return p.etherType(kind)
	}
	proto, known := protocols[name]
	if !known {
		proto = int(n)
	}
	if !known && (err != nil || n > 255) {
		return nil, fmt.Errorf("filter: %q is no protocol of IP; expected one such as tcp, udp, icmp or a number up to 255", name)
	}
	in := func(v *view) bool { return v.proto == proto }
	kind, ok := types[of]
	switch {
	case of == "":
		return in, nil
	case !ok || kind != frame.TypeIPv4 && kind != frame.TypeIPv6:
		return nil, fmt.Errorf("filter: %s has no protocols inside; expected `proto`, `ip proto`, `ip6 proto` or `ether proto`", of)
	}
	return func(v *view) bool { return v.kind == kind && in(v) }, nil
}
