package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"
)

// setRouteTable takes the number of a routing table (RTA_TABLE, rtnetlink(7)).
func setRouteTable(b *builder, d *call) error {
	n, err := strconv.ParseUint(d.args[0], 10, 32)
	if err != nil {
		return d.expected(d.args[0], "the number of a routing table, from 0 to 4294967295")
	}
	b.Routing.Table = uint32(n)
	return nil
}

func setRouteIPv6Gateway(b *builder, d *call) error {
	a, err := d.addr6(0)
	if err == nil {
		b.Routing.GatewayIPv6 = a
	}
	return err
}

// maxNAT limits the rules of `client-nat`: each packet is compared with all.
const maxNAT = 64

// setClientNAT takes addresses with bits beyond the netmask as their networks.
func setClientNAT(b *builder, d *call) error {
	rule := ClientNAT{Source: d.args[0] == "snat"}
	if !rule.Source && d.args[0] != "dnat" {
		return d.expected(d.args[0], "snat or dnat")
	}
	network, err := d.addr4(1)
	if err != nil {
		return err
	}
	bits, err := d.mask(2)
	if err != nil {
		return err
	}
	alias, err := d.addr4(3)
	if err != nil {
		return err
	}
	rule.Local, rule.Alias = netip.PrefixFrom(network, bits).Masked(), netip.PrefixFrom(alias, bits).Masked()
	if rule.Local.Addr() != network || rule.Alias.Addr() != alias {
		d.remark("read as " + rule.Local.String() + " and " + rule.Alias.String() + ", since there are bits set beyond the netmask")
	}
	if len(b.Routing.ClientNAT) == maxNAT {
		return d.fault("", fmt.Sprintf("more than %d rules", maxNAT), "use a wider netmask")
	}
	b.Routing.ClientNAT = append(b.Routing.ClientNAT, rule)
	return nil
}

// setSessionTimeout is for all clients of a server, or in its own file for one.
func setSessionTimeout(b *builder, d *call) error {
	n, err := d.int(0, 0, longest)
	if err != nil {
		return err
	}
	limit := time.Duration(n) * time.Second
	if b.perClient != nil {
		b.perClient.SessionTimeout = &limit
	} else {
		b.Timers.SessionTimeout = limit
	}
	return nil
}
