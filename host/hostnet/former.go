package hostnet

import (
	"errors"
	"net/netip"
	"slices"
)

// needsRules reports whether a State is about routing rules.
func (s *State) needsRules() bool {
	return s.ruled || s.Chosen != nil || slices.ContainsFunc(s.Addresses, func(a Address) bool { return a.Former })
}

// observeRules looks for the routing rules of this host.
func (h *host) observeRules(want State, seen *observed) (err error) {
	if !want.needsRules() || seen.limits.marks != nil {
		return nil
	}
	if seen.rules, err = h.kernel.rules(); errors.Is(err, errNoIPv6) {
		seen.noRules6, err = true, nil
	}
	return err
}

// planFormer leads what leaves from former addresses to the adapter.
func (p *planner) planFormer() {
	if p.is.limits.marks != nil {
		return
	}
	n := p.want.numbers
	for _, a := range p.want.Addresses {
		from := a.Prefix.Addr()
		if !a.Former || from.Is6() && p.is.noRules6 {
			continue
		}
		to := way{Dst: all4, Device: p.want.Device, Table: n.former()}
		if from.Is6() {
			to.Dst, to.Metric = all6, defaultMetric6
		}
		p.planRoute(to, false)
		if r := (rule{Priority: n.Priority + 4, From: netip.PrefixFrom(from, from.BitLen()), Table: n.former(), IPv6: from.Is6()}); !slices.Contains(p.is.rules, r) {
			p.add(&ruleChange{r})
		}
	}
}
