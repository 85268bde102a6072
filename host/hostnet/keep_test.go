package hostnet

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// kept is a State applied to a twin in a bubble of its own time, and looked
// after.
type kept struct {
	*testing.T
	k   *twin
	a   *Applied
	log strings.Builder
}

// keeping runs a test of a State that is kept, and checks that all of it is
// taken back at the end.
func keeping(t *testing.T, want State, k *twin, do func(*kept)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		k.triggers = make(chan trigger, 16)
		c := &kept{T: t, k: k}
		h := newProcesses().start(k, t.TempDir(), 1, &c.log)
		c.a = mustApply(t, h, want)
		c.a.keepFrom(func() error { return nil })
		c.log.Reset()
		do(c)
		mustUndo(t, c.a)
		noJournals(t, h.store.dir)
	})
}

// quietly has somebody change the host, without the keeper hearing of it.
func (c *kept) quietly(do func(*twin)) {
	c.a.mu.Lock()
	defer c.a.mu.Unlock()
	do(c.k)
}

// change has somebody change the host, and waits until that was looked at.
func (c *kept) change(by string, do func(*twin)) {
	c.quietly(do)
	c.k.triggers <- trigger{by}
	time.Sleep(2 * settle)
	synctest.Wait()
}

func (c *kept) said(parts ...string) {
	c.Helper()
	for _, p := range parts {
		if !strings.Contains(c.log.String(), p) {
			c.Errorf("the log does not say %q:\n%s", p, c.log.String())
		}
	}
}

func (c *kept) times(text string) int { return strings.Count(c.log.String(), text) }

// whole is a client and a router at once, so that there is all to lose.
func whole() State {
	s := redirected()
	s.Forward = routed("tun0").Forward
	return s
}

// TestLossesArePutBack: whatever of a State somebody takes away is back soon,
// and that is said once, with who it was.
func TestLossesArePutBack(t *testing.T) {
	for name, loss := range map[string]struct {
		lose func(*twin)
		said string
	}{
		"route":           {func(k *twin) { k.lose("0.0.0.0/1") }, "add route 0.0.0.0/1 via 10.8.0.1 dev tun0"},
		"pinned route":    {func(k *twin) { k.lose("203.0.113.5/32") }, "add route 203.0.113.5/32 via 192.168.1.1 dev wlan0"},
		"connected route": {func(k *twin) { k.lose("10.8.0.0/24") }, "add route 10.8.0.0/24 dev tun0"},
		"address":         {func(k *twin) { k.delAddress("tun0", address("10.8.0.2/24")) }, "add address 10.8.0.2/24 to tun0; add route 0.0.0.0/1"},
		"adapter down":    {func(k *twin) { k.set("tun0", propUp, 0); k.lose("128.0.0.0/1") }, "set tun0 up; add route 128.0.0.0/1"},
		"forwarding":      {func(k *twin) { k.setSetting(forward4, "0") }, "set net.ipv4.ip_forward = 1 (was 0)"},
		"packet rules":    {func(k *twin) { clear(k.tables) }, "add nftables table inet culvert-tun0"},
		"names":           {func(k *twin) { k.files["/etc/resolv.conf"] = "nameserver 192.168.1.1\n" }, "write /etc/resolv.conf: nameserver 10.8.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			keeping(t, whole(), newTwin(), func(c *kept) {
				for n := range 20 {
					before := c.k.String()
					c.change("vandal", loss.lose)
					mustEqual(t, c.k.String(), before)
					time.Sleep(time.Minute)
					synctest.Wait()
					if got := c.times("put back what this host had lost"); got != n+1 {
						t.Fatalf("said %d times what happened %d times:\n%s", got, n+1, c.log.String())
					}
				}
				c.said(loss.said, "changed-by=vandal", "(20 times by now)")
			})
		})
	}
}

// lose has routes go, as the kernel and ip-route(8) make them.
func (t *twin) lose(dst string) { t.dropRoutes(func(w way) bool { return w.Dst == prefix(dst) }) }

func (t *twin) set(device string, p property, value int) {
	l := t.links[device]
	l.set(p, value)
	t.links[device] = l
}

// TestToldOnce: what Update said that it could not do is not said again.
func TestToldOnce(t *testing.T) {
	keeping(t, redirected(), newTwin(), func(c *kept) {
		want := redirected()
		want.Routes = append(want.Routes, Route{Dst: prefix("192.168.1.0/24"), Via: ip("10.8.0.1"), Metric: 600})
		if err := c.a.Update(c.Context(), want); !errors.As(err, new(*PartialError)) {
			t.Fatal(err)
		}
		c.change("", func(*twin) {})
		time.Sleep(time.Hour)
		synctest.Wait()
		if c.times("cannot be had now") != 0 {
			t.Errorf("said:\n%s", c.log.String())
		}
		c.change("", func(k *twin) { k.lose("0.0.0.0/0") })
		c.said("route 203.0.113.5/32: the host has no route to it at present")
		if c.times("cannot be had now") != 1 {
			t.Errorf("said:\n%s", c.log.String())
		}
	})
}

