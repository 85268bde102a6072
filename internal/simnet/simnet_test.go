package simnet

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/internal/buf"
)

var (
	addrA = netip.MustParseAddrPort("192.0.2.1:1000")
	addrB = netip.MustParseAddrPort("192.0.2.2:1194")
	addrC = netip.MustParseAddrPort("[2001:db8::3]:1194")
)

func listen(t *testing.T, n *Network, addr netip.AddrPort) *Endpoint {
	t.Helper()
	e, err := n.Listen(addr)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func send(t *testing.T, from *Endpoint, to netip.AddrPort, datagrams ...string) {
	t.Helper()
	batch := buf.NewBatch(len(datagrams), 2000)
	for i, d := range datagrams {
		batch[i].Set([]byte(d))
		batch[i].Path.Remote = to
	}
	if n, err := from.WriteBatch(batch); n != len(batch) || err != nil {
		t.Fatal(n, err)
	}
}

// received is what waits for e now.
func received(e *Endpoint) (all []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, d := range e.queue {
		all = append(all, string(d.bytes))
	}
	e.queue = nil
	return all
}

func numbered(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("%04d", i))
	}
	return all
}

func TestPerfectNetwork(t *testing.T) {
	n := New(Options{})
	a, b := listen(t, n, addrA), listen(t, n, addrB)
	batch := buf.NewBatch(2, 10)
	send(t, a, addrB, "one", "longer than ten", "two", "three")
	got, err := b.ReadBatch(batch)
	if got != 2 || err != nil || string(batch[0].Bytes()) != "one" || string(batch[1].Bytes()) != "two" {
		t.Errorf("%d, %v: %q %q", got, err, batch[0].Bytes(), batch[1].Bytes())
	}
	if want := (buf.Path{Remote: addrA, Local: addrB.Addr()}); batch[1].Path != want {
		t.Errorf("path %v, want %v", batch[1].Path, want)
	}
	if got, err := b.WriteBatch(batch); got != 2 || err != nil {
		t.Error(got, err)
	}
	if got := received(a); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("the echo: %q", got)
	}
}

// run sends 1000 datagrams at once and returns those that arrived, in order,
// and when the last did.
func run(t *testing.T, o Options) (arrived []string, last time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		n := New(o)
		a, b := listen(t, n, addrA), listen(t, n, addrB)
		start := time.Now()
		done := make(chan struct{})
		go func() {
			defer close(done)
			batch := buf.NewBatch(64, 10)
			for {
				got, err := b.ReadBatch(batch)
				if err != nil {
					return
				}
				for _, p := range batch[:got] {
					arrived = append(arrived, string(p.Bytes()))
					last = time.Since(start)
				}
			}
		}()
		send(t, a, addrB, numbered(1000)...)
		time.Sleep(time.Hour)
		b.Close()
		<-done
	})
	return arrived, last
}

func TestDelayKeepsOrder(t *testing.T) {
	got, last := run(t, Options{Delay: 50 * time.Millisecond})
	if !slices.Equal(got, numbered(1000)) || last != 50*time.Millisecond {
		t.Errorf("%d arrived until %v, in order: %v", len(got), last, slices.IsSorted(got))
	}
}

func TestFaults(t *testing.T) {
	for name, c := range map[string]struct {
		o          Options
		low, high  int // datagrams that arrive
		sorted     bool
		duplicates bool
		last       time.Duration // the longest way
	}{
		"loss":           {Options{Loss: 0.2}, 750, 850, true, false, 0},
		"all lost":       {Options{Loss: 1}, 0, 0, true, false, 0},
		"duplication":    {Options{Duplicate: 0.2}, 1150, 1250, true, true, 0},
		"reordering":     {Options{Delay: time.Second, Reorder: 0.1}, 1000, 1000, false, false, 3 * time.Second},
		"undelayed":      {Options{Reorder: 0.1}, 1000, 1000, false, false, 2 * time.Millisecond},
		"jitter":         {Options{Jitter: time.Second}, 1000, 1000, false, false, time.Second},
		"MTU":            {Options{MTU: 31}, 0, 0, true, false, 0},
		"MTU just right": {Options{MTU: 32}, 1000, 1000, true, false, 0},
		"filter": {Options{Filter: func(_, _ netip.AddrPort, b []byte) bool { return b[3] == '7' }},
			100, 100, true, false, 0},
	} {
		got, last := run(t, c.o)
		if len(got) < c.low || len(got) > c.high {
			t.Errorf("%s: %d arrived, want %d to %d", name, len(got), c.low, c.high)
		}
		if slices.IsSorted(got) != c.sorted {
			t.Errorf("%s: in order: %v", name, !c.sorted)
		}
		slices.Sort(got)
		if dups := len(slices.Compact(slices.Clone(got))) != len(got); dups != c.duplicates {
			t.Errorf("%s: duplicates: %v", name, dups)
		}
		if last > c.last {
			t.Errorf("%s: the last after %v, want at most %v", name, last, c.last)
		}
	}
}

