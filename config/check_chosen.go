package config

import "strings"

// checkChosen refuses what would leave a choice without effect, so that its packets went the
// other way.
func checkChosen(c check) {
	only, except := c.Routing.Only, c.Routing.Except
	name := "route-only"
	if only.Empty() {
		name = "route-except"
	}
	if only.Empty() && except.Empty() {
		return
	}
	if c.Routing.NoExec {
		c.problem("route-noexec", "it leaves all routes to programs, and so nothing can be chosen", "remove it, or "+name)
	}
	domains := strings.Join(append(append([]string(nil), only.Domains...), except.Domains...), ", ")
	if domains == "" {
		return
	}
	if c.Hooks.NoDNS || c.Hooks.DNSUpdown != nil {
		c.problem("dns-updown", "it takes this host's names out of this program's hands, which "+name+" "+domains+" needs to learn addresses from answers", "remove it, or choose networks")
	}
}