// TestLinkServersAreKept: what somebody tells systemd-resolved of the adapter is
// set right again.
func TestLinkServersAreKept(t *testing.T) {
	k := newTwin()
	withResolved(k)
	keeping(t, redirected(), k, func(c *kept) {
		before := c.k.String()
		c.change("", func(k *twin) { k.revertLinkDNS(c.Context(), "tun0") })
		mustEqual(t, c.k.String(), before)
		c.said("have systemd-resolved ask 10.8.0.1")
	})
}

// TestNothingLost: as long as nothing is, nothing is changed, whatever is heard.
func TestNothingLost(t *testing.T) {
	keeping(t, whole(), newTwin(), func(c *kept) {
		steps := c.k.steps
		for range 100 {
			c.change("", func(*twin) {})
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if c.k.steps != steps || c.log.Len() > 0 {
			t.Errorf("%d changes, said:\n%s", c.k.steps-steps, c.log.String())
		}
	})
}

// TestUnheardLossesAreFound: what nobody told of is found a little later.
func TestUnheardLossesAreFound(t *testing.T) {
	keeping(t, whole(), newTwin(), func(c *kept) {
		before := c.k.String()
		c.quietly(func(k *twin) { k.lose("0.0.0.0/1") })
		time.Sleep(lookEvery + settle)
		synctest.Wait()
		mustEqual(t, c.k.String(), before)
	})
}

// TestPinnedWayFollows: the way to the server follows the host's own, also
// where there is none for a while, and where its device gets another name.
func TestPinnedWayFollows(t *testing.T) {
	keeping(t, redirected(), newTwin(), func(c *kept) {
		pinned := func(want string) {
			t.Helper()
			var got string
			for _, w := range c.k.table {
				if w.Dst == prefix("203.0.113.5/32") {
					got += w.String()
				}
			}
			mustEqual(t, got, want)
		}
		var uplink []way
		c.change("", func(k *twin) {
			for _, w := range k.table {
				if w.Device == "wlan0" {
					uplink = append(uplink, w)
				}
			}
			k.dropRoutes(func(w way) bool { return w.Device == "wlan0" })
		})
		pinned("")
		c.said("route 203.0.113.5/32: the host has no route to it at present")
		c.change("", func(k *twin) {
			for _, w := range uplink {
				if w.Dst != prefix("203.0.113.5/32") {
					k.table = append(k.table, w)
				}
			}
		})
		pinned("203.0.113.5/32 via 192.168.1.1 dev wlan0")
		c.change("", func(k *twin) {
			k.links["eth0"] = link{Up: true}
			k.table = append(k.table, way{Dst: prefix("0.0.0.0/0"), Via: ip("172.16.0.1"), Device: "eth0", Index: 7, Metric: 100})
		})
		pinned("203.0.113.5/32 via 172.16.0.1 dev eth0")
		c.change("", func(k *twin) {
			for i, w := range k.table {
				if w.Device == "eth0" {
					k.table[i].Device = "lan0"
				}
			}
			k.links["lan0"] = k.links["eth0"]
		})
		pinned("203.0.113.5/32 via 172.16.0.1 dev lan0")
		if c.times("cannot be had now") != 1 {
			t.Errorf("said:\n%s", c.log.String())
		}
	})
}

// TestInsistingProgram: a program that undoes a change whenever it is made is
// named, and from some time on there is less and less of it.
func TestInsistingProgram(t *testing.T) {
	keeping(t, redirected(), newTwin(), func(c *kept) {
		began := time.Now()
		for time.Since(began) < 15*time.Minute {
			c.change("", func(k *twin) { k.lose("0.0.0.0/1") })
			time.Sleep(time.Second)
		}
		c.said("another program keeps undoing this", "likely=NetworkManager", "unmanaged-devices=interface-name:tun0")
		if c.times("\n") != insisting {
			t.Errorf("said:\n%s", c.log.String())
		}
		time.Sleep(lastPause + lookEvery)
		synctest.Wait()
		if _, ok := longestMatch(c.k.table, ip("1.1.1.1"), func(w way) bool { return w.Device != "tun0" }); !ok {
			t.Error("the route is not back, although nobody insists any more")
		}
		c.a.release()
		if n := c.a.keeper.losses["route 0.0.0.0/1"].times; n < 2*insisting || n > 40 {
			t.Errorf("put back %d times in a quarter of an hour", n)
		}
	})
}

// TestSignedFile: who insists on a file is who signs it.
func TestSignedFile(t *testing.T) {
	keeping(t, redirected(), newTwin(), func(c *kept) {
		for range insisting + 2 {
			c.change("", func(k *twin) { k.files["/etc/resolv.conf"] = "# Generated by resolvconf\nnameserver 9.9.9.9\n" })
		}
		c.said(`likely="Generated by resolvconf"`)
		mustUndo(t, c.a)
		mustEqual(t, c.k.files["/etc/resolv.conf"], "# Generated by resolvconf\nnameserver 9.9.9.9\n")
	})
}

// TestTuningIsLeft: MTU, queue and MAC address of the adapter are an
// administrator's to change while it is up.
func TestTuningIsLeft(t *testing.T) {
	want := redirected()
	want.LLAddr = "02:00:5e:10:00:01"
	keeping(t, want, newTwin(), func(c *kept) {
		c.change("", func(k *twin) {
			k.set("tun0", propMTU, 1280)
			k.set("tun0", propTxQueueLen, 50)
			k.setHardware("tun0", "02:00:5e:10:00:02")
		})
		if l := c.k.links["tun0"]; l.MTU != 1280 || l.TxQueueLen != 50 || l.LLAddr != "02:00:5e:10:00:02" || c.log.Len() > 0 {
			t.Errorf("%+v, said:\n%s", l, c.log.String())
		}
	})
}

// TestKeptBesideEachOther: of two processes that each wrote the names, the
// later stands, and none of them takes that for a loss.
func TestKeptBesideEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, ps, dir := newTwin(), newProcesses(), t.TempDir()
		k.triggers = make(chan trigger)
		k.links["tun1"] = link{MTU: 1500}
		other := State{Device: "tun1", DNS: &DNS{Servers: servers("10.9.0.1")}}
		first := mustApply(t, ps.start(k, dir, 1, nil), redirected())
		second := mustApply(t, ps.start(k, dir, 2, nil), other)
		names, steps := k.files["/etc/resolv.conf"], k.steps
		for _, a := range []*Applied{first, second} {
			a.keepFrom(func() error { return nil })
		}
		time.Sleep(time.Hour)
		mustEqual(t, k.files["/etc/resolv.conf"], names)
		if k.steps != steps {
			t.Errorf("%d changes", k.steps-steps)
		}
		first.release()
		second.release()
		mustUndo(t, second)
		mustUndo(t, first)
		mustEqual(t, k.files["/etc/resolv.conf"], newTwin().files["/etc/resolv.conf"])
	})
}

