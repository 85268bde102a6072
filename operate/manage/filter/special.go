package filter

import (
	"fmt"
	"strconv"

	"culvert/nic/frame"
)

// special reads the conditions that have a form of their own; nil if it is
// none.
func (p *parser) special() (test, error) {
	word := p.token
	switch word {
	case "less", "greater", "vlan":
		if err := p.next(); err != nil {
			return nil, err
		}
		if word == "vlan" {
			return p.vlan()
		}
		return p.length(word)
	case "broadcast", "multicast":
		return p.group("ether", word)
	case "ether", "ip", "ip6":
		before := p.lexer
		if err := p.next(); err != nil {
			return nil, err
		}
		if p.token == "broadcast" || p.token == "multicast" {
			return p.group(word, p.token)
		}
		p.lexer = before
	}
	return nil, nil
}

func (p *parser) length(word string) (test, error) {
	n, err := strconv.ParseUint(p.token, 0, 31)
	if err != nil {
		return nil, p.unexpected("a number of bytes after " + word)
	}
	if word == "less" {
		return func(v *view) bool { return len(v.whole()) <= int(n) }, p.next()
	}
	return func(v *view) bool { return len(v.whole()) >= int(n) }, p.next()
}

func (p *parser) vlan() (test, error) {
	if p.link == IP {
		return nil, errNever
	}
	n, err := strconv.ParseUint(p.token, 0, 16)
	if err != nil {
		return func(v *view) bool { return v.header.Tagged }, nil
	}
	if n > 4095 {
		return nil, fmt.Errorf("filter: VLAN %d: expected at most 4095", n)
	}
	return func(v *view) bool { return v.header.Tagged && v.header.VLAN == uint16(n) }, p.next()
}

// group is broadcast and multicast, of Ethernet or of IP. Without Ethernet,
// multicast alone is IP's.
func (p *parser) group(of, word string) (t test, err error) {
	kind, inIP := types[of]
	switch {
	case inIP && word == "broadcast":
		return nil, fmt.Errorf("filter: %s broadcast is not known here, since it depends on the network's mask; write `dst host` with the address", of)
	case inIP:
		t = func(v *view) bool { return v.kind == kind && v.multicast() }
	case p.link == IP && word == "broadcast":
		return nil, errNever
	case p.link == IP:
		t = (*view).multicast
	case word == "broadcast":
		t = func(v *view) bool { return v.header.Dst == frame.Broadcast }
	default:
		t = func(v *view) bool { return v.header.Dst.IsGroup() }
	}
	return t, p.next()
}

// multicast reports whether the destination is an IP multicast group.
func (v *view) multicast() bool {
	dst := v.address(false)
	return len(dst) == 4 && dst[0]>>4 == 0xe || len(dst) == 16 && dst[0] == 0xff
}
