package client

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/host/bringup"
	"culvert/host/hostnet"
	"culvert/internal/simnet"
	"culvert/role/event"
	"culvert/session"
)

// moveAway takes a client from one server to another that gives another address.
func moveAway(t *testing.T, network *simnet.Network, host *fakeNetwork, lines ...string) (c *near, one, two *far) {
	t.Helper()
	one, two = serve(t, network, "192.0.2.1:1194"), serve(t, network, "192.0.2.2:1194")
	two.push = []string{"ifconfig 10.9.0.7 255.255.255.0", "topology subnet", "route-gateway 10.9.0.1", "ping 5", "ping-restart 20"}
	c = connect(t, network, profileText(append(lines, "remote 192.0.2.1", "remote 192.0.2.2", "remote 192.0.2.3", ada)...), func(o *Options) {
		o.Network = host
		open := o.Open
		o.Open = func(ctx context.Context, want bringup.State) (*bringup.Adapter, error) {
			a, err := open(ctx, want)
			return bringup.NewAdapter(a.NIC, choosy{}, want), err
		}
	})
	wait[event.Up](t, c, 1, time.Minute)
	use(t, c, 1)
	return c, one, two
}

// choosy is a host whose adapter cannot have one address.
type choosy struct{}

const unwanted = "10.66.0.7"

func (choosy) Update(_ context.Context, want hostnet.State) error {
	if has(want.Addresses, netip.MustParseAddr(unwanted)) {
		return errors.New("not here")
	}
	return nil
}
func (choosy) Undo(context.Context) error { return nil }
func (choosy) Changes() []string          { return nil }
func (choosy) Resolvers(context.Context, string) (hostnet.Resolvers, error) {
	return hostnet.Resolvers{}, nil
}

func use(t *testing.T, c *near, remote int) {
	t.Helper()
	if err := result(t, c.Controls().Use(c.Controls().Remotes()[remote], netip.AddrPort{}, "a test")); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

// own are the adapter's addresses. Nothing may run meanwhile.
func own(c *near) string {
	synctest.Wait()
	var list []string
	for _, a := range c.state.Addresses {
		list = append(list, fmt.Sprintf("%v%v", a.Prefix, a.Former))
	}
	return strings.Join(list, " ")
}

// TestFormer: connections from the address that a server gave go on by it after a move to
// one that gives another, as long as they are open; new ones go by the new one.
func TestFormer(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		host := &fakeNetwork{way: wifi}
		c, one, two := moveAway(t, network, host, "explicit-exit-notify 1")
		time.Sleep(2 * time.Hour) // and keys have been renewed, and keepalives sent
		if got := own(c); got != "10.9.0.7/24false 10.8.0.2/32true" {
			t.Errorf("has %s %v", got, reported[event.Remark](c))
		}
		if p, from := c.Controls().Former(); p == nil || p.Path().Remote.Addr().String() != "192.0.2.1" || len(from) != 1 {
			t.Errorf("%v from %v", p, from)
		}
		c.nic.Inject(innerPacket("10.8.0.2", "10.77.0.1", "old"))
		c.nic.Inject(innerPacket("10.9.0.7", "10.77.0.1", "new"))
		one.sendPacket(innerPacket("10.77.0.1", "10.8.0.2", "back"))
		time.Sleep(time.Second)
		if !slices.Contains(one.packets(), "old") || !slices.Contains(two.packets(), "new") || len(one.packets()) != 1 || len(two.packets()) != 1 {
			t.Errorf("%q to the one, %q to the other", one.packets(), two.packets())
		}
		if got := c.nic.Drain(); len(got) != 1 || !strings.HasSuffix(string(got[0]), "back") {
			t.Errorf("from the server that was left came %q", got)
		}
		host.open()
		time.Sleep(boundEvery + goodbyeTime)
		if got := own(c); got != "10.9.0.7/24false" {
			t.Errorf("has %s when nothing needs more", got)
		}
		if p, _ := c.Controls().Former(); p != nil {
			t.Error("the session is still there")
		}
		one.mu.Lock()
		defer one.mu.Unlock()
		if len(one.left) != 1 {
			t.Errorf("the server that was left heard %v", one.left)
		}
		if said := reported[event.Remark](c); len(said) != 1 || !strings.Contains(said[0].Text, "go on by the server before") {
			t.Errorf("said %+v", said)
		}
	})
}