// TestUplinkThatComesAndGoes: nobody is said to insist where it is the host's
// own network that is lost, and its way is put back at once each time.
func TestUplinkThatComesAndGoes(t *testing.T) {
	keeping(t, redirected(), newTwin(), func(c *kept) {
		for range 40 {
			var uplink []way
			c.change("", func(k *twin) {
				for _, w := range k.table {
					if w.Device == "wlan0" && w.Dst != prefix("203.0.113.5/32") {
						uplink = append(uplink, w)
					}
				}
				k.dropRoutes(func(w way) bool { return w.Device == "wlan0" })
			})
			c.change("", func(k *twin) { k.table = append(k.table, uplink...) })
			if pinnedTo(c.k) != "wlan0" {
				t.Fatal("the way to the server is not back")
			}
		}
		if c.times("keeps undoing this") > 0 {
			t.Errorf("said:\n%s", c.log.String())
		}
	})
}

// TestEditedNames: a line that somebody adds to the names of the tunnel is no
// reason to take these for what was there before.
func TestEditedNames(t *testing.T) {
	const path = "/etc/resolv.conf"
	before := newTwin().files[path]
	for _, c := range []struct{ name, added, want string }{
		{"option", "options rotate\n", before + "options rotate\n"},
		{"name server", "nameserver 9.9.9.9 # wlan1\n", "nameserver 9.9.9.9 # wlan1\n"},
		{"nothing", "", before},
	} {
		for _, when := range []string{"while it is kept", "at the end"} {
			t.Run(c.name+" "+when, func(t *testing.T) {
				k := newTwin()
				keeping(t, redirected(), k, func(k *kept) {
					edit := func(k *twin) { k.files[path] = strings.Replace(k.files[path], "search corp.example\n", c.added, 1) }
					if strings.Contains(when, "end") {
						k.quietly(edit)
						return
					}
					ours := k.k.files[path]
					k.change("", edit)
					mustEqual(t, k.k.files[path], ours)
				})
				mustEqual(t, k.files[path], c.want)
			})
		}
	}
}

// TestManyLosses: thousands of routes are put back with a line of the log that
// can be read.
func TestManyLosses(t *testing.T) {
	want := redirected()
	for i := range 3000 {
		want.Routes = append(want.Routes, Route{Dst: netip.PrefixFrom(netip.AddrFrom4([4]byte{172, byte(16 + i>>8), byte(i), 0}), 24), Via: ip("10.8.0.1")})
	}
	keeping(t, want, newTwin(), func(c *kept) {
		before := c.k.String()
		c.change("", func(k *twin) {
			k.dropRoutes(func(w way) bool { return w.Device == "tun0" && w.Dst.Bits() == 24 && w.Dst.Addr().As4()[0] == 172 })
		})
		mustEqual(t, c.k.String(), before)
		c.said("and 2990 more")
	})
}
