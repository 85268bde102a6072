package hostnet

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// The chains of a fence.
const (
	leaving = "output"
	passing = "forward"
)

func (linux) addFence(f Fence) error {
	return replaceTable(f.table(), map[*nftables.ChainHook]chainRules{
		nftables.ChainHookOutput:  {leaving, leavingRules(f)},
		nftables.ChainHookForward: {passing, passingRules(f)},
	})
}

func (linux) hasFence(f Fence) (bool, error) {
	return countsRules(f.table(), map[string]int{leaving: len(leavingRules(f)), passing: len(passingRules(f))})
}

// chainRules are a chain with its rules.
type chainRules struct {
	name  string
	rules [][]expr.Any
}

// replaceTable puts a table of filters in the place of one of its name, in one
// transaction.
func replaceTable(name string, chains map[*nftables.ChainHook]chainRules) error {
	c, err := nftables.New()
	if err != nil {
		return meaning(err)
	}
	t := ownTable(name)
	c.AddTable(t)
	c.DelTable(t)
	c.AddTable(t)
	for hook, chain := range chains {
		ch := c.AddChain(&nftables.Chain{Name: chain.name, Table: t, Type: nftables.ChainTypeFilter, Hooknum: hook, Priority: nftables.ChainPriorityFilter})
		for _, r := range chain.rules {
			c.AddRule(&nftables.Rule{Table: t, Chain: ch, Exprs: r})
		}
	}
	return meaningFilter(c.Flush())
}

// countsRules reports whether a table is there with so many rules in its chains.
func countsRules(table string, want map[string]int) (bool, error) {
	c, err := nftables.New()
	if err != nil {
		return false, meaning(err)
	}
	chains, err := c.ListChainsOfTableFamily(nftables.TableFamilyINet)
	if err != nil {
		return false, meaningFilter(err)
	}
	found := 0
	for _, ch := range chains {
		if ch.Table.Name != table {
			continue
		}
		rules, err := c.GetRules(ownTable(table), ch)
		if err != nil || len(rules) != want[ch.Name] {
			return false, meaningFilter(err)
		}
		found++
	}
	return found == len(want), nil
}

var (
	accept = []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}
	drop   = []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}}
)

// leavingRules decide about the packets of this host's own programs.
func leavingRules(f Fence) (rules [][]expr.Any) {
	allow := func(when ...[]expr.Any) { rules = append(rules, slices.Concat(append(when, accept)...)) }
	allow(metaIs(expr.MetaKeyOIFNAME, interfaceName("lo")))
	allow(metaIs(expr.MetaKeyOIFGROUP, native(fencedGroup)))
	allow(metaIs(expr.MetaKeyMARK, native(OwnMark)))
	if f.Mark != 0 && f.Mark != OwnMark {
		allow(metaIs(expr.MetaKeyMARK, native(f.Mark)))
	}
	allow(family(unix.NFPROTO_IPV4), ports(unix.IPPROTO_UDP, 68, 67))   // DHCP, RFC 2131
	allow(family(unix.NFPROTO_IPV6), ports(unix.IPPROTO_UDP, 546, 547)) // DHCPv6, RFC 8415
	for _, kind := range discovery {
		allow(family(unix.NFPROTO_IPV6), icmp6(kind))
	}
	for _, p := range f.Open {
		allow(towards(p))
	}
	return append(rules, refusal()...)
}

// discovery are the types of ICMPv6 by which a host finds routers and neighbours, and
// hears what is for them: RFC 4861, RFC 3810.
var discovery = []byte{133, 135, 136, 143}

// passingRules decide about the packets that this host forwards, such as those of
// containers: out through the tunnel, answers back, and to the open networks.
func passingRules(f Fence) (rules [][]expr.Any) {
	allow := func(when ...[]expr.Any) { rules = append(rules, slices.Concat(append(when, accept)...)) }
	allow(metaIs(expr.MetaKeyOIFGROUP, native(fencedGroup)))
	allow(metaIs(expr.MetaKeyIIFGROUP, native(fencedGroup)), answers())
	for _, p := range f.Open {
		allow(towards(p))
	}
	return append(rules, refusal()...)
}

// refusal answers what is left at once: TCP by a reset, the rest as prohibited. What
// cannot be answered is dropped.
func refusal() [][]expr.Any {
	return [][]expr.Any{
		slices.Concat(metaIs(expr.MetaKeyL4PROTO, []byte{unix.IPPROTO_TCP}), []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_TCP_RST}}),
		{&expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_ADMIN_PROHIBITED}},
		drop,
	}
}

// answers matches packets of connections that were there before them.
func answers() []expr.Any {
	const size = 4
	return []expr.Any{
		&expr.Ct{Register: 1, Key: expr.CtKeySTATE},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: size, Mask: native(expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED), Xor: make([]byte, size)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, size)},
	}
}

func native(n uint32) []byte { return binaryutil.NativeEndian.PutUint32(n) }

func family(nfproto byte) []expr.Any { return metaIs(expr.MetaKeyNFPROTO, []byte{nfproto}) }

// ports matches packets of UDP or TCP from one port to another; 0 is any.
func ports(proto byte, from, to uint16) []expr.Any {
	m := metaIs(expr.MetaKeyL4PROTO, []byte{proto})
	at := func(offset uint32, port uint16) {
		if port != 0 {
			m = append(m, &expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: 2},
				&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binary.BigEndian.AppendUint16(nil, port)})
		}
	}
	at(0, from)
	at(2, to)
	return m
}

// icmp6 matches a type of ICMPv6.
func icmp6(kind byte) []expr.Any {
	return append(metaIs(expr.MetaKeyL4PROTO, []byte{unix.IPPROTO_ICMPV6}),
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{kind}})
}

// towards matches packets to a network.
func towards(p netip.Prefix) []expr.Any { return within(p, false) }

// within matches packets to a network, or from it.
func within(p netip.Prefix, source bool) []expr.Any {
	proto, offset, size := byte(unix.NFPROTO_IPV4), uint32(16), uint32(4) // RFC 791: destination address
	if p.Addr().Is6() {
		proto, offset, size = unix.NFPROTO_IPV6, 24, 16 // RFC 8200
	}
	if source {
		offset -= size
	}
	return append(family(proto),
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: size},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: size, Mask: mask(p), Xor: make([]byte, size)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: p.Masked().Addr().AsSlice()})
}
