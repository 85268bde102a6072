//go:build interop

package hostnet

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestMeanwhileLive: no packet of the host leaves by the uplink while a tunnel's address and
// routes give way to others, again and again.
func TestMeanwhileLive(t *testing.T) {
	n := newNamespace(t)
	before := n.look()
	states := []State{redirectedBy(8, 2, false), redirectedBy(9, 2, false), redirectedBy(9, 3, false), redirectedBy(8, 6, true)}
	a, line := n.start("keep", states[0])
	if line != "applied: <nil>" {
		t.Fatal(line)
	}
	n.in("nft add table inet seen", "nft add chain inet seen out { type filter hook output priority 0 ; }",
		"nft add rule inet seen out oifname up0 ip daddr 8.8.8.8 counter", "nft add rule inet seen out oifname up0 ip6 daddr 2001:db8:1::1 counter")
	for _, to := range []string{"8.8.8.8", "2001:db8:1::1"} {
		ping := exec.Command("ip", "netns", "exec", n.name, "ping", "-n", "-q", "-i", "0.001", "-W", "1", to)
		check(t, ping.Start())
		defer func() {
			_ = ping.Process.Kill()
			_ = ping.Wait()
		}()
	}
	outside := func() string {
		rules := n.in("nft list table inet seen")
		return strings.Join(strings.Fields(rules[strings.Index(rules, "oifname"):]), " ")
	}
	for range 10 {
		for _, s := range append(states[1:], states[0]) {
			if got := a.ask(textOf(s)); got != "updated: <nil>" {
				t.Fatal(got)
			}
		}
	}
	if got := outside(); strings.Count(got, "counter packets 0 ") != 2 {
		t.Errorf("left by the uplink: %s", got)
	}
	a.ask("undo")
	for end := time.Now().Add(10 * time.Second); strings.Contains(outside(), "counter packets 0 "); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("what leaves by the uplink is not seen: %s", outside())
		}
	}
	n.in("nft delete table inet seen")
	if after := n.look(); after != before {
		t.Errorf("left:\n%s\nbefore:\n%s", after, before)
	}
}
