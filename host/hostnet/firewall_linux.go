package hostnet

import (
	"errors"
	"maps"
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

// rules returns the rules of each chain of a table; a chain without rules is left out.
func (t ruleTable) rules() map[string][][]expr.Any {
	rules := map[string][][]expr.Any{}
	for _, p := range t.Masquerade {
		rules[postrouting] = append(rules[postrouting], masqueradeRule(t.Device, p))
	}
	if t.Apart {
		rules[forwarding] = apartRules(t.Device)
	}
	return rules
}

func (linux) hasTable(want ruleTable) (bool, error) {
	c, err := nftables.New()
	if err != nil {
		return false, meaning(err)
	}
	missing := want.rules()
	chains, err := c.ListChainsOfTableFamily(nftables.TableFamilyINet)
	for _, ch := range chains {
		if ch.Table.Name != want.Table {
			continue
		}
		list, err := c.GetRules(ownTable(want.Table), ch)
		if err != nil || len(list) != len(missing[ch.Name]) {
			return false, meaningFilter(err)
		}
		delete(missing, ch.Name)
	}
	return len(missing) == 0, meaningFilter(err)
}

// meaningFilter also knows the errors of a kernel without nftables.
func meaningFilter(err error) error {
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.EINVAL) {
		return errGone
	}
	return meaning(err)
}

// addTable sends everything as one transaction, so that the table is there
// whole or not at all. Adding before deleting makes the deletion succeed.
func (linux) addTable(add ruleTable) error {
	c, err := nftables.New()
	if err != nil {
		return meaning(err)
	}
	t := ownTable(add.Table)
	c.AddTable(t)
	c.DelTable(t)
	c.AddTable(t)
	rules := add.rules()
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		ch := c.AddChain(baseChain(t, name))
		for _, r := range rules[name] {
			c.AddRule(&nftables.Rule{Table: t, Chain: ch, Exprs: r})
		}
	}
	return meaning(c.Flush())
}

func baseChain(t *nftables.Table, name string) *nftables.Chain {
	if name == forwarding {
		return &nftables.Chain{Name: name, Table: t, Type: nftables.ChainTypeFilter,
			Hooknum: nftables.ChainHookForward, Priority: nftables.ChainPriorityFilter}
	}
	return &nftables.Chain{Name: name, Table: t, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityNATSource}
}

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
