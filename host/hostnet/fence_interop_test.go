//go:build interop

package hostnet

import (
	"net/netip"
	"runtime"
	"testing"

	"github.com/vishvananda/netns"
)

// inNewNamespace has the rest of a test's goroutine in a network of its own.
func inNewNamespace(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	before, err := netns.Get()
	check(t, err)
	ns, err := netns.New()
	check(t, err)
	t.Cleanup(func() { // on the same goroutine
		ns.Close()
		check(t, netns.Set(before)) // it may be the process's first thread, which never ends
		before.Close()
		runtime.UnlockOSThread()
	})
}

// TestKernelShowsFenceAsItIs: what the kernel says of rules is what it was given, and
// whatever somebody does to them shows, also where their number stays.
func TestKernelShowsFenceAsItIs(t *testing.T) {
	inNewNamespace(t)
	var k linux
	f := Fence{Name: "a", Mark: 7, marks: []uint32{5, 7}, Open: []netip.Prefix{prefix("192.168.1.0/24"), prefix("10.1.2.3/32"), prefix("0.0.0.0/0"), prefix("fd00::/8"), prefix("2001:db8::1/128")}}
	is := func(exactly bool) bool {
		t.Helper()
		there, err := k.hasFence(f, exactly)
		if err != nil {
			there = false
		}
		return there
	}
	set := func() {
		t.Helper()
		check(t, k.addFences([]Fence{f}, []string{"culvert-fence-gone"}))
		if !is(true) || !is(false) {
			t.Fatal("it is not as it was made")
		}
	}
	if is(true) || is(false) {
		t.Error("it is there before")
	}
	set()
	const rest = "inet culvert-fence-a "
	for _, c := range []struct {
		change  string
		counted bool // it shows by the number of rules, too
	}{
		{"flush ruleset", true},
		{"delete table " + rest, true},
		{"flush chain " + rest + "output", true},
		{"insert rule " + rest + "output accept", true},
		{"replace rule " + rest + "output handle LAST accept", false},
		{"replace rule " + rest + "forward handle LAST accept", false},
		{"add table " + rest + "{ flags dormant; }", true},
		{"add chain " + rest + "more", true},
	} {
		before, err := k.ruleGeneration()
		check(t, err)
		again, err := k.ruleGeneration()
		if err != nil || again != before {
			t.Errorf("the generation goes from %d to %d by itself, %v", before, again, err)
		}
		nft(t, c.change)
		if is(true) {
			t.Errorf("after %q it is said to be there", c.change)
		}
		if is(false) == c.counted {
			t.Errorf("after %q, counted: %v", c.change, !c.counted)
		}
		if after, err := k.ruleGeneration(); err != nil || after == before {
			t.Errorf("after %q the generation is %d as before, %v", c.change, after, err)
		}
		set()
	}
	for _, mark := range []uint32{0, OwnMark, 7} {
		check(t, k.blockOutsideDNS("tun0", mark))
		if !k.outsideDNSBlocked("tun0", mark) || k.outsideDNSBlocked("tun0", 5) {
			t.Error("the block of names is not as it was made")
		}
	}
	check(t, k.addFences([]Fence{{Name: "b"}}, []string{f.Table()}))
	if tables, err := k.fenceTables(); err != nil || len(tables) != 1 || tables[0] != "culvert-fence-b" {
		t.Errorf("tables: %q, %v", tables, err)
	}
}
