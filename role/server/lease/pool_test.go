package lease

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

func poolOf(t *testing.T, directives string) *pool {
	t.Helper()
	l, err := layoutOf(t, directives)
	if err != nil {
		t.Fatal(err)
	}
	return newPool(l)
}

const fiveLeases = "server 10.8.0.8 255.255.255.248" // .10 to .14

func acquire(t *testing.T, p *pool, name string) *Lease {
	t.Helper()
	lease, err := p.acquire(name)
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

func TestPoolGivesTheSameAgain(t *testing.T) {
	p := poolOf(t, fiveLeases)
	a, b := acquire(t, p, "a"), acquire(t, p, "b")
	if a.IPv4 != addr("10.8.0.10") || b.IPv4 != addr("10.8.0.11") || a.IPv6.IsValid() {
		t.Errorf("leases %v, %v", a, b)
	}
	p.release(a)
	if c := acquire(t, p, "c"); c.IPv4 != addr("10.8.0.12") {
		t.Errorf("c got %v while others were never used", c.IPv4)
	}
	if again := acquire(t, p, "a"); again.IPv4 != a.IPv4 {
		t.Errorf("a came back to %v", again.IPv4)
	}
}

// TestPoolExhaustion: then the client that has been away longest loses its address.
func TestPoolExhaustion(t *testing.T) {
	p := poolOf(t, fiveLeases)
	var leases []*Lease
	for i := range 5 {
		leases = append(leases, acquire(t, p, fmt.Sprint("n", i)))
	}
	if _, err := p.acquire("x"); !errors.Is(err, ErrNoLease) || !strings.Contains(err.Error(), "all 5") {
		t.Errorf("%v", err)
	}
	for _, i := range []int{3, 1, 4} {
		p.release(leases[i])
	}
	if x := acquire(t, p, "x"); x.IPv4 != leases[3].IPv4 {
		t.Errorf("x got %v, want the longest unused, %v", x.IPv4, leases[3].IPv4)
	}
	if n3 := acquire(t, p, "n3"); n3.IPv4 != leases[1].IPv4 {
		t.Errorf("n3 got %v", n3.IPv4)
	}
	if n4 := acquire(t, p, "n4"); n4.IPv4 != leases[4].IPv4 {
		t.Errorf("n4 got %v", n4.IPv4)
	}
	if _, err := p.acquire("y"); !errors.Is(err, ErrNoLease) {
		t.Errorf("%v", err)
	}
}

func TestPoolWithoutNames(t *testing.T) {
	p := poolOf(t, fiveLeases)
	seen := make(map[netip.Addr]bool)
	var last *Lease
	for range 5 {
		last = acquire(t, p, "")
		seen[last.IPv4] = true
	}
	if len(seen) != 5 {
		t.Errorf("%d addresses for 5 clients", len(seen))
	}
	p.release(last)
	if again := acquire(t, p, ""); again.IPv4 != last.IPv4 {
		t.Errorf("got %v", again.IPv4)
	}
	if text, _ := p.dump(); len(text) != 0 {
		t.Errorf("nobody's leases were kept: %q", text)
	}
}

// TestReleaseTwice: an old lease has no hold on an address that was given on.
func TestReleaseTwice(t *testing.T) {
	p := poolOf(t, fiveLeases)
	p.release(nil)
	old := acquire(t, p, "a")
	p.release(old)
	p.release(old)
	again := acquire(t, p, "a")
	p.release(old)
	if p.inUse[again.index] != again || len(p.history) != 0 {
		t.Errorf("in use %v, history %v", p.inUse, p.history)
	}
}

func TestSameNameWhileInUse(t *testing.T) {
	p := poolOf(t, fiveLeases)
	first, second := acquire(t, p, "a"), acquire(t, p, "a")
	if first.IPv4 == second.IPv4 {
		t.Fatalf("two clients at %v", first.IPv4)
	}
	p.release(first)
	p.release(second)
	if again := acquire(t, p, "a"); again.IPv4 != second.IPv4 {
		t.Errorf("a came back to %v, was at %v last", again.IPv4, second.IPv4)
	}
}

func TestPoolFileRoundTrip(t *testing.T) {
	const directives = "server 10.8.0.0 255.255.255.0\nserver-ipv6 fd00:8::/64"
	p := poolOf(t, directives)
	for _, name := range []string{"anna", "bert", "with blank", "ü", "evil,10.8.0.99", "two\nlines,10.8.0.98", "#note", ";x", " pad"} {
		acquire(t, p, name)
	}
	text, changes := p.dump()
	want := "anna,10.8.0.2,fd00:8::1000\nbert,10.8.0.3,fd00:8::1001\nwith blank,10.8.0.4,fd00:8::1002\nü,10.8.0.5,fd00:8::1003\n"
	if string(text) != want || changes == 0 {
		t.Errorf("wrote %q, %d changes", text, changes)
	}
	if _, again := p.dump(); again != changes {
		t.Error("changed without a change")
	}
	fresh := poolOf(t, directives)
	if problems := fresh.load(text); len(problems) != 0 {
		t.Errorf("reading it back: %q", problems)
	}
	if again, changes := fresh.dump(); string(again) != want || changes != 0 {
		t.Errorf("read back as %q, %d changes", again, changes)
	}
	if stranger := acquire(t, fresh, "carl"); stranger.IPv4 != addr("10.8.0.6") {
		t.Errorf("a stranger got %v", stranger.IPv4)
	}
	if bert := acquire(t, fresh, "bert"); bert.IPv4 != addr("10.8.0.3") || bert.IPv6 != addr("fd00:8::1001") {
		t.Errorf("bert got %v", bert)
	}
}

// TestOpenVPNPoolFile reads what OpenVPN itself wrote: with net30 its lines
// have the network of the /30.
func TestOpenVPNPoolFile(t *testing.T) {
	for directives, c := range map[string]struct{ line, want string }{
		"server 10.8.0.0 255.255.255.0\ntopology net30":                          {"anna,10.8.0.8,", "10.8.0.10"},
		"server 10.8.0.0 255.255.255.0":                                          {"anna,10.8.0.9,", "10.8.0.9"},
		"server 10.8.0.0 255.255.255.0\ntopology p2p":                            {"anna,10.8.0.9", "10.8.0.9"},
		"server 10.8.0.0 255.255.255.0\nserver-ipv6 fd00:8::/64\ntopology net30": {"anna,10.8.0.8,fd00:8::1001", "10.8.0.10"},
		"server 10.8.0.0 255.255.255.0\nserver-ipv6 fd00:8::/64":                 {"anna,,fd00:8::1001", "10.8.0.3"},
	} {
		p := poolOf(t, directives)
		if problems := p.load([]byte("# a note\n\n" + c.line + "\r\n")); len(problems) != 0 {
			t.Errorf("%q: %q", directives, problems)
		}
		if lease := acquire(t, p, "anna"); lease.IPv4 != addr(c.want) {
			t.Errorf("%q: anna got %v, want %s", directives, lease.IPv4, c.want)
		}
	}
}

func TestPoolFileProblems(t *testing.T) {
	p := poolOf(t, fiveLeases)
	problems := p.load([]byte("anna,10.8.0.10\nbert,10.8.0.10\n,10.8.0.11\ncarl\ndora,10.8.0.9\nemil,x\nfritz,10.9.0.1,fd00::1\nanna,10.8.0.12\n"))
	if len(problems) != 6 || !strings.Contains(strings.Join(problems, "\n"), "line 2") {
		t.Errorf("%q", problems)
	}
	if lease := acquire(t, p, "anna"); lease.IPv4 != addr("10.8.0.12") {
		t.Errorf("the later line of a name counts; got %v", lease.IPv4)
	}
	seen := make(map[netip.Addr]bool)
	for i := range 4 {
		seen[acquire(t, p, fmt.Sprint(i)).IPv4] = true
	}
	if len(seen) != 4 {
		t.Errorf("%d of 4 addresses left", len(seen))
	}
}

func FuzzPoolLoad(f *testing.F) {
	f.Add([]byte("anna,10.8.0.4,fd00:8::1001\nbert,10.8.0.8\n"), true)
	f.Add([]byte("#\n;\n,,\nanna,,fd00:8::1000\nanna,10.8.0.10\n"), false)
	f.Fuzz(func(t *testing.T, text []byte, net30 bool) {
		directives := "server 10.8.0.0 255.255.255.224\nserver-ipv6 fd00:8::/64"
		if net30 {
			directives += "\ntopology net30"
		}
		p := poolOf(t, directives)
		p.load(text)
		kept, _ := p.dump()
		again := poolOf(t, directives)
		if problems := again.load(kept); len(problems) != 0 {
			t.Errorf("own file %q: %q", kept, problems)
		}
		seen := make(map[netip.Addr]bool)
		for i := range p.size() {
			lease, err := p.acquire(fmt.Sprint("client ", i))
			if err != nil || seen[lease.IPv4] {
				t.Fatalf("lease %d: %v, %v", i, lease, err)
			}
			seen[lease.IPv4] = true
		}
		if _, err := p.acquire("one more"); !errors.Is(err, ErrNoLease) {
			t.Errorf("more leases than there are: %v", err)
		}
	})
}

func TestPoolFromManyGoroutines(t *testing.T) {
	p := poolOf(t, "server 10.8.0.0 255.255.255.240")
	var work sync.WaitGroup
	for i := range 8 {
		work.Go(func() {
			for range 100 {
				if lease, err := p.acquire(fmt.Sprint(i)); err == nil {
					p.release(lease)
				}
				p.dump()
			}
		})
	}
	work.Wait()
	if len(p.inUse) != 0 || len(p.history) != 8 {
		t.Errorf("in use %v, history %v", p.inUse, p.history)
	}
}
