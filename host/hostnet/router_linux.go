package hostnet

import (
	"math/bits"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

func (linux) unmasked(networks []netip.Prefix) (plain []netip.Prefix, err error) {
	c, err := nftables.New()
	if err != nil {
		return nil, meaning(err)
	}
	chains, err := c.ListChains()
	if err != nil {
		return nil, meaningFilter(err)
	}
	plain = slices.Clone(networks)
	for _, ch := range chains {
		if !slices.ContainsFunc(chains, func(base *nftables.Chain) bool { return translatesLast(base) && sameTable(base.Table, ch.Table) }) {
			continue
		}
		rules, err := c.GetRules(ch.Table, ch)
		if err != nil {
			return nil, meaning(err)
		}
		for _, r := range rules {
			plain = slices.DeleteFunc(plain, func(p netip.Prefix) bool {
				return ofFamily(ch.Table.Family, p) && translates(r.Exprs) && mayMatchSource(r.Exprs, p)
			})
		}
	}
	return plain, nil
}

// translatesLast reports whether a chain may give packets another source: only tables that have
// such a one do, and others may be large.
func translatesLast(ch *nftables.Chain) bool {
	return ch.Type == nftables.ChainTypeNAT && ch.Hooknum != nil && *ch.Hooknum == *nftables.ChainHookPostrouting
}

func sameTable(a, b *nftables.Table) bool { return a.Name == b.Name && a.Family == b.Family }

func ofFamily(f nftables.TableFamily, p netip.Prefix) bool {
	switch f {
	case nftables.TableFamilyIPv4:
		return p.Addr().Is4()
	case nftables.TableFamilyIPv6:
		return p.Addr().Is6()
	}
	return f == nftables.TableFamilyINet
}

// translates reports whether a rule gives packets another source, by nftables' words
// or by iptables' targets.
func translates(exprs []expr.Any) bool {
	for _, e := range exprs {
		switch e := e.(type) {
		case *expr.Masq:
			return true
		case *expr.NAT:
			return e.Type == expr.NATTypeSourceNAT
		case *expr.Target:
			return e.Name == "MASQUERADE" || e.Name == "SNAT"
		}
	}
	return false
}

// mayMatchSource reports whether a rule may be for all of a network: unless it compares
// the source with another one. What else it asks for is the administrator's business.
func mayMatchSource(exprs []expr.Any, p netip.Prefix) bool {
	var from *expr.Payload
	var mask []byte
	for _, e := range exprs {
		switch e := e.(type) {
		case *expr.Payload:
			from, mask = nil, nil
			if e.Base == expr.PayloadBaseNetworkHeader && e.Offset == sourceOffset(p) {
				from = e
			}
		case *expr.Bitwise:
			mask = e.Mask
		case *expr.Cmp:
			if from == nil {
				continue
			}
			if covers(e.Data, mask, p) != (e.Op == expr.CmpOpEq) {
				return false
			}
			from = nil
		}
	}
	return true
}

// sourceOffset is where the source address is in an IP header (RFC 791, RFC 8200).
func sourceOffset(p netip.Prefix) uint32 {
	if p.Addr().Is4() {
		return 12
	}
	return 8
}

// covers reports whether the address that a rule compares with, or its beginning, is
// that of a network around p. mask is nil where all of its bits count.
func covers(data, mask []byte, p netip.Prefix) bool {
	length := 8 * len(data)
	if mask != nil {
		length = 0
		for _, b := range mask {
			length += bits.OnesCount8(b)
		}
	}
	whole := make([]byte, p.Addr().BitLen()/8)
	if copy(whole, data) < len(data) || length > p.Bits() {
		return false
	}
	a, _ := netip.AddrFromSlice(whole)
	outer, err := a.Prefix(length)
	return err == nil && outer.Contains(p.Addr())
}