// TestFormerEnds: what ends a connection that is kept, and what the adapter has then.
func TestFormerEnds(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(t *testing.T, c *near, one, two *far)
		has  string
		said string
	}{
		"its server ends it": {
			end: func(t *testing.T, c *near, one, two *far) {
				one.do(func(now time.Time, s *session.Session) { s.Exit(now, 1) })
			},
			has:  "10.9.0.7/24false",
			said: "1 connections from there cannot go on: tcp to 10.77.0.1:22",
		},
		"its server is silent": {
			end:  func(t *testing.T, c *near, one, two *far) { one.link.Close() },
			has:  "10.9.0.7/24false",
			said: "192.0.2.1 was kept for what was open from 10.8.0.2, and has ended: ",
		},
		"back to its server": {
			end: func(t *testing.T, c *near, one, two *far) { use(t, c, 0) },
			has: "10.8.0.2/24false 10.9.0.7/32true",
		},
		"on to a third": {
			end: func(t *testing.T, c *near, one, two *far) {
				one.push = []string{"ifconfig 10.10.0.7 255.255.255.0", "topology subnet", "route-gateway 10.10.0.1", "ping 5", "ping-restart 20"}
				use(t, c, 0)
			},
			has:  "10.10.0.7/24false 10.9.0.7/32true",
			said: "than 10.8.0.2, which this host had in the tunnel before: 1 connections from there cannot go on",
		},
		"the present server is lost, back to its server": {
			end: func(t *testing.T, c *near, one, two *far) {
				two.link.Close()
				wait[event.Up](t, c, 3, 5*time.Minute)
			},
			has: "10.8.0.2/24false",
		},
		"the present server gives its address": {
			end: func(t *testing.T, c *near, one, two *far) { two.send("PUSH_UPDATE,ifconfig 10.8.0.2 255.255.255.0") },
			has: "10.8.0.2/24false",
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, network *simnet.Network) {
				n, one, two := moveAway(t, network, &fakeNetwork{way: wifi})
				time.Sleep(time.Minute)
				c.end(t, n, one, two)
				time.Sleep(3 * time.Minute)
				if got := own(n); got != c.has {
					t.Errorf("has %s, want %s %v", got, c.has, reported[event.Remark](n))
				}
				if kept := n.sessions.load().former != nil; kept != strings.Contains(c.has, "true") {
					t.Errorf("a session is kept: %v", kept)
				}
				said := reported[event.Remark](n)
				if !strings.Contains(fmt.Sprint(said), c.said) {
					t.Errorf("said %+v", said)
				}
			})
		})
	}
}

