package hostnet

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// attempt is a connection that a program of a host begins.
type attempt struct {
	ipv6     bool
	port     uint16
	adapter  uint64
	program  string
	loopback bool
}

func (m filterMatch) matches(a attempt) bool {
	return (m.port == 0 || m.port == a.port) && (m.adapter == 0 || m.adapter == a.adapter) &&
		(m.program == "" || m.program == a.program) && (!m.loopback || a.loopback)
}

// blocked decides as the filter does.
func blocked(rules []filterRule, a attempt) bool {
	var best filterRule
	for _, r := range rules {
		if r.ipv6 == a.ipv6 && r.when.matches(a) && r.weight > best.weight {
			best = r
		}
	}
	return best.block
}

func TestOutsideDNSRules(t *testing.T) {
	const tunnel, wifi = 7, 8
	rules := outsideDNSRules(tunnel, "culvert.exe")
	for _, ipv6 := range []bool{false, true} {
		for _, c := range []struct {
			what    string
			a       attempt
			blocked bool
		}{
			{"DNS by another adapter", attempt{ipv6, 53, wifi, "svchost.exe", false}, true},
			{"DNS through the tunnel", attempt{ipv6, 53, tunnel, "svchost.exe", false}, false},
			{"a server on port 53", attempt{ipv6, 53, wifi, "culvert.exe", false}, false},
			{"a resolver on this host", attempt{ipv6, 53, 1, "svchost.exe", true}, false},
			{"the web", attempt{ipv6, 443, wifi, "firefox.exe", false}, false},
			{"DNS over TLS", attempt{ipv6, 853, wifi, "svchost.exe", false}, false},
		} {
			if got := blocked(rules, c.a); got != c.blocked {
				t.Errorf("%s (IPv6: %v): blocked: %v", c.what, ipv6, got)
			}
		}
	}
	if first := slices.IndexFunc(rules, func(r filterRule) bool { return r.block }); first == 0 {
		t.Error("the block comes first, when nothing is permitted yet")
	}
}

// outsideDNSTwin blocks one device's.
type outsideDNSTwin struct {
	device string
	mark   uint32
	fails  error
}

func (o *outsideDNSTwin) blockOutsideDNS(device string, mark uint32) error {
	if o.fails == nil {
		o.device, o.mark = device, mark
	}
	return o.fails
}

func (o *outsideDNSTwin) unblockOutsideDNS(device string) error {
	if o.device != device {
		return errGone
	}
	o.device = ""
	return nil
}

func (o *outsideDNSTwin) outsideDNSBlocked(device string, mark uint32) bool {
	return o.device == device && (o.mark == mark || !unusual(o.mark) && !unusual(mark))
}

func TestBlockOutsideDNS(t *testing.T) {
	k, p := newTwin(), newProcesses()
	h := p.start(k, t.TempDir(), 1, nil)
	want := redirected()
	want.BlockOutsideDNS = true
	a, err := h.apply(t.Context(), want)
	if err != nil || k.outsideDNSTwin.device != want.Device {
		t.Fatalf("%v, blocked for %q", err, k.outsideDNSTwin.device)
	}
	if !slices.Contains(a.Changes(), "block DNS (port 53) except through "+want.Device) {
		t.Error(a.Changes())
	}
	if err := a.Update(t.Context(), want); err != nil || k.outsideDNSTwin.device != want.Device {
		t.Errorf("after an update to the same: %v, blocked for %q", err, k.outsideDNSTwin.device)
	}
	want.Mark = 7
	if err := a.Update(t.Context(), want); err != nil || k.outsideDNSTwin.device != want.Device || k.outsideDNSTwin.mark != 7 {
		t.Errorf("with a mark of its own: %v, blocked for %q, mark %d", err, k.outsideDNSTwin.device, k.outsideDNSTwin.mark)
	}
	want.BlockOutsideDNS = false
	if err := a.Update(t.Context(), want); err != nil || k.outsideDNSTwin.device != "" {
		t.Errorf("no longer wanted: %v, blocked for %q", err, k.outsideDNSTwin.device)
	}
	want.BlockOutsideDNS = true
	if err := a.Update(t.Context(), want); err != nil || k.outsideDNSTwin.device != want.Device {
		t.Errorf("wanted again: %v, blocked for %q", err, k.outsideDNSTwin.device)
	}
	if err := a.Undo(t.Context()); err != nil || k.outsideDNSTwin.device != "" {
		t.Errorf("at the end: %v, blocked for %q", err, k.outsideDNSTwin.device)
	}
}

// TestBlockOutsideDNSEndsWithProcess: what a killed process blocked is not blocked any
// more, and no failure to clean up.
func TestBlockOutsideDNSEndsWithProcess(t *testing.T) {
	k, p, dir := newTwin(), newProcesses(), t.TempDir()
	want := redirected()
	want.BlockOutsideDNS = true
	if _, err := p.start(k, dir, 1, nil).apply(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	p.alive[1], k.outsideDNSTwin.device = false, ""
	if lines, err := p.start(k, dir, 2, nil).cleanup(t.Context()); err != nil || strings.Contains(strings.Join(lines, "\n"), "DNS (port 53)") {
		t.Errorf("%q, %v", lines, err)
	}
}

// TestNoBlockNoTunnel: names must not leak because the block failed.
func TestNoBlockNoTunnel(t *testing.T) {
	k, p := newTwin(), newProcesses()
	before := k.String()
	k.outsideDNSTwin.fails = ErrPermission
	want := redirected()
	want.BlockOutsideDNS = true
	_, err := p.start(k, t.TempDir(), 1, nil).apply(t.Context(), want)
	if !errors.Is(err, ErrPermission) || !strings.Contains(err.Error(), "pull-filter ignore block-outside-dns") {
		t.Error(err)
	}
	mustEqual(t, k.String(), before)
}

// TestOutsideDNSElsewhere: the rest stands on a system that cannot block it.
func TestOutsideDNSElsewhere(t *testing.T) {
	k, p := newTwin(), newProcesses()
	k.cannot = limits{outsideDNS: errNoOutsideDNS}
	want := redirected()
	want.BlockOutsideDNS = true
	_, err := p.start(k, t.TempDir(), 1, nil).apply(t.Context(), want)
	var partial *PartialError
	if !errors.As(err, &partial) || len(partial.Failures) != 1 || !errors.Is(err, errNoOutsideDNS) {
		t.Error(err)
	}
}
