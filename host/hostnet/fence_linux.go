package hostnet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// The chains of a fence. Only the last sees by which device a packet goes: what the rules of
// others send another way, by a mark or another destination, has the device of before in the
// first. But only the first two can answer.
const (
	leaving = "output"
	passing = "forward"
	going   = "postrouting"
)

func (linux) addFences(fs []Fence, gone []string) error {
	c, err := nftables.New()
	if err != nil {
		return meaning(err)
	}
	for _, f := range fs {
		addChains(c, replaceTable(c, f.Table()), fenceChains(f))
	}
	for _, name := range gone {
		if t := ownTable(name); !slices.ContainsFunc(fs, func(f Fence) bool { return f.Table() == name }) {
			c.AddTable(t)
			c.DelTable(t)
		}
	}
	return meaningFilter(c.Flush())
}

func fenceChains(f Fence) []chainRules {
	return []chainRules{
		filters(leaving, nftables.ChainHookOutput, leavingRules(f)),
		filters(passing, nftables.ChainHookForward, passingRules(f)),
		filters(going, nftables.ChainHookPostrouting, goingRules(f)),
	}
}

func (linux) hasFence(f Fence, exactly bool) (bool, error) {
	return hasRules(f.Table(), fenceChains(f), exactly)
}

func (linux) fenceTables() (names []string, err error) {
	c, err := nftables.New()
	if err != nil {
		return nil, meaning(err)
	}
	tables, err := c.ListTablesOfFamily(nftables.TableFamilyINet)
	for _, t := range tables {
		if strings.HasPrefix(t.Name, fencePrefix) {
			names = append(names, t.Name)
		}
	}
	return names, meaningFilter(err)
}

// The attribute of the present generation of the rule set
// (linux/netfilter/nf_tables.h), and its length.
const (
	genID     = 1 // NFTA_GEN_ID
	genIDSize = 4
)

func (linux) ruleGeneration() (uint32, error) {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return 0, fmt.Errorf("ask for the generation of packet filters: %w", err)
	}
	defer c.Close()
	answers, err := c.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETGEN, Flags: netlink.Request},
		Data:   make([]byte, genHeader),
	})
	if err != nil {
		return 0, fmt.Errorf("ask for the generation of packet filters: %w", err)
	}
	for _, m := range answers {
		if len(m.Data) < genHeader {
			continue
		}
		attributes, _ := netlink.UnmarshalAttributes(m.Data[genHeader:])
		for _, a := range attributes {
			if a.Type == genID && len(a.Data) == genIDSize {
				return binary.BigEndian.Uint32(a.Data), nil
			}
		}
	}
	return 0, errors.New("the kernel does not say the generation of packet filters")
}

var (
	accept = []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}
	drop   = []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}}
)

// leavingRules refuse packets of this host's own programs, but for those that may go
// another way than it seems. This program's own packets have their way when they get here.
func leavingRules(f Fence) [][]expr.Any {
	rules := allowedRules(f)
	for _, mark := range []uint32{NamesMark, ClientMark} {
		for _, r := range refusal() {
			rules = append(rules, slices.Concat(metaIs(expr.MetaKeyMARK, native(mark)), r))
		}
	}
	for _, elsewhere := range [][]expr.Any{marked(), translated()} {
		rules = append(rules, slices.Concat(elsewhere, accept))
	}
	return append(rules, refusal()...)
}

// goingRules decide about all packets by the device that they go by. Of those forwarded,
// what comes from a tunnel was looked at before.
func goingRules(f Fence) [][]expr.Any {
	back := slices.Concat(metaIs(expr.MetaKeyIIFGROUP, native(fencedGroup)), answers(), accept)
	return append(allowedRules(f), back, drop)
}

// allowedRules are what may leave.
func allowedRules(f Fence) (rules [][]expr.Any) {
	allow := func(when ...[]expr.Any) { rules = append(rules, slices.Concat(append(when, accept)...)) }
	allow(metaIs(expr.MetaKeyOIFNAME, interfaceName("lo")))
	allow(metaIs(expr.MetaKeyOIFGROUP, native(fencedGroup)))
	allow(metaIs(expr.MetaKeyMARK, native(OwnMark)))
	for _, mark := range f.allowed() {
		allow(metaIs(expr.MetaKeyMARK, native(mark)))
	}
	allow(family(unix.NFPROTO_IPV4), ports(unix.IPPROTO_UDP, 68, 67))   // DHCP, RFC 2131
	allow(family(unix.NFPROTO_IPV6), ports(unix.IPPROTO_UDP, 546, 547)) // DHCPv6, RFC 8415
	for _, kind := range discovery {
		allow(family(unix.NFPROTO_IPV6), icmp6(kind))
	}
	for _, p := range f.Open {
		allow(towards(p))
	}
	return rules
}

// discovery are the types of ICMPv6 by which a host finds routers and neighbours, and
// hears what is for them: RFC 4861, RFC 3810, and of older routers RFC 2710.
var discovery = []byte{131, 132, 133, 135, 136, 143}

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
	return connectionHas(expr.CtKeySTATE, expr.CtStateBitESTABLISHED|expr.CtStateBitRELATED)
}

// translated matches packets the destination of which was changed on this host.
func translated() []expr.Any {
	const toElsewhere = 1 << 5 // linux/netfilter/nf_conntrack_common.h, IPS_DST_NAT
	return connectionHas(expr.CtKeySTATUS, toElsewhere)
}

// connectionHas matches packets with one of some bits in a property of their connection.
func connectionHas(key expr.CtKey, bits uint32) []expr.Any {
	const size = 4
	return []expr.Any{
		&expr.Ct{Register: 1, Key: key},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: size, Mask: native(bits), Xor: make([]byte, size)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, size)},
	}
}

// marked matches packets with any mark.
func marked() []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyMARK, Register: 1}, &expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: native(0)}}
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
