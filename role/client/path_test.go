package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/config"
	"culvert/host/bringup"
	"culvert/host/hostnet"
	"culvert/internal/simnet"
	"culvert/link"
	"culvert/nic/nictest"
	"culvert/role/event"
)

// measuredHost is a host whose adapter has an MTU, which it may refuse to change.
type measuredHost struct {
	n      *near
	mtus   []int
	refuse bool
	why    error // nil: any
	asked  int   // to change it, in vain
}

func (h *measuredHost) Update(_ context.Context, want hostnet.State) error {
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	if now := append([]int{1500}, h.mtus...); h.refuse && want.MTU != now[len(now)-1] {
		h.asked++
		return cmp.Or(h.why, errors.New("not here"))
	}
	h.mtus = append(h.mtus, want.MTU)
	return nil
}
func (h *measuredHost) Undo(context.Context) error { return nil }
func (h *measuredHost) Changes() []string          { return nil }
func (h *measuredHost) Resolvers(context.Context, string) (hostnet.Resolvers, error) {
	return hostnet.Resolvers{}, nil
}

// mtu is what the adapter has.
func (h *measuredHost) mtu() int {
	synctest.Wait()
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	if len(h.mtus) == 0 {
		return 1500
	}
	return h.mtus[len(h.mtus)-1]
}

// remarks are all that a client remarked, one a line.
func remarks(c *near) string {
	var b strings.Builder
	for _, r := range reported[event.Remark](c) {
		b.WriteString(r.Text + "\n")
	}
	return b.String()
}

// narrowWorld is a client that measures the path to a server, which carries 1312 bytes.
func narrowWorld(t *testing.T, network *simnet.Network, push string, refuse bool, lines ...string) (*near, *far, *measuredHost) {
	f := serve(t, network, "192.0.2.1:1194")
	if push != "" {
		f.push = append(f.push, push)
	}
	network.Change(func(o *simnet.Options) { o.MTU = 1312 })
	h := &measuredHost{n: &near{nic: nictest.New("tun0", 1500)}, refuse: refuse}
	c := connect(t, network, profileText(append(lines, "remote 192.0.2.1")...), func(o *Options) {
		listen := o.Listen
		o.Listen = func(lo link.Options) (link.Link, error) {
			l, err := listen(lo)
			if err != nil {
				return nil, err
			}
			return simnet.Whole{Endpoint: l.(*simnet.Endpoint)}, nil
		}
		o.Open = func(_ context.Context, want bringup.State) (*bringup.Adapter, error) {
			return bringup.NewAdapter(h.n.nic, h, want), nil
		}
	})
	wait[event.Up](t, c, 1, time.Minute)
	return c, f, h
}

// TestAdapterFollowsPath: the adapter's MTU goes down to what the path carries, stays there
// while another connection is measured, and goes up when the path carries more, or the
// configuration says how long packets are.
func TestAdapterFollowsPath(t *testing.T) {
	const inner = 1312 - 28 - 28 // IPv4 and UDP; opcode and peer-id, epoch and packet-id, tag
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		c, _, h := narrowWorld(t, network, "", false)
		time.Sleep(10 * time.Second)
		if got := h.mtu(); got != inner || !strings.Contains(remarks(c), "path 1312, MSS from 1396 to 1216, the adapter's MTU from 1500 to 1256\n") {
			t.Errorf("MTU %d on a path of 1312, said:\n%s", got, remarks(c))
		}
		c.Restart()
		wait[event.Up](t, c, 2, time.Minute)
		if got := h.mtu(); got != inner {
			t.Errorf("MTU %d after connecting anew, before the path is measured", got)
		}
		network.Change(func(o *simnet.Options) { o.MTU = 0 })
		time.Sleep(25 * time.Minute)
		if got := h.mtu(); got != 1500 || !strings.Contains(remarks(c), " or more") {
			t.Errorf("MTU %d on a path that carries all, said:\n%s", got, remarks(c))
		}
		network.Change(func(o *simnet.Options) { o.MTU = 1312 })
		time.Sleep(25 * time.Minute)
		if got := h.mtu(); got != inner {
			t.Errorf("MTU %d on a path that is narrow again", got)
		}
		if err := c.Adopt(parse(t, profileText("remote 192.0.2.1", "mssfix 1440"))); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if got := h.mtu(); got != inner {
			t.Errorf("MTU %d, with mssfix that is more than the path carries", got)
		}
		if err := c.Adopt(parse(t, profileText("remote 192.0.2.1", "mssfix 0"))); err != nil {
			t.Fatal(err)
		}
		if got := h.mtu(); got != 1500 || c.Server().Carried() != 0 {
			t.Errorf("MTU %d, and packets of %d bytes inside, with mssfix 0", got, c.Server().Carried())
		}
	})
}

