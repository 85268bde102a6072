package hostnet

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// withPrograms is a laptop with control groups and a user.
func withPrograms() *twin {
	k := newTwin()
	k.cgroups, k.users = map[string]bool{"system.slice/backup.service": true}, map[string]uint32{"ada": 1001}
	k.settings["net/ipv4/conf/wlan0/rp_filter"], k.settings["net/ipv4/conf/all/rp_filter"], k.settings[validMark] = "1", "0", "0"
	return k
}

// onlySome is a State in which only some of this host uses the tunnel.
func onlySome() State {
	return State{Device: "tun0", Addresses: []Address{address("10.8.0.2/24")}, Routes: []Route{{Dst: prefix("10.1.0.0/16"), Via: ip("10.8.0.1")}, {Dst: prefix("2001:db8:7::/48"), Refuse: true}},
		Chosen: &Chosen{Inside: Programs{Users: []string{"ada", "eve"}, Groups: []string{"system.slice/backup.service", "gone"}, Started: true},
			Learn: true, IPv4: true, Via4: ip("10.8.0.1")}}
}

// someOutside is a State in which some of this host stays outside.
func someOutside() State {
	s := redirected()
	s.MTU, s.TxQueueLen, s.DNS = 0, 0, nil
	s.Routes = append(s.Routes, Route{Dst: prefix("198.51.100.0/24"), Bypass: true, OrRefuse: true})
	s.Chosen = &Chosen{Outside: Programs{Users: []string{"1002"}, Started: true}, LearnOutside: true, IPv4: true, IPv6: true}
	return s
}

func numbered(t *testing.T, k *twin, want State) string {
	t.Helper()
	a := &Applied{host: newProcesses().start(k, t.TempDir(), 1, nil), j: &journal{Device: want.Device}}
	d, err := a.compare(context.Background(), want, nil)
	check(t, err)
	if k.steps > 0 {
		t.Error("a plan changed the host")
	}
	return d.plan.String()
}

func TestPlanOnly(t *testing.T) {
	mustEqual(t, numbered(t, withPrograms(), onlySome()), lines(
		"set tun0 up",
		"add address 10.8.0.2/24 to tun0",
		"make control group culvert-tun0-1-inside",
		"add route 0.0.0.0/0 via 10.8.0.1 dev tun0 table 43560",
		"add route 0.0.0.0/0 unreachable metric 1073741824 table 43560",
		"add route ::/0 unreachable metric 1073741824 table 43560",
		"add IPv4 rule 20000: mark 0x43564c01, table 43560",
		"add IPv6 rule 20000: mark 0x43564c01, table 43560",
		"add IPv4 rule 20001: mark 0x43564c02, table main, not its default routes",
		"add IPv6 rule 20001: mark 0x43564c02, table main, not its default routes",
		"add IPv4 rule 20002: mark 0x43564c02, table 43560",
		"add IPv6 rule 20002: mark 0x43564c02, table 43560",
		"set net.ipv4.conf.all.src_valid_mark = 1 (was 0)",
		"add nftables table inet culvert-chosen-tun0: into the tunnel: user 1001, control group system.slice/backup.service, control group gone, control group culvert-tun0-1-inside; into the tunnel: addresses of chosen names",
		"add route 10.1.0.0/16 via 10.8.0.1 dev tun0",
		"add route 2001:db8:7::/48 unreachable",
		"not possible: chosen programs: user eve: this host has no user of that name or number",
		"not possible: chosen programs: control group gone: it is not there yet; once it is, it is found within 30s",
	))
}

func TestPlanExcept(t *testing.T) {
	k := withPrograms()
	k.users["1002"] = 1002
	mustEqual(t, numbered(t, k, someOutside()), lines(
		"set tun0 up",
		"add address 10.8.0.2/24 to tun0",
		"add address fd00:8::2/64 to tun0",
		"make control group culvert-tun0-1-outside",
		"add route 0.0.0.0/0 via 192.168.1.1 dev wlan0 metric 600 table 43561",
		"add route 192.168.1.0/24 dev wlan0 metric 600 table 43561",
		"add route ::/0 via fe80::1 dev wlan0 table 43561",
		"add route 2001:db8:1::/64 dev wlan0 metric 256 table 43561",
		"add route 0.0.0.0/0 unreachable metric 1073741824 table 43561",
		"add route ::/0 unreachable metric 1073741824 table 43561",
		"add IPv4 rule 20003: mark 0x43564c03, table 43561",
		"add IPv6 rule 20003: mark 0x43564c03, table 43561",
		"set net.ipv4.conf.all.src_valid_mark = 1 (was 0)",
		"add nftables table inet culvert-chosen-tun0: past it: user 1002, control group culvert-tun0-1-outside; past it: addresses of excepted names",
		"add route 203.0.113.5/32 via 192.168.1.1 dev wlan0, the way it goes now",
		"add route 198.51.100.0/24 via 192.168.1.1 dev wlan0, the way it goes now",
		"add route 0.0.0.0/1 via 10.8.0.1 dev tun0",
		"add route 128.0.0.0/1 via 10.8.0.1 dev tun0",
		"add route ::/1 via fd00:8::1 dev tun0",
		"add route 8000::/1 via fd00:8::1 dev tun0 metric 5",
	))
}

