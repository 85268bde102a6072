package hostnet

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path"
	"slices"
)

// observe reads from the host what a plan for want needs. It ignores the routes that
// but picks, which do not lead past want's tunnel.
func (h *host) observe(ctx context.Context, want State, but func(way) bool) (observed, error) {
	seen := observed{limits: h.kernel.limits(), ways: map[netip.Prefix]way{}, settings: map[string]string{}}
	var err error
	if seen.link, err = h.kernel.link(want.Device); errors.Is(err, errGone) {
		return seen, fmt.Errorf("device %s: %w", want.Device, ErrNoDevice)
	}
	if err == nil {
		seen.addresses, err = h.kernel.addresses(want.Device)
	}
	if err == nil {
		var ways []way
		ways, err = h.routes(want.tables())
		seen.routes = newTable(ways)
	}
	if err == nil {
		err = h.observeForward(want, &seen)
	}
	if err == nil && want.DNS != nil {
		err = h.observeResolver(ctx, want.Device, &seen)
	}
	if err == nil {
		err = h.observeRules(want, &seen)
	}
	if err == nil {
		err = h.observeChosen(want, &seen, but)
	}
	h.observeAdvertised(want, &seen)
	seen.outsideDNSBlocked = h.kernel.outsideDNSBlocked(want.Device, want.Mark)
	if err != nil {
		return seen, fmt.Errorf("read this host's network: %w", err)
	}
	h.observeWays(want, &seen, but)
	return seen, nil
}

// routes reads the main routing table and others.
func (h *host) routes(others []int) ([]way, error) {
	ways, err := h.kernel.routes()
	for _, table := range others {
		if err != nil {
			return nil, err
		}
		var more []way
		more, err = h.kernel.routesIn(table)
		ways = append(ways, more...)
	}
	return ways, err
}

// tables returns the routing tables other than the main one that s is about.
func (s State) tables() []int {
	tables := slices.Clone(s.also)
	if s.numbers != (numbers{}) {
		tables = append(tables, s.numbers.tables()...)
	}
	for _, r := range s.Routes {
		if r.Table != 0 {
			tables = append(tables, r.Table)
		}
	}
	slices.Sort(tables)
	return slices.Compact(tables)
}

// observeWays asks the kernel, which knows of policy rules and other tables.
func (h *host) observeWays(want State, seen *observed, but func(way) bool) {
	for _, r := range want.Routes {
		if !r.Bypass || r.NetGateway {
			continue
		}
		dst := r.Dst.Masked()
		probe := dst.Addr()
		if !dst.IsSingleIP() {
			probe = probe.Next() // a network's first address may be a broadcast
		}
		if w, err := h.kernel.wayTo(probe, but); err == nil {
			seen.ways[dst] = w
		}
	}
}

func (h *host) observeForward(want State, seen *observed) error {
	f := want.Forward
	if f == nil || seen.limits.forward != nil {
		return nil
	}
	names := []string{}
	if f.IPv4 {
		names = append(names, forward4, redirect)
		names = append(names, h.perInterface(conf4, "forwarding")...)
	}
	if f.IPv6 {
		names = append(names, forward6)
		names = append(names, h.perInterface(conf6, "forwarding")...)
		names = append(names, h.perInterface(conf6, "accept_ra")...)
	}
	for _, n := range names {
		if v, err := h.kernel.setting(n); err == nil {
			seen.settings[n] = v
		}
	}
	var err error
	if t := ruleTableOf(want.Device, f); !t.empty() {
		seen.table, err = h.kernel.hasTable(t)
	}
	if err == nil {
		seen.drops, err = h.kernel.forwardDrops(want.Device, f.Masquerade)
	}
	if errors.Is(err, errGone) { // no packet filter in this kernel
		err = nil
	}
	return err
}

// perInterface lists one setting of all interfaces. "all" is not an interface;
// "default" counts as one, since new interfaces copy it.
func (h *host) perInterface(dir, leaf string) []string {
	devices, err := h.kernel.settingNames(dir)
	if err != nil {
		return nil // the family is missing in this kernel
	}
	var names []string
	for _, d := range devices {
		if d == "all" || leaf == "accept_ra" && (d == "default" || d == "lo") {
			continue
		}
		names = append(names, path.Join(dir, d, leaf))
	}
	return names
}

func (h *host) observeResolver(ctx context.Context, device string, seen *observed) error {
	r := resolver{path: h.opts.ResolvConf}
	var err error
	if r.content, r.exists, err = h.kernel.readFile(r.path); err != nil {
		return err
	}
	r.file = h.kernel.fileID(r.path)
	r.service = h.kernel.nameService(ctx, r.content)
	if r.service.name != "" {
		told, err := h.kernel.linkNames(ctx, device)
		r.told, r.known = told, err == nil
	}
	seen.resolver = r
	return nil
}
