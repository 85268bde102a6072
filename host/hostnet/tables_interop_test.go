//go:build interop

package hostnet

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// nft has the packet filters of this namespace changed. LAST stands for the handle of the
// last rule of the chain that is named before it.
func nft(t *testing.T, text string) {
	t.Helper()
	if before, _, found := strings.Cut(text, " handle LAST"); found {
		f := strings.Fields(before)
		out, err := exec.Command("nft", append([]string{"-a", "list", "chain"}, f[len(f)-3:]...)...).Output()
		check(t, err)
		text = strings.Replace(text, "LAST", strings.Fields(string(out)[strings.LastIndex(string(out), "# handle"):])[2], 1)
	}
	if out, err := exec.Command("nft", text).CombinedOutput(); err != nil {
		t.Fatalf("%s: %s", text, out)
	}
}

// TestKernelShowsTablesAsTheyAre: a table is there as long as its rules are those that it was
// given, and not when somebody has put as many others in their place.
func TestKernelShowsTablesAsTheyAre(t *testing.T) {
	inNewNamespace(t)
	var k linux
	whole := ruleTable{Table: "culvert-tun0", Device: "tun0", Apart: true, Masquerade: []netip.Prefix{prefix("10.8.0.0/24"), prefix("fd00:8::/64")}}
	inside := chosenTable{Table: "culvert-chosen-tun0", Device: "tun0", Mark: firstMark, Learn: laneLearned, Inside4: true, Outside4: true,
		Inside: members{UIDs: []uint32{65534}}, Outside: members{UIDs: []uint32{1, 2}}}
	if group := fmt.Sprintf("culvert-test-%d", os.Getpid()); k.addGroup(group) == nil { // not every host has control groups
		t.Cleanup(func() { check(t, k.delGroup(group)) })
		inside.Inside.Groups = []string{group}
	}
	outside := inside
	outside.Learn = laneOutside
	block := func() error { return k.blockOutsideDNS("tun0", 7) }
	blocked := func() (bool, error) { return k.outsideDNSBlocked("tun0", 7), nil }
	for _, c := range []struct {
		table  string
		put    func() error
		has    func() (bool, error)
		chains []string
	}{
		{whole.Table, func() error { return k.addTable(whole) }, func() (bool, error) { return k.hasTable(whole) }, []string{forwarding, postrouting}},
		{inside.Table, func() error { return k.addChosen(inside, nil) }, func() (bool, error) { return k.hasChosen(inside) }, []string{marking, returning, translating}},
		{outside.Table, func() error { return k.addChosen(outside, nil) }, func() (bool, error) { return k.hasChosen(outside) }, []string{marking, returning, translating}},
		{namesTable("tun0"), block, blocked, []string{leaving}},
	} {
		at := "inet " + c.table + " "
		changes := []string{"flush ruleset", "delete table " + at, "add table " + at + "{ flags dormant; }", "add chain " + at + "more"}
		for _, chain := range c.chains {
			changes = append(changes, "flush chain "+at+chain, "insert rule "+at+chain+" accept", "replace rule "+at+chain+" handle LAST accept",
				"replace rule "+at+chain+" handle LAST counter")
		}
		for _, change := range changes {
			check(t, c.put())
			if there, err := c.has(); !there || err != nil {
				t.Fatalf("%s is not as it was made: %v", c.table, err)
			}
			nft(t, change)
			if there, err := c.has(); there || err != nil {
				t.Errorf("after %q: there %v, %v", change, there, err)
			}
		}
		check(t, c.put())
	}
	other := inside
	other.Inside.UIDs = []uint32{65533}
	check(t, k.addChosen(inside, nil))
	if there, err := k.hasChosen(other); there || err != nil {
		t.Errorf("another user's table counts: %v", err)
	}
	gone := whole
	gone.Table = "culvert-tun9"
	if there, err := k.hasTable(gone); there || err != nil {
		t.Errorf("a table that was never there: %v, %v", there, err)
	}
}

// TestRulesPutBackLive: a client's and a server's rules that somebody changes into as many
// others are put back.
func TestRulesPutBackLive(t *testing.T) {
	n := newNamespace(t)
	s := State{Device: "tun0", Addresses: []Address{address("10.8.0.2/24")}, Forward: &Forward{IPv4: true, Apart: true},
		Chosen: &Chosen{Inside: Programs{Users: []string{"nobody"}}, IPv4: true}}
	if _, line := n.start("keep", s); line != "applied: <nil>" {
		t.Fatal(line)
	}
	look := func() string {
		return n.in("nft list table inet culvert-tun0", "nft list table inet culvert-chosen-tun0")
	}
	before := look()
	for _, chain := range []string{"culvert-tun0 forward", "culvert-chosen-tun0 output"} {
		listed := n.in("nft -a list chain inet " + chain)
		handle := strings.Fields(listed[strings.LastIndex(listed, "# handle"):])[2]
		n.in(fmt.Sprintf("nft replace rule inet %s handle %s meta mark 0x1 accept", chain, handle))
		for end := time.Now().Add(10 * time.Second); look() != before; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s was not put back:\n%s", chain, look())
			}
		}
	}
}
