package hostnet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

// twin is a kernel in memory. It follows the real one where changes drag
// others along: connected routes, routes of a removed device, forwarding.
type twin struct {
	links    map[string]link
	addrs    map[string][]Address
	table    []way
	settings map[string]string
	files    map[string]string
	file     string // fileID of all files
	tables   map[string]string
	drops    []chain
	virtual  map[string]int    // tunnels
	resolved map[string]string // nil: not running
	told     map[string]linkNames
	service  nameService // of another system than Linux
	cannot   limits
	outsideDNSTwin
	chosenTwin
	triggers chan trigger

	fail    map[string]error // by the text of the operation
	steps   int              // changes made
	crashAt int              // panics instead of this change; 0: never
	after   bool             // panics after the change rather than before
	failAt  int              // this change fails; 0: none does
	changed func()           // called after each change; nil: nothing is
}

var errCrash = errors.New("killed")

// newTwin is a laptop: wlan0 with a default route, docker0 which forwards.
func newTwin() *twin {
	return &twin{
		links: map[string]link{"tun0": {MTU: 1500, TxQueueLen: 500, LLAddr: "be:ef:00:00:00:01"}, "wlan0": {MTU: 1500, TxQueueLen: 1000, Up: true}},
		addrs: map[string][]Address{"wlan0": {address("192.168.1.7/24")}},
		table: []way{
			{Dst: prefix("0.0.0.0/0"), Via: ip("192.168.1.1"), Device: "wlan0", Metric: 600},
			{Dst: prefix("192.168.1.0/24"), Device: "wlan0", Metric: 600},
			{Dst: prefix("::/0"), Via: ip("fe80::1"), Device: "wlan0", Metric: 1024},
			{Dst: prefix("2001:db8:1::/64"), Device: "wlan0", Metric: 256},
		},
		settings: map[string]string{
			forward4: "0", redirect: "0", forward6: "0",
			"net/ipv4/conf/wlan0/forwarding": "0", "net/ipv4/conf/docker0/forwarding": "1",
			"net/ipv6/conf/wlan0/forwarding": "0", "net/ipv6/conf/docker0/forwarding": "0",
			"net/ipv6/conf/wlan0/accept_ra": "1", "net/ipv6/conf/docker0/accept_ra": "0", "net/ipv6/conf/tun0/accept_ra": "1",
		},
		files:  map[string]string{"/etc/resolv.conf": "nameserver 192.168.1.1\nsearch home\n"},
		tables: map[string]string{},
		fail:   map[string]error{},
	}
}

// change counts a step, and fails or crashes as the test asked.
func (t *twin) change(op string, do func()) error {
	t.steps++
	if err := t.fail[op]; err != nil {
		return err
	}
	if t.steps == t.failAt {
		return errors.New("no")
	}
	if t.steps == t.crashAt && !t.after {
		panic(errCrash)
	}
	do()
	if t.changed != nil {
		t.changed()
	}
	if t.steps == t.crashAt {
		panic(errCrash)
	}
	return nil
}

func (t *twin) link(device string) (link, error) {
	l, ok := t.links[device]
	if !ok {
		return l, errGone
	}
	return l, nil
}

func (t *twin) setLink(device string, p property, value int) error {
	l, err := t.link(device)
	if err != nil {
		return err
	}
	return t.change("link", func() { l.set(p, value); t.links[device] = l })
}

func (t *twin) setHardware(device, mac string) error {
	l, err := t.link(device)
	if err != nil {
		return err
	}
	return t.change("hardware", func() { l.LLAddr = mac; t.links[device] = l })
}

func (t *twin) addresses(device string) ([]Address, error) {
	return slices.Clone(t.addrs[device]), nil
}

func (t *twin) addAddress(device string, a Address) error {
	if _, err := t.link(device); err != nil {
		return err
	}
	return t.change("address "+a.String(), func() {
		t.addrs[device] = append(t.addrs[device], a)
		t.table = append(t.table, connectedWay(device, a))
	})
}

// connectedWay is the route that Linux adds with an address.
func connectedWay(device string, a Address) way {
	w := connected(device, a)
	if w.Metric = 0; w.Dst.Addr().Is6() {
		w.Metric = 256
	}
	return w
}