// TestAdapterFollowsPathNoFurther: not below what IPv6 needs; and an MTU that cannot be
// changed is told once, and is no fault of the next state.
func TestAdapterFollowsPathNoFurther(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		c, _, h := narrowWorld(t, network, "ifconfig-ipv6 fd00::2/64 fd00::1", false)
		time.Sleep(10 * time.Second)
		if got := h.mtu(); got != 1280 || !strings.Contains(remarks(c), "from 1500 to 1280, which is the least for what it carries: packets of more than 1256 ") {
			t.Errorf("MTU %d, said:\n%s", got, remarks(c))
		}
	})
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		c, f, h := narrowWorld(t, network, "", true)
		time.Sleep(10 * time.Second)
		if !strings.Contains(remarks(c), "the adapter's MTU stays 1500") {
			t.Errorf("said:\n%s", remarks(c))
		}
		f.send("PUSH_UPDATE,route 10.9.0.0 255.255.0.0")
		wait[event.PushUpdated](t, c, 1, time.Minute)
		time.Sleep(time.Hour)
		if got := h.mtu(); got != 1500 || len(reported[event.Lost](c)) > 0 {
			t.Errorf("MTU %d, %s", got, c.kinds())
		}
	})
	inWorld(t, func(t *testing.T, network *simnet.Network) { // the right to change it is lost
		c, f, h := narrowWorld(t, network, "", false)
		time.Sleep(10 * time.Second)
		narrow := h.mtu()
		h.n.mu.Lock()
		h.refuse = true
		h.n.mu.Unlock()
		network.Change(func(o *simnet.Options) { o.MTU = 0 })
		time.Sleep(25 * time.Minute)
		f.send("PUSH_UPDATE,route 10.9.0.0 255.255.0.0")
		wait[event.PushUpdated](t, c, 1, time.Minute)
		if got := h.mtu(); got != narrow || len(reported[event.Lost](c)) > 0 || !strings.Contains(remarks(c), fmt.Sprintf("the adapter's MTU stays %d", narrow)) {
			t.Errorf("MTU %d, %s, said:\n%s", got, c.kinds(), remarks(c))
		}
	})
}

// TestAdapterFollowsPathAgain: an MTU that could not be changed is tried again when the path
// is measured again, unless this process may not change it.
func TestAdapterFollowsPathAgain(t *testing.T) {
	for _, denied := range []bool{false, true} {
		inWorld(t, func(t *testing.T, network *simnet.Network) {
			c, _, h := narrowWorld(t, network, "", true)
			if denied {
				h.n.mu.Lock()
				h.why = fmt.Errorf("change link tun0: %w", hostnet.ErrPermission)
				h.n.mu.Unlock()
			}
			time.Sleep(10 * time.Second)
			if got := h.mtu(); got != 1500 || !strings.Contains(remarks(c), "the adapter's MTU stays 1500") {
				t.Errorf("denied %v: MTU %d, said:\n%s", denied, got, remarks(c))
			}
			c.Restart()
			wait[event.Up](t, c, 2, time.Minute)
			time.Sleep(10 * time.Second)
			h.n.mu.Lock()
			asked := h.asked
			h.refuse = false
			h.n.mu.Unlock()
			if want := map[bool]int{false: 2, true: 1}[denied]; asked != want {
				t.Errorf("denied %v: tried %d times, want %d", denied, asked, want)
			}
			c.Restart()
			wait[event.Up](t, c, 3, time.Minute)
			time.Sleep(10 * time.Second)
			if got, want := h.mtu(), map[bool]int{false: 1312 - 28 - 28, true: 1500}[denied]; got != want {
				t.Errorf("denied %v: MTU %d when it can be changed, want %d", denied, got, want)
			}
		})
	}
}

