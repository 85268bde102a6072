package hostnet

import (
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// wayTo asks the kernel. Where its answer is a route to leave out, the policy
// rules are followed here, as the kernel would without it.
func (linux) wayTo(dst netip.Addr, but func(way) bool) (way, error) {
	names, err := deviceNames()
	if err != nil {
		return way{}, err
	}
	family := netlink.FAMILY_V4
	if dst.Is6() {
		family = netlink.FAMILY_V6
	}
	list, err := netlink.RouteGetWithOptions(dst.AsSlice(), &netlink.RouteGetOptions{FIBMatch: true})
	if err == nil && len(list) > 0 {
		if w := wayOf(list[0], family, names); !but(w) {
			return w, nil
		}
	}
	return followRules(dst, family, names, but)
}

// followRules looks dst up in the tables that the rules name, in their order
// (ip-rule(8)).
func followRules(dst netip.Addr, family int, names map[int]string, but func(way) bool) (way, error) {
	rules, err := dump(func() ([]netlink.Rule, error) { return netlink.RuleList(family) })
	if err != nil {
		return way{}, err
	}
	for _, r := range rules {
		if !concerns(r, dst) {
			continue
		}
		table, err := tableOf(family, r.Table, names)
		if err != nil {
			return way{}, err
		}
		if w, ok := longestMatch(table, dst, but); ok && w.Dst.Bits() > r.SuppressPrefixlen {
			return w, nil
		}
	}
	return way{}, errNoRoute
}

// concerns reports whether a rule applies to packets that this host itself
// sends to dst, without a mark and not from any address in particular.
func concerns(r netlink.Rule, dst netip.Addr) bool {
	if r.Goto > 0 || r.Tos != 0 || r.OifName != "" || r.IPProto != 0 || r.Sport != nil || r.Dport != nil || r.UIDRange != nil {
		return false
	}
	matches := prefixOf(r.Src).Bits() <= 0 && (r.IifName == "" || r.IifName == "lo") && r.Mark == 0
	if to := prefixOf(r.Dst); to.IsValid() && !to.Contains(dst) {
		matches = false
	}
	return matches != r.Invert && r.Table != unix.RT_TABLE_LOCAL && r.Table != unix.RT_TABLE_UNSPEC
}

func currentWay(dst netip.Addr) (Way, bool) {
	list, err := netlink.RouteGet(dst.WithZone("").AsSlice())
	if err != nil || len(list) == 0 {
		return Way{}, false
	}
	r := list[0]
	device, err := netlink.LinkByIndex(r.LinkIndex)
	if err != nil {
		return Way{}, false
	}
	return Way{Device: device.Attrs().Name, Via: addrOf(r.Gw), Source: addrOf(r.Src)}, true
}

// defaultWay is the default route of the main table with the lowest metric.
func defaultWay(six bool) (Way, bool) {
	family := netlink.FAMILY_V4
	if six {
		family = netlink.FAMILY_V6
	}
	list, err := dump(func() ([]netlink.Route, error) { return netlink.RouteList(nil, family) })
	if err != nil {
		return Way{}, false
	}
	var best *netlink.Route
	for i, r := range list {
		isDefault := r.Dst == nil || prefixOf(r.Dst).Bits() == 0
		if isDefault && r.LinkIndex > 0 && (best == nil || r.Priority < best.Priority) {
			best = &list[i]
		}
	}
	if best == nil {
		return Way{}, false
	}
	device, err := netlink.LinkByIndex(best.LinkIndex)
	if err != nil {
		return Way{}, false
	}
	return Way{Device: device.Attrs().Name, Via: addrOf(best.Gw), Source: addrOf(best.Src)}, true
}