func (t *twin) delAddress(device string, a Address) error {
	if !slices.Contains(t.addrs[device], a) {
		return errGone
	}
	return t.change("del address", func() {
		t.addrs[device] = slices.DeleteFunc(t.addrs[device], func(o Address) bool { return o == a })
		t.dropRoutes(func(w way) bool { return w.same(connectedWay(device, a)) })
		if !slices.ContainsFunc(t.addrs[device], func(o Address) bool { return o.Prefix.Addr().Is4() }) {
			t.dropRoutes(func(w way) bool { return w.Device == device && w.Dst.Addr().Is4() })
		}
	})
}

func (t *twin) dropRoutes(which func(way) bool) { t.table = slices.DeleteFunc(t.table, which) }

func (t *twin) removeDevice(device string) {
	delete(t.links, device)
	delete(t.addrs, device)
	delete(t.resolved, device)
	t.dropRoutes(func(w way) bool { return w.Device == device })
}

func (t *twin) routes() ([]way, error) { return t.routesIn(0) }

func (t *twin) routesIn(table int) (list []way, err error) {
	for _, w := range t.table {
		if w.Table == table {
			list = append(list, w)
		}
	}
	return list, nil
}

// none leaves no route out.
func none(way) bool { return false }

func (t *twin) wayTo(dst netip.Addr, but func(way) bool) (way, error) {
	if dst.IsLoopback() {
		return way{Device: "lo", Local: true}, nil
	}
	w, ok := longestMatch(t.table, dst, func(w way) bool { return w.Table != 0 || but(w) })
	if !ok {
		return w, errNoRoute
	}
	w.Dst = single(dst)
	return w, nil
}

func (t *twin) addRoute(w way) error {
	if _, err := t.link(w.Device); err != nil && !w.Refuse {
		return err
	}
	for _, o := range t.table {
		if o.Dst == w.Dst && o.Metric == w.Metric && o.Table == w.Table {
			return errExists
		}
	}
	return t.change("route "+w.Dst.String(), func() { t.table = append(t.table, w) })
}

func (t *twin) delRoute(w way) error {
	if !slices.ContainsFunc(t.table, w.same) {
		return errGone
	}
	return t.change("del route", func() { t.dropRoutes(w.same) })
}

func (t *twin) setting(name string) (string, error) {
	v, ok := t.settings[name]
	if !ok {
		return "", errGone
	}
	return v, nil
}

func (t *twin) setSetting(name, value string) error {
	return t.change("setting "+name, func() {
		changed := t.settings[name] != value
		t.settings[name] = value
		dir := familyConf(name)
		if dir == "" || !changed {
			return
		}
		for n := range t.settings {
			if path.Dir(path.Dir(n)) == dir && path.Base(n) == "forwarding" {
				t.settings[n] = value
			}
		}
		if name == forward4 {
			t.settings[redirect] = map[string]string{"0": "1", "1": "0"}[value]
		}
	})
}

func (t *twin) settingNames(dir string) ([]string, error) {
	var names []string
	for n := range t.settings {
		if path.Dir(path.Dir(n)) == dir && !slices.Contains(names, path.Base(path.Dir(n))) {
			names = append(names, path.Base(path.Dir(n)))
		}
	}
	return names, nil
}

func (t *twin) readFile(path string) ([]byte, bool, error) {
	s, ok := t.files[path]
	return []byte(s), ok, nil
}

func (t *twin) fileID(path string) string {
	if _, ok := t.files[path]; !ok {
		return ""
	}
	return t.file
}

func (t *twin) writeFile(path string, content []byte) error {
	return t.change("write", func() { t.files[path] = string(content) })
}

func (t *twin) removeFile(path string) error {
	return t.change("remove", func() { delete(t.files, path) })
}

func (t *twin) hasTable(want ruleTable) (bool, error) {
	_, ok := t.tables[want.Table]
	return ok, nil
}

func (t *twin) addTable(add ruleTable) error {
	return t.change("table", func() { t.tables[add.Table] = add.Device + ": " + add.String() })
}

// fenceText is all of a fence's table.
func fenceText(f Fence) string { return fmt.Sprintf("%v marks %v", f.Open, f.allowed()) }

func (t *twin) addFences(fs []Fence, gone []string) error {
	return t.change("fence", func() {
		for _, name := range gone {
			delete(t.tables, name)
		}
		for _, f := range fs {
			t.tables[f.Table()] = fenceText(f)
		}
	})
}