func TestSeed(t *testing.T) {
	o := Options{Seed: 1, Delay: time.Second, Jitter: time.Second, Loss: 0.2, Duplicate: 0.1, Reorder: 0.1}
	first, _ := run(t, o)
	again, _ := run(t, o)
	if !slices.Equal(first, again) {
		t.Error("one seed, two outcomes")
	}
	o.Seed = 2
	if other, _ := run(t, o); slices.Equal(first, other) {
		t.Error("two seeds, one outcome")
	}
}

func TestRebind(t *testing.T) {
	n := New(Options{})
	a, b := listen(t, n, addrA), listen(t, n, addrB)
	if err := a.Rebind(addrC); err != nil {
		t.Fatal(err)
	}
	send(t, b, addrA, "to the old address")
	send(t, b, addrC, "to the new address")
	if got := received(a); !slices.Equal(got, []string{"to the new address"}) {
		t.Errorf("%q", got)
	}
	send(t, a, addrB, "from the new address")
	batch := buf.NewBatch(1, 100)
	if _, err := b.ReadBatch(batch); err != nil || batch[0].Path.Remote != addrC || a.LocalAddr() != addrC {
		t.Errorf("from %v, %v; the endpoint is at %v", batch[0].Path, err, a.LocalAddr())
	}
	if err := a.Rebind(addrB); !errors.Is(err, ErrAddress) || !strings.Contains(err.Error(), addrB.String()) {
		t.Errorf("to an address in use: %v", err)
	}
	listen(t, n, addrA)
}

func TestListenErrors(t *testing.T) {
	n := New(Options{})
	listen(t, n, addrA)
	for _, addr := range []netip.AddrPort{addrA, {}, netip.MustParseAddrPort("0.0.0.0:1"), netip.MustParseAddrPort("192.0.2.9:0")} {
		if _, err := n.Listen(addr); !errors.Is(err, ErrAddress) {
			t.Errorf("Listen(%v): %v", addr, err)
		}
	}
}

func TestChange(t *testing.T) {
	n := New(Options{})
	a, b := listen(t, n, addrA), listen(t, n, addrB)
	for i, loss := range []float64{0, 1, 0} {
		n.Change(func(o *Options) { o.Loss = loss })
		send(t, a, addrB, fmt.Sprint(i))
	}
	if got := received(b); !slices.Equal(got, []string{"0", "2"}) {
		t.Errorf("%q", got)
	}
}

func TestInboxIsBounded(t *testing.T) {
	n := New(Options{})
	a, b := listen(t, n, addrA), listen(t, n, addrB)
	send(t, a, addrB, numbered(inbox+1)...)
	if got := received(b); len(got) != inbox {
		t.Errorf("%d wait", len(got))
	}
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Options{Delay: time.Second})
		a, b := listen(t, n, addrA), listen(t, n, addrB)
		send(t, a, addrB, "in flight")
		go func() {
			synctest.Wait()
			b.Close()
		}()
		batch := buf.NewBatch(1, 10)
		if _, err := b.ReadBatch(batch); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("pending read: %v", err)
		}
		if _, err := b.WriteBatch(batch); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("write: %v", err)
		}
		if err := b.Rebind(addrC); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("rebind: %v", err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		listen(t, n, addrB)
		time.Sleep(time.Minute)
	})
}