// TestNarrowingGiven: another MTU that is given takes the place of one that could not be
// changed, unless this process may not change it, or the adapter is another one.
func TestNarrowingGiven(t *testing.T) {
	for _, c := range []struct {
		why         error
		reopened    bool
		given       int
		want, stays int
	}{
		{why: errors.New("x"), given: 1500, want: 1500},
		{why: errors.New("x"), given: 1400, want: 1400},
		{why: hostnet.ErrPermission, given: 1400, want: 1500, stays: 1500},
		{why: hostnet.ErrPermission, reopened: true, given: 1400, want: 1400},
	} {
		n := narrowing{given: 1450}
		n.stays(1500, c.why)
		if c.reopened {
			n.reopened()
		}
		if stays, got := n.give(c.given), n.mtu(&config.Config{}, bringup.State{}); stays != c.stays || got != c.want {
			t.Errorf("%+v: %d, and %d stays", c, got, stays)
		}
	}
}

// TestNarrowing: an MTU that could not be changed stays.
func TestNarrowing(t *testing.T) {
	state := bringup.State{State: hostnet.State{Addresses: []hostnet.Address{{Prefix: netip.MustParsePrefix("10.8.0.2/24")}}}}
	for _, c := range []struct {
		n    narrowing
		want int
	}{{narrowing{inner: 1300, given: 1500}, 1300}, {narrowing{given: 1500}, 1500}, {narrowing{inner: 1300, given: 1500, fixed: 1400}, 1400}, {narrowing{inner: 100, given: 1500}, 576}, {narrowing{inner: 1300, given: 1200}, 1200}} {
		if got := c.n.mtu(&config.Config{}, state); got != c.want {
			t.Errorf("%+v: %d, want %d", c.n, got, c.want)
		}
	}
}

// TestMTUTest: `mtu-test` has the log say what was measured in OpenVPN's words, or why
// nothing is.
func TestMTUTest(t *testing.T) {
	for lines, want := range map[string]string{
		"mtu-test":                "NOTE: Empirical MTU test completed [Tried,Actual] local->remote=[1464,1284] remote->local=[1464,1284]\n",
		"mtu-test\nmssfix 1200":   "local->remote=[1200,1200] remote->local=[1200,1200]\n",
		"mtu-test\nmtu-disc no":   "mtu-test: nothing is measured, since `mtu-disc no` ",
		"remote-random\ndev tun0": "",
	} {
		inWorld(t, func(t *testing.T, network *simnet.Network) {
			c, _, _ := narrowWorld(t, network, "", false, lines)
			time.Sleep(10 * time.Second)
			if said := remarks(c); !strings.Contains(said, want) || strings.Contains(said, "Empirical") != strings.Contains(want, "local->remote") {
				t.Errorf("%q: said:\n%s", lines, said)
			}
		})
	}
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		serve(t, network, "192.0.2.1:1194")
		c := connect(t, network, profileText("remote 192.0.2.1", "mtu-test"), nil)
		wait[event.Up](t, c, 1, time.Minute)
		synctest.Wait()
		if said := remarks(c); !strings.Contains(said, "mtu-test: nothing is measured: that takes Linux") {
			t.Errorf("said:\n%s", said)
		}
	})
}
