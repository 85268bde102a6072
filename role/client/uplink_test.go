package client

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"culvert/host/hostnet"
	"culvert/link"
	"culvert/role/profile/reach"
)

// fakeNetwork is a host with one way to everywhere.
type fakeNetwork struct {
	mu      sync.Mutex
	way     hostnet.Way  // zero: none
	def     hostnet.Way  // of the default route; zero: none
	gone    bool         // no address but way.Source is there
	idle    bool         // no connection is open
	only    []netip.Addr // where they are open from; nil: everywhere
	changes chan struct{}
}

func (n *fakeNetwork) Changes(context.Context) <-chan struct{} { return n.changes }
func (n *fakeNetwork) Has(a netip.Addr) bool                   { return !n.gone || a == n.now().Source }
func (n *fakeNetwork) WayTo(netip.Addr) (hostnet.Way, bool)    { return n.now(), n.now() != hostnet.Way{} }

func (n *fakeNetwork) Default(bool) (hostnet.Way, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.def, n.def != hostnet.Way{}
}

func (n *fakeNetwork) Connections(from netip.Addr) []hostnet.Connection {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.idle || n.only != nil && !slices.Contains(n.only, from) {
		return nil
	}
	return []hostnet.Connection{{Proto: "tcp", From: netip.AddrPortFrom(from, 40000), To: netip.MustParseAddrPort("10.77.0.1:22")}}
}

// open has connections open from no other addresses than these.
func (n *fakeNetwork) open(from ...netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.idle, n.only = len(from) == 0, from
}

func (n *fakeNetwork) now() hostnet.Way {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.way
}

func (n *fakeNetwork) set(w hostnet.Way) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.way = w
}

var (
	wifi   = hostnet.Way{Device: "wlan0", Via: netip.MustParseAddr("192.168.1.1"), Source: netip.MustParseAddr("192.168.1.7")}
	mobile = hostnet.Way{Device: "wwan0", Source: netip.MustParseAddr("10.64.0.9")}
	inside = hostnet.Way{Device: "tun0", Source: netip.MustParseAddr("10.8.0.2")}
)

func newUplink(n *fakeNetwork) uplink {
	u := uplink{network: n, own: func() string { return "tun0" }}
	u.listen(context.Background())
	u.to(netip.MustParseAddr("203.0.113.5"))
	return u
}

// TestMoved: a way has moved when it is another one or there again, and never
// while there is none, or none but the tunnel itself.
func TestMoved(t *testing.T) {
	for name, c := range map[string]struct {
		ways  []hostnet.Way
		moved []bool
		gone  bool
	}{
		"nothing":            {[]hostnet.Way{wifi, wifi}, []bool{false}, false},
		"another way":        {[]hostnet.Way{wifi, mobile, mobile}, []bool{true, false}, true},
		"gone and back":      {[]hostnet.Way{wifi, {}, wifi}, []bool{false, true}, false},
		"through the tunnel": {[]hostnet.Way{wifi, inside, wifi}, []bool{false, true}, false},
		"another, by a gap":  {[]hostnet.Way{wifi, {}, mobile}, []bool{false, true}, true},
		"none at first":      {[]hostnet.Way{{}, wifi}, []bool{true}, false},
	} {
		n := &fakeNetwork{way: c.ways[0], gone: true}
		u := newUplink(n)
		var lastGone bool
		for i, way := range c.ways[1:] {
			n.set(way)
			moved, gone := u.moved()
			if moved != c.moved[i] {
				t.Errorf("%s: step %d: moved %v", name, i, moved)
			}
			lastGone = lastGone || gone
		}
		if lastGone != c.gone {
			t.Errorf("%s: the address of before is gone: %v", name, lastGone)
		}
	}
}

// TestNobodyListens: without a network there is nothing to follow.
func TestNobodyListens(t *testing.T) {
	var u uplink
	u.listen(t.Context())
	u.to(netip.MustParseAddr("203.0.113.5"))
	if moved, gone := u.moved(); u.changes != nil || moved || gone {
		t.Error(moved, gone)
	}
}

// TestPauseEndsWithTheGap: an uplink that comes back is not waited out.
func TestPauseEndsWithTheGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNetwork{changes: make(chan struct{}, 1)}
		c := &Client{uplink: newUplink(n)}
		began := time.Now()
		go func() {
			n.changes <- struct{}{} // of no concern
			time.Sleep(time.Second)
			n.set(wifi)
			n.changes <- struct{}{}
		}()
		if !c.pause(t.Context(), time.Hour) || time.Since(began) != time.Second {
			t.Errorf("paused for %v", time.Since(began))
		}
	})
}

// TestFollow: a connection that is up roams, and one that is not begins anew.
func TestFollow(t *testing.T) {
	for name, c := range map[string]struct {
		up   bool
		want error
	}{
		"up":               {up: true},
		"still connecting": {want: errMoved},
	} {
		n := &fakeNetwork{way: wifi}
		cl := &Client{uplink: newUplink(n), log: slog.New(slog.DiscardHandler)}
		a := newTestAttempt(cl, false)
		a.up = c.up
		a.peer.Session.Close() // it sends nothing
		a.peer.Session.Events()
		if err := a.follow(t.Context()); err != nil || cl.mover.roaming.tick != nil {
			t.Errorf("%s: nothing has moved: %v", name, err)
		}
		n.set(mobile)
		if err := a.follow(t.Context()); !errors.Is(err, c.want) || (cl.mover.roaming.tick != nil) != c.up {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOpenFollows: a connection that is still being dialled is given up for
// another way, or a restart, and not for what changes nothing.
func TestOpenFollows(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Client, *fakeNetwork)
		want   error
	}{
		"another way":    {func(_ *Client, n *fakeNetwork) { n.set(mobile) }, errMoved},
		"a way again":    {func(_ *Client, n *fakeNetwork) { n.set(wifi) }, errMoved},
		"no way":         {func(_ *Client, n *fakeNetwork) { n.set(inside) }, context.DeadlineExceeded},
		"restart":        {func(c *Client, _ *fakeNetwork) { c.Restart() }, ErrRestart},
		"end of program": {func(c *Client, _ *fakeNetwork) {}, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &fakeNetwork{way: inside, changes: make(chan struct{}, 1)}
				if name == "another way" {
					n.way = wifi
				}
				cl := &Client{uplink: newUplink(n), restarts: make(chan struct{}, 1)}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				go func() {
					time.Sleep(time.Second)
					c.change(cl, n)
					n.changes <- struct{}{}
				}()
				silent := func(ctx context.Context, _ reach.Target) (link.Link, error) {
					<-ctx.Done()
					return nil, ctx.Err()
				}
				if _, err := cl.open(ctx, reach.Target{}, silent); !errors.Is(err, c.want) {
					t.Error(err)
				}
			})
		})
	}
}