// TestFormerStays: what does not end a connection that is kept. Its server hears nothing of
// it, and packets pass by it both ways.
func TestFormerStays(t *testing.T) {
	const kept = " 10.8.0.2/32true"
	for name, c := range map[string]struct {
		then func(t *testing.T, c *near, host *fakeNetwork, two *far)
		has  string
	}{
		"a new connection to the present server": {then: func(t *testing.T, c *near, _ *fakeNetwork, _ *far) { reconnect(t, c) }},
		"many of them": {then: func(t *testing.T, c *near, _ *fakeNetwork, _ *far) {
			for range 5 {
				reconnect(t, c)
			}
		}},
		"on to a third that gives the present address": {then: func(t *testing.T, c *near, _ *fakeNetwork, two *far) {
			three := serve(t, two.network, "192.0.2.3:1194")
			three.push = two.push
			use(t, c, 2)
		}},
		"on to a third, with nothing open from the present address": {has: "10.10.0.7/24false" + kept, then: func(t *testing.T, c *near, host *fakeNetwork, two *far) {
			host.open(netip.MustParseAddr("10.8.0.2"))
			three := serve(t, two.network, "192.0.2.3:1194")
			three.push = []string{"ifconfig 10.10.0.7 255.255.255.0", "topology subnet", "route-gateway 10.10.0.1", "ping 5", "ping-restart 20"}
			use(t, c, 2)
		}},
		"a move that fails": {then: func(t *testing.T, c *near, _ *fakeNetwork, _ *far) {
			if err := result(t, c.Controls().Use(c.Controls().Remotes()[2], netip.AddrPort{}, "a test")); err == nil {
				t.Error("it did not fail")
			}
		}},
		"a server whose push cannot be had": {then: func(t *testing.T, c *near, _ *fakeNetwork, two *far) {
			three := serve(t, two.network, "192.0.2.3:1194")
			three.push = []string{"ifconfig " + unwanted + " 255.255.255.0", "topology subnet", "route-gateway 10.66.0.1"}
			if err := result(t, c.Controls().Use(c.Controls().Remotes()[2], netip.AddrPort{}, "a test")); err == nil {
				t.Error("it did not fail")
			}
		}},
		"the present connection is begun anew": {then: func(t *testing.T, c *near, _ *fakeNetwork, _ *far) {
			c.Restart()
			wait[event.Up](t, c, 3, time.Minute)
		}},
		"the present server forgets this client": {then: func(t *testing.T, c *near, _ *fakeNetwork, two *far) {
			two.forget()
			wait[event.Up](t, c, 3, time.Minute)
		}},
		"another handshake because of another way": {then: func(t *testing.T, c *near, host *fakeNetwork, two *far) {
			two.forget()
			host.set(mobile)
			host.changes <- struct{}{}
			wait[event.Up](t, c, 3, time.Minute)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, network *simnet.Network) {
				host := &fakeNetwork{way: wifi, changes: make(chan struct{}, 1)}
				n, one, two := moveAway(t, network, host, "connect-retry 1")
				time.Sleep(time.Minute)
				c.then(t, n, host, two)
				time.Sleep(3 * time.Minute)
				if c.has == "" {
					c.has = "10.9.0.7/24false" + kept
				}
				if got := own(n); got != c.has {
					t.Errorf("has %s, want %s %v", got, c.has, reported[event.Remark](n))
				}
				if said := reported[event.Remark](n); strings.Contains(fmt.Sprint(said[1:]), "10.8.0.2") {
					t.Errorf("said %+v", said)
				}
				n.nic.Inject(innerPacket("10.8.0.2", "10.77.0.1", "old"))
				one.sendPacket(innerPacket("10.77.0.1", "10.8.0.2", "back"))
				time.Sleep(time.Second)
				if got := n.nic.Drain(); len(got) != 1 || !slices.Contains(one.packets(), "old") || len(one.seen()) != 1 {
					t.Errorf("%q to its server, %q from there", one.packets(), got)
				}
				if those := n.sessions.load(); those.left != nil || those.beside != nil || those.former == nil {
					t.Errorf("the sessions are %+v", those)
				}
				host.open()
				time.Sleep(boundEvery + goodbyeTime)
				if got := own(n); strings.Contains(got, kept) || n.sessions.load().former != nil {
					t.Errorf("has %s when nothing needs more", got)
				}
			})
		})
	}
}

func reconnect(t *testing.T, c *near) {
	t.Helper()
	if err := result(t, c.Controls().Reconnect("a test")); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

// TestFormerNot: nothing is kept where nothing is open.
func TestFormerNot(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		c, _, _ := moveAway(t, network, &fakeNetwork{way: wifi, idle: true})
		if got := own(c); got != "10.9.0.7/24false" {
			t.Errorf("has %s %v", got, reported[event.Remark](c))
		}
		time.Sleep(lingering + goodbyeTime)
		synctest.Wait()
		if those := c.sessions.load(); those.former != nil {
			t.Error("the session is still there")
		}
	})
}
