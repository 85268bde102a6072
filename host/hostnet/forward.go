package hostnet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"path"
	"slices"
	"strings"
)

// Paths of settings, below /proc/sys.
const (
	forward4 = "net/ipv4/ip_forward"
	forward6 = "net/ipv6/conf/all/forwarding"
	conf4    = "net/ipv4/conf"
	conf6    = "net/ipv6/conf"
	redirect = "net/ipv4/conf/all/accept_redirects" // the kernel flips it with ip_forward
)

func (p *planner) planForward() {
	f := p.want.Forward
	if f == nil {
		return
	}
	if why := p.is.limits.forward; why != nil {
		p.fail(Failure{What: "forwarding", Err: why})
		return
	}
	p.planProperty(propGroup, routedGroup)
	if t := ruleTableOf(p.want.Device, f); !t.empty() {
		p.add(&tableChange{t}) // first, so that nothing is forwarded that must be kept apart
	}
	if f.IPv4 {
		p.planForwarding(forward4, conf4)
	}
	if f.IPv6 {
		p.keepAdvertisements()
		p.planForwarding(forward6, conf6)
	}
	for _, c := range p.is.drops {
		if c.Family == "ip" && !f.IPv4 || c.Family == "ip6" && !f.IPv6 {
			continue
		}
		p.fail(Failure{What: "forwarding", Err: c.mend(p.want.Device)})
	}
}

// routedGroup is the group of all adapters, of any process, for which this package made
// the host a router. The number is OpenVPN's port.
const routedGroup = 1194

// ruleTable is this package's own packet filter table for a device.
type ruleTable struct {
	Table, Device string
	Masquerade    []netip.Prefix
	Apart         bool `json:",omitempty"`
}

func ruleTableOf(device string, f *Forward) ruleTable {
	return ruleTable{Table: "culvert-" + device, Device: device, Masquerade: f.Masquerade, Apart: f.Apart}
}

func (t ruleTable) empty() bool { return len(t.Masquerade) == 0 && !t.Apart }

// String says what the table does.
func (t ruleTable) String() string {
	var does []string
	if len(t.Masquerade) > 0 {
		does = append(does, "masquerade "+join(t.Masquerade))
	}
	if t.Apart {
		does = append(does, "drop packets from client to client")
	}
	return t.Table + ": " + strings.Join(does, ", ")
}

// planForwarding switches a family's forwarding on. The kernel copies the
// switch to every interface, so what those had is kept for the undo.
func (p *planner) planForwarding(name, dir string) {
	was, known := p.is.settings[name]
	if known && was == "1" {
		return
	}
	also := map[string]string{}
	for n, v := range p.is.settings {
		if n != name && n == path.Join(dir, path.Base(path.Dir(n)), "forwarding") && v == "1" {
			also[n] = v
		}
	}
	if v, ok := p.is.settings[redirect]; ok && dir == conf4 {
		also[redirect] = v
	}
	p.add(&settingChange{Name: name, Set: "1", Was: was, Also: also})
}

// keepAdvertisements lets interfaces that take router advertisements go on
// doing so: a router ignores them unless accept_ra is 2 (Linux, ip-sysctl).
func (p *planner) keepAdvertisements() {
	for _, n := range slices.Sorted(maps.Keys(p.is.settings)) {
		dev := path.Base(path.Dir(n))
		if path.Base(n) != "accept_ra" || p.is.settings[n] != "1" || dev == p.want.Device ||
			p.is.settings[path.Join(conf6, dev, "forwarding")] == "1" {
			continue
		}
		p.add(&settingChange{Name: n, Set: "2", Was: "1"})
	}
}

// settingChange sets a value below /proc/sys.
type settingChange struct {
	Name, Set, Was string
	Also           map[string]string `json:",omitempty"` // what changes along with it, as it was
}

func (c *settingChange) sharedKey() string { return "setting " + c.Name }

func (c *settingChange) String() string {
	return fmt.Sprintf("set %s = %s (was %s)", dotted(c.Name), c.Set, c.Was)
}

// dotted is a setting's name as sysctl(8) writes it.
func dotted(name string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '/':
			return '.'
		case '.':
			return '/'
		}
		return r
	}, name)
}

func (c *settingChange) apply(_ context.Context, k kernel) error { return k.setSetting(c.Name, c.Set) }

func (c *settingChange) undo(_ context.Context, k kernel, heir change) (outcome, error) {
	now, err := k.setting(c.Name)
	switch {
	case errors.Is(err, errGone) || heir != nil:
		return outcome{}, nil
	case err != nil:
		return outcome{}, fmt.Errorf("read %s: %w", dotted(c.Name), err)
	case now == c.Was:
		return outcome{}, c.undoAlso(k)
	case now != c.Set:
		return left("left %s = %s: it was changed meanwhile", dotted(c.Name), now), nil
	}
	if err := k.setSetting(c.Name, c.Was); err != nil && !errors.Is(err, errGone) {
		return outcome{}, fmt.Errorf("set %s back to %s: %w", dotted(c.Name), c.Was, err)
	}
	return did("set %s back to %s", dotted(c.Name), c.Was), c.undoAlso(k)
}

func (c *settingChange) undoAlso(k kernel) error {
	var errs []error
	for n, v := range c.Also {
		now, err := k.setting(n)
		if err == nil && now != v {
			err = k.setSetting(n, v)
		}
		if err != nil && !errors.Is(err, errGone) {
			errs = append(errs, fmt.Errorf("set %s back to %s: %w", dotted(n), v, err))
		}
	}
	return errors.Join(errs...)
}

func (c *settingChange) without(seen *observed) bool {
	if seen.settings[c.Name] != c.Set {
		return false
	}
	seen.settings[c.Name] = c.Was
	if dir := familyConf(c.Name); dir != "" {
		for n := range seen.settings {
			if n == path.Join(dir, path.Base(path.Dir(n)), "forwarding") {
				seen.settings[n] = "0"
			}
		}
		maps.Copy(seen.settings, c.Also)
	}
	return true
}

// familyConf is the directory whose interfaces follow the setting.
func familyConf(name string) string {
	return map[string]string{forward4: conf4, forward6: conf6}[name]
}

// mend says what a chain does and how to have it let a device through.
func (c chain) mend(device string) error {
	allow := fmt.Sprintf(`nft insert rule %[1]s %[2]s %[3]s iifname "%[4]s" accept; nft insert rule %[1]s %[2]s %[3]s oifname "%[4]s" accept`,
		c.Family, c.Table, c.Name, device)
	if tool := map[string]string{"ip": "iptables", "ip6": "ip6tables"}[c.Family]; tool != "" && c.Table == "filter" && c.Name == "FORWARD" {
		allow = fmt.Sprintf("%[1]s -I FORWARD -i %[2]s -j ACCEPT; %[1]s -I FORWARD -o %[2]s -j ACCEPT", tool, device)
	}
	return fmt.Errorf("chain %s of table %s %s drops what is forwarded from %s, or answers to it; allow it with: %s",
		c.Name, c.Family, c.Table, device, allow)
}

func join(nets []netip.Prefix) string {
	s := make([]string, len(nets))
	for i, n := range nets {
		s[i] = n.String()
	}
	return strings.Join(s, ", ")
}
