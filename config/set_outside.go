package config

import "net/netip"

// setBlockOutside adds the words of one `block-outside` to those of others.
func setBlockOutside(b *builder, d *call) error {
	var more BlockOutside
	for _, word := range d.args {
		if word == "persist" {
			more.Persist = true
			continue
		}
		p, err := prefixOrAddress(word)
		if err != nil {
			return d.expected(word, "persist, or a network or address that may be reached all the same, such as 192.168.1.0/24")
		}
		more.Open = append(more.Open, p)
	}
	if b.Routing.BlockOutside == nil {
		b.Routing.BlockOutside = new(BlockOutside)
	}
	o := *b.Routing.BlockOutside
	o.Persist = o.Persist || more.Persist
	o.Open = append(o.Open[:len(o.Open):len(o.Open)], more.Open...)
	b.Routing.BlockOutside = &o
	return nil
}

// prefixOrAddress reads a network, or an address as the network of one host.
func prefixOrAddress(word string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(word); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(word)
	return p.Masked(), err
}