// Numbers that somebody has are left alone.
func TestFreeNumbers(t *testing.T) {
	k := withPrograms()
	k.table = append(k.table, way{Dst: all4, Device: "wlan0", Table: firstTable + 1})
	k.ipRules = []rule{
		{Priority: 5, Mark: firstMark + 5, Mask: ^uint32(0), Table: 7},
		{Priority: firstPriority + 11, Table: 254},
		{Priority: 6, Mark: 0, Mask: 0, Table: firstTable + 10, IPv6: true},
	}
	h := newProcesses().start(k, t.TempDir(), 1, nil)
	n, err := freeNumbers(k.ipRules, h.hasRoutes)
	if err != nil || n != (numbers{firstMark + 16, firstTable + 12, firstPriority + 20}) {
		t.Errorf("%+v, %v", n, err)
	}
	if n, err := freeNumbers([]rule{{Mark: 0, Mask: 4, Priority: 1}}, h.hasRoutes); err != nil || n.Mark&4 == 0 {
		t.Errorf("a mask: %+v, %v", n, err)
	}
	if _, err := freeNumbers([]rule{{Mark: firstMark, Mask: 0xffff0000}}, h.hasRoutes); err == nil {
		t.Error("numbers although all are taken")
	}
}

// applied brings a host to a State, failures apart.
func applied(t *testing.T, h *host, s State) *Applied {
	t.Helper()
	a, err := h.apply(context.Background(), s)
	var partial *PartialError
	if err != nil && !errors.As(err, &partial) {
		t.Fatal(err)
	}
	return a
}

// What was made for chosen traffic is undone, and left where programs are in it.
func TestChosenUndone(t *testing.T) {
	for _, s := range []State{onlySome(), someOutside()} {
		k := withPrograms()
		before := k.String()
		a := applied(t, newProcesses().start(k, t.TempDir(), 1, nil), s)
		steps := k.steps
		check(t, a.Learn(context.Background(), []netip.Addr{ip("192.0.2.1")}, time.Hour))
		if k.marked["192.0.2.1"] == "" {
			t.Error("not learned")
		}
		if _, _, err := a.restore(context.Background(), always); err != nil || k.steps != steps+1 {
			t.Errorf("%d changes to a host that has all, %v", k.steps-steps-1, err)
		}
		plain := s
		plain.Chosen = nil
		check(t, ignorePartial(a.Update(context.Background(), plain)))
		if len(k.ipRules) > 0 || len(k.tables) > 0 || len(k.cgroups) != 1 {
			t.Errorf("without a choice:\n%s", k)
		}
		check(t, ignorePartial(a.Update(context.Background(), s)))
		mustUndo(t, a)
		mustEqual(t, k.String(), before)
	}
	k := withPrograms()
	a := applied(t, newProcesses().start(k, t.TempDir(), 1, nil), onlySome())
	k.busy = map[string]bool{"culvert-tun0-1-inside": true}
	mustUndo(t, a)
	if !k.cgroups["culvert-tun0-1-inside"] || len(k.tables) > 0 {
		t.Error(k)
	}
}

func ignorePartial(err error) error {
	if partial := new(PartialError); errors.As(err, &partial) {
		return nil
	}
	return err
}

func always(change) bool { return true }

// killedAnywhere has a process killed at each step of do, before and after the change, and
// wants the cleanup by the next to leave the host as it was. begin is what it did before; nil:
// nothing.
func killedAnywhere(t *testing.T, host func() *twin, begin *State, do func(h *host, a *Applied)) {
	t.Helper()
	for _, after := range []bool{false, true} {
		for step, crashed := 1, true; crashed; step++ {
			k, ps, dir := host(), newProcesses(), t.TempDir()
			before := k.String()
			h := ps.start(k, dir, 1, nil)
			var a *Applied
			if begin != nil {
				a = applied(t, h, *begin)
			}
			k.crashAt, k.after = k.steps+step, after
			if crashed = crashing(t, func() { do(h, a) }); !crashed && step == 1 {
				t.Error("nothing was changed")
			}
			ps.alive[1], k.crashAt = false, 0
			_, err := ps.start(k, dir, 2, nil).cleanup(context.Background())
			check(t, err)
			if k.String() != before {
				t.Fatalf("killed at step %d, after %v: %s", step, after, diffText(k.String(), before))
			}
			noJournals(t, dir)
		}
	}
}

