package hostnet

import (
	"errors"
	"net"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

func ownTable(name string) *nftables.Table {
	return &nftables.Table{Name: name, Family: nftables.TableFamilyINet}
}

// The chains of a table of this package.
const (
	postrouting = "postrouting"
	forwarding  = "forward"
)

// chains are those that a table is to have.
func (t ruleTable) chains() (list []chainRules) {
	if t.Apart {
		list = append(list, filters(forwarding, nftables.ChainHookForward, apartRules(t.Device)))
	}
	var masquerade [][]expr.Any
	for _, p := range t.Masquerade {
		masquerade = append(masquerade, masqueradeRule(t.Device, p))
	}
	if len(masquerade) > 0 {
		list = append(list, chainRules{postrouting, nftables.ChainTypeNAT, nftables.ChainHookPostrouting, nftables.ChainPriorityNATSource, masquerade, nil})
	}
	return list
}

func (linux) hasTable(want ruleTable) (bool, error) { return hasPut(want.Table, want.chains()) }

// meaningFilter also knows the errors of a kernel without nftables.
func meaningFilter(err error) error {
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.EINVAL) {
		return errNoTables
	}
	return meaning(err)
}

func (linux) addTable(add ruleTable) error { return putTable(add.Table, add.chains()) }

// apartRules are: iifname device oifname device drop; and the same where one of
// the two is in the group of adapters like it.
func apartRules(device string) [][]expr.Any {
	name := func(key expr.MetaKey) []expr.Any { return metaIs(key, interfaceName(device)) }
	group := func(key expr.MetaKey) []expr.Any { return metaIs(key, native(routedGroup)) }
	return [][]expr.Any{
		slices.Concat(name(expr.MetaKeyIIFNAME), name(expr.MetaKeyOIFNAME), drop),
		slices.Concat(name(expr.MetaKeyIIFNAME), group(expr.MetaKeyOIFGROUP), drop),
		slices.Concat(group(expr.MetaKeyIIFGROUP), name(expr.MetaKeyOIFNAME), drop),
	}
}

func metaIs(key expr.MetaKey, data []byte) []expr.Any {
	return []expr.Any{&expr.Meta{Key: key, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: data}}
}

// masqueradeRule is: oifname != device ip saddr net masquerade.
func masqueradeRule(device string, net netip.Prefix) []expr.Any {
	elsewhere := []expr.Any{&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1}, &expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: interfaceName(device)}}
	return slices.Concat(elsewhere, within(net, true), []expr.Any{&expr.Masq{}})
}

func mask(p netip.Prefix) []byte { return net.CIDRMask(p.Bits(), p.Addr().BitLen()) }

// interfaceName is a device's name as packet filters compare it.
func interfaceName(device string) []byte {
	return append([]byte(device), make([]byte, max(0, unix.IFNAMSIZ-len(device)))...)
}

func (linux) delTable(name string) error {
	c, err := nftables.New()
	if err != nil {
		return meaning(err)
	}
	c.DelTable(ownTable(name))
	return meaning(c.Flush())
}

func familyName(f nftables.TableFamily) string {
	switch f {
	case nftables.TableFamilyIPv4:
		return "ip"
	case nftables.TableFamilyIPv6:
		return "ip6"
	}
	return "inet"
}
