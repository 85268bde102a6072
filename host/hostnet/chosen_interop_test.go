//go:build interop

package hostnet

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// learnFor has so many addresses learned for so long, 500 at a time, and says how long that
// took.
func learnFor(a *Applied, args string) string {
	f := strings.Fields(args)
	n, _ := strconv.Atoi(f[0])
	lifetime, _ := time.ParseDuration(f[1])
	began := time.Now()
	for at := 0; at < n; at += 500 {
		var addrs []netip.Addr
		for i := at; i < min(at+500, n); i++ {
			addrs = append(addrs, netip.AddrFrom4([4]byte{100, 64, byte(i >> 8), byte(i)}))
		}
		addrs = append(addrs, netip.MustParseAddr(fmt.Sprintf("2001:db8:5::%x", at)))
		if err := a.Learn(context.Background(), addrs, lifetime); err != nil {
			return "error: " + err.Error()
		}
	}
	return fmt.Sprint("learned in ", time.Since(began).Round(time.Millisecond))
}

// TestLearnLive: 10,000 addresses get into the sets of the kernel, and stay for longer when
// they are learned again; they come back with the table that somebody removed, and nothing
// is left after kill -9.
func TestLearnLive(t *testing.T) {
	n := newNamespace(t)
	look := func() string { return n.look() + n.in("ip rule", "ip -6 rule") }
	before := look()
	s := State{Device: "tun0", Addresses: []Address{address("10.8.0.2/24")}, Routes: []Route{{Dst: prefix("2001:db8:7::/48"), Refuse: true}},
		Chosen: &Chosen{Learn: true, Inside: Programs{Users: []string{"nobody"}}, Outside: Programs{Users: []string{"daemon"}}, IPv4: true}}
	a, line := n.start("keep", s)
	if line != "applied: <nil>" {
		t.Fatal(line)
	}
	elements := func(set string) string { return n.in("nft list set inet culvert-chosen-tun0 " + set) }
	t.Log(a.ask("learn 10000 2m"))
	if got := elements("names4"); strings.Count(got, "100.64.") != 10000 || !strings.Contains(got, "timeout 1m59s") {
		t.Errorf("%d addresses", strings.Count(got, "100.64."))
	}
	if got := elements("names6"); strings.Count(got, "2001:db8:5::") != 20 {
		t.Error(got)
	}
	t.Log(a.ask("learn 10000 1h"))
	if got := elements("names4"); strings.Count(got, "timeout 59m59s") != 10000 {
		t.Errorf("%d addresses stay for longer", strings.Count(got, "timeout 59m59s"))
	}
	n.in("nft flush ruleset", "ip rule del pref 20000", "ip route flush table 43560")
	t.Log(a.ask("learn 1 2h"))
	if got := elements("names4"); strings.Count(got, "100.64.") != 10000 {
		t.Errorf("%d addresses are back", strings.Count(got, "100.64."))
	}
	kept := func() string { return n.in("ip rule", "ip route show table 43560") }
	all := []string{"20000:", "20001:", "20002:", "20003:", "unreachable default", "default dev tun0"}
	missing := func(what string) bool { return !strings.Contains(kept(), what) }
	for end := time.Now().Add(10 * time.Second); slices.ContainsFunc(all, missing) && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
	}
	n.expect("kept", kept(), all...)
	n.expect("refused", n.in("ip -6 route show"), "unreachable 2001:db8:7::/48")
	a.kill()
	n.cleanup()
	if after := look(); after != before {
		t.Errorf("left:\n%s\nbefore:\n%s", after, before)
	}
}