// A process that is killed at any step leaves what the next one undoes.
func TestChosenKilled(t *testing.T) {
	for _, s := range []State{onlySome(), someOutside()} {
		killedAnywhere(t, withPrograms, nil, func(h *host, _ *Applied) { applied(t, h, s) })
		withoutFilter := func() *twin {
			k := withPrograms()
			k.noFilter = true
			return k
		}
		s.Chosen.Inside = Programs{}
		killedAnywhere(t, withoutFilter, &s, func(_ *host, a *Applied) {
			check(t, a.Learn(context.Background(), []netip.Addr{ip("192.0.2.1"), ip("2001:db8:9::1")}, time.Hour))
			clear(a.learned.until)
			_, _, err := a.restore(context.Background(), always)
			check(t, err)
		})
	}
}

// What somebody removes comes back, with the addresses that were learned.
func TestChosenKept(t *testing.T) {
	k := withPrograms()
	a := applied(t, newProcesses().start(k, t.TempDir(), 1, nil), onlySome())
	addrs := []netip.Addr{ip("192.0.2.1"), ip("2001:db8::1")}
	check(t, a.Learn(context.Background(), addrs, time.Hour))
	whole := k.String()
	k.ipRules, k.tables, k.marked = k.ipRules[:2], map[string]string{}, map[string]string{}
	k.dropRoutes(func(w way) bool { return w.Table != 0 })
	if _, _, err := a.restore(context.Background(), always); err != nil {
		t.Fatal(err)
	}
	mustEqual(t, k.String(), whole)
	if len(k.marked) != 2 {
		t.Error(k.marked)
	}
	k.tables, k.marked = map[string]string{}, nil
	check(t, a.Learn(context.Background(), []netip.Addr{ip("192.0.2.9")}, time.Hour))
	if len(k.marked) != 3 {
		t.Errorf("put back while learning: %v", k.marked)
	}
}

// Two clients have numbers of their own.
func TestTwoChoose(t *testing.T) {
	k, ps, dir := withPrograms(), newProcesses(), t.TempDir()
	before := k.String()
	k.links["tun1"] = link{MTU: 1500}
	other := onlySome()
	other.Device = "tun1"
	a, b := applied(t, ps.start(k, dir, 1, nil), onlySome()), applied(t, ps.start(k, dir, 2, nil), other)
	if a.numbers == b.numbers || len(k.ipRules) != 12 {
		t.Errorf("%+v, %+v", a.numbers, b.numbers)
	}
	mustUndo(t, a)
	for _, r := range k.ipRules {
		if r.Mark&^3 != b.numbers.Mark {
			t.Error(r)
		}
	}
	if k.settings[validMark] != "1" {
		t.Error("a setting was taken from the other")
	}
	mustUndo(t, b)
	delete(k.links, "tun1")
	mustEqual(t, k.String(), before)
}

// onlyNames is onlySome without programs.
func onlyNames() State {
	s := onlySome()
	s.Chosen.Inside = Programs{}
	return s
}

// Without nftables, names are chosen by routes. With programs for the inside there is no
// tunnel, since they would leave outside of it; those for the outside are said to be inside.
func TestChosenByRoutes(t *testing.T) {
	k := withPrograms()
	k.noFilter = true
	before := k.String()
	h := newProcesses().start(k, t.TempDir(), 1, nil)
	if a, err := h.apply(context.Background(), onlySome()); a != nil || !strings.Contains(fmt.Sprint(err), "would go outside: this kernel has no nftables") {
		t.Errorf("programs for the inside: %v, %v", a, err)
	}
	mustEqual(t, k.String(), before)
	a := applied(t, h, onlyNames())
	check(t, a.Learn(context.Background(), []netip.Addr{ip("192.0.2.1"), ip("2001:db8::1")}, time.Hour))
	for _, want := range []string{"route 192.0.2.1/32 via 10.8.0.1 dev tun0", "route 2001:db8::1/128 unreachable"} {
		if !strings.Contains(k.String(), want) {
			t.Errorf("no %s in\n%s", want, k)
		}
	}
	a.learned.until[ip("192.0.2.1")] = time.Now().Add(-time.Second)
	if _, _, err := a.restore(context.Background(), always); err != nil || strings.Contains(k.String(), "192.0.2.1/32") {
		t.Errorf("still there: %v", err)
	}
	mustUndo(t, a)
	mustEqual(t, k.String(), before)

	k = withPrograms()
	k.noFilter = true
	a, err := newProcesses().start(k, t.TempDir(), 1, nil).apply(context.Background(), someOutside())
	if a == nil || !strings.Contains(fmt.Sprint(err), "chosen programs: this kernel has no nftables") {
		t.Fatalf("programs for the outside: %v", err)
	}
	check(t, a.Learn(context.Background(), []netip.Addr{ip("192.0.2.1")}, time.Hour))
	if !strings.Contains(k.String(), "route 192.0.2.1/32 via 192.168.1.1 dev wlan0") {
		t.Error(k)
	}
}