func (t *twin) hasFence(f Fence, exactly bool) (bool, error) {
	if err := t.fail["has fence"]; err != nil {
		return false, err
	}
	text, there := t.tables[f.Table()]
	return there && (!exactly || text == fenceText(f)), nil
}

func (t *twin) fenceTables() (names []string, err error) {
	for name := range t.tables {
		if strings.HasPrefix(name, fencePrefix) {
			names = append(names, name)
		}
	}
	return names, nil
}

// ruleGeneration is not known to it: each look is a whole one.
func (t *twin) ruleGeneration() (uint32, error) { return 0, errors.New("not known") }

func (t *twin) delTable(name string) error {
	if _, ok := t.tables[name]; !ok {
		return errGone
	}
	return t.change("del table", func() { delete(t.tables, name) })
}

func (t *twin) forwardDrops(string, []netip.Prefix) ([]chain, error) { return t.drops, nil }

func (t *twin) nameService(_ context.Context, file []byte) nameService {
	if t.service.name == "" && isStub(file) && t.resolved != nil {
		return resolvedService
	}
	return t.service
}

func (t *twin) limits() limits { return t.cannot }

func (t *twin) watch(context.Context, string) (<-chan trigger, error) { return t.triggers, nil }

func (t *twin) tunnels() (map[string]int, error) { return t.virtual, nil }

func (t *twin) managers() []string { return []string{"NetworkManager"} }

func (t *twin) setLinkDNS(_ context.Context, device string, d DNS) error {
	return t.change("resolved", func() {
		t.resolved[device] = fmt.Sprint(d)
		t.told = map[string]linkNames{device: namesOfLink(d)}
	})
}

func (t *twin) revertLinkDNS(_ context.Context, device string) error {
	if _, ok := t.links[device]; !ok {
		return errGone
	}
	return t.change("revert", func() { delete(t.resolved, device); delete(t.told, device) })
}

func (t *twin) linkNames(_ context.Context, device string) (linkNames, error) {
	return t.told[device], nil
}

// linkResolvers are those of wlan0.
func (t *twin) linkResolvers(_ context.Context, device, _ string) (Resolvers, error) {
	if t.service.name != "" {
		return Resolvers{}, ErrUnsupported
	}
	return Resolvers{Servers: []NameServer{{Addr: server("192.168.1.1")}}}, nil
}

// String is all of the host as text.
func (t *twin) String() string {
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for n, l := range t.links {
		add("link %s %+v", n, l)
	}
	for n, as := range t.addrs {
		for _, a := range as {
			add("address %s %s", n, a)
		}
	}
	for _, w := range t.table {
		add("route %s", w)
	}
	for _, m := range []map[string]string{t.settings, t.files, t.tables, t.resolved} {
		for k, v := range m {
			add("%s = %q", k, v)
		}
	}
	for _, r := range t.ipRules {
		add("%s", r)
	}
	for g := range t.cgroups {
		add("control group %s", g)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// processes of a test, of which the named ones live.
type processes struct{ alive map[int]bool }

// start is a process of a host with the twin for its kernel.
func (p *processes) start(k kernel, dir string, pid int, log *strings.Builder) *host {
	p.alive[pid] = true
	opts := Options{StateDir: dir}.filled()
	if log != nil {
		opts.Logger = slog.New(slog.NewTextHandler(log, nil))
	}
	return &host{
		kernel: k, self: owner{PID: pid, Start: "s"}, opts: opts,
		store: store{dir: dir, space: space{Number: "1"}, alive: func(o owner) bool { return p.alive[o.PID] }, sync: func(*os.File) error { return nil }},
	}
}

func newProcesses() *processes { return &processes{alive: map[int]bool{}} }

func ip(s string) netip.Addr           { return netip.MustParseAddr(s) }
func prefix(s string) netip.Prefix     { return netip.MustParsePrefix(s) }
func address(s string) Address         { return Address{Prefix: prefix(s)} }
func server(s string) netip.AddrPort   { return netip.AddrPortFrom(ip(s), 53) }
func lines(ss ...string) string        { return strings.Join(ss, "\n") + "\n" }
func diffText(got, want string) string { return "got:\n" + got + "\nwant:\n" + want }
func mustEqual(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Error(diffText(got, want))
	}
}

func servers(ss ...string) []netip.AddrPort {
	var out []netip.AddrPort
	for _, s := range ss {
		out = append(out, server(s))
	}
	return out
}

func prefixes(ss ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range ss {
		out = append(out, prefix(s))
	}
	return out
}
