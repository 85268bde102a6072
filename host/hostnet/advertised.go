package hostnet

import "path"

// Settings of an interface (Linux, ip-sysctl): the longest prefix of a route
// that it takes from an advertisement, and whether it reads any: 1 unless it
// forwards, 2 always, 0 where another program does.
const (
	routeInfo = "accept_ra_rt_info_max_plen"
	acceptRA  = "accept_ra"
)

// serves says what a setting is changed for.
func (c *settingChange) serves() string {
	if path.Base(c.Name) == routeInfo {
		return "routes by router advertisement"
	}
	return "forwarding"
}

func (h *host) observeAdvertised(want State, seen *observed) {
	if !want.Advertised {
		return
	}
	for _, leaf := range []string{routeInfo, acceptRA, "forwarding"} {
		name := path.Join(conf6, want.Device, leaf)
		if v, err := h.kernel.setting(name); err == nil {
			seen.settings[name] = v
		}
	}
}

// planAdvertised makes the device take advertised routes of any length. Kernels without
// IPv6, or without such routes, have no such setting.
func (p *planner) planAdvertised() {
	if !p.want.Advertised {
		return
	}
	setting := func(leaf string) string { return path.Join(conf6, p.want.Device, leaf) }
	if was, ok := p.is.settings[setting(routeInfo)]; ok && was != "128" {
		p.add(&settingChange{Name: setting(routeInfo), Set: "128", Was: was})
	}
	if p.is.settings[setting(acceptRA)] == "1" && p.is.settings[setting("forwarding")] == "1" {
		p.add(&settingChange{Name: setting(acceptRA), Set: "2", Was: "1"})
	}
}