func TestLearn(t *testing.T) {
	var l learned
	many := make([]netip.Addr, 0, 100)
	for i := range 100 {
		many = append(many, netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}))
	}
	more, _, err := l.add(append(many, ip("127.0.0.1"), ip("0.0.0.0"), ip("224.0.0.1"), ip("fe80::1"), netip.Addr{}), time.Second, 100)
	if err != nil || len(more) != 100 || time.Until(more[0].Until) < shortestLesson-time.Second {
		t.Errorf("%d, %v", len(more), err)
	}
	if more, _, err := l.add(many[:1], time.Second, 100); err != nil || len(more) != 0 {
		t.Errorf("known: %v, %v", more, err)
	}
	if more, _, err := l.add(many[:1], 1000*time.Hour, 100); err != nil || len(more) != 1 || time.Until(more[0].Until) > longestLesson {
		t.Errorf("for longer: %v, %v", more, err)
	}
	var full *fullError
	if _, _, err := l.add([]netip.Addr{ip("192.0.2.200")}, time.Hour, 100); !errors.As(err, &full) {
		t.Errorf("full: %v", err)
	}
	l.until[ip("192.0.2.7")] = time.Now()
	if more, _, err := l.add([]netip.Addr{ip("::ffff:192.0.2.200")}, time.Hour, 100); err != nil || len(more) != 1 || !more[0].Addr.Is4() {
		t.Errorf("room again: %v, %v", more, err)
	}
}

// What the kernel refuses counts as it did before, so that a table that is made anew has it.
func TestLearnRefused(t *testing.T) {
	k := withPrograms()
	a := applied(t, newProcesses().start(k, t.TempDir(), 1, nil), onlySome())
	known, fresh := ip("192.0.2.1"), ip("192.0.2.2")
	check(t, a.Learn(context.Background(), []netip.Addr{known}, time.Hour))
	k.fail = map[string]error{"learn": errors.New("no memory")}
	if a.Learn(context.Background(), []netip.Addr{known, fresh}, 5*time.Hour) == nil {
		t.Error("learned although it was refused")
	}
	if until, ok := a.learned.until[known]; !ok || time.Until(until) > time.Hour {
		t.Errorf("until %v, %v", until, ok)
	}
	if _, ok := a.learned.until[fresh]; ok {
		t.Error("an address that is nowhere counts")
	}
}

// Without nftables, an address whose route cannot be had is not learned, however often it is
// tried: so with that of the server itself, also of one that the client moves to later.
func TestLearnServer(t *testing.T) {
	k := withPrograms()
	k.noFilter = true
	server, next := Route{Dst: prefix("203.0.113.5/32"), Bypass: true}, Route{Dst: prefix("203.0.113.6/32"), Bypass: true}
	s := onlyNames()
	s.Routes = append(s.Routes, server)
	a := applied(t, newProcesses().start(k, t.TempDir(), 1, nil), s)
	for range 2 {
		if a.Learn(context.Background(), []netip.Addr{server.Dst.Addr()}, time.Hour) == nil {
			t.Error("learned the server's address")
		}
	}
	check(t, a.Learn(context.Background(), []netip.Addr{next.Dst.Addr()}, time.Hour))
	s.Routes = append(s.Routes, next)
	check(t, ignorePartial(a.Update(context.Background(), s)))
	for _, want := range []string{"route 203.0.113.5/32 via 192.168.1.1 dev wlan0", "route 203.0.113.6/32 via 192.168.1.1 dev wlan0"} {
		if !strings.Contains(k.String(), want) {
			t.Errorf("no %s in\n%s", want, k)
		}
	}
}
