package reach

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/config"
	"culvert/link"
	"culvert/role/profile"
)

// remotesOf are some remotes by host, each on port 1194.
func remotesOf(tries int, resolve profile.Resolver, names ...string) *Remotes {
	c := &config.Config{Link: config.Link{ConnectTries: tries}}
	for _, name := range names {
		c.Link.Remotes = append(c.Link.Remotes, config.Remote{Host: name, Port: "1194"})
	}
	return NewRemotes(c, resolve)
}

// tour is what next returns, n times.
func tour(t *testing.T, r *Remotes, n int) (list []string) {
	t.Helper()
	for range n {
		target, err := r.Next(t.Context())
		switch {
		case errors.Is(err, ErrExhausted):
			list = append(list, "exhausted")
		case err != nil:
			list = append(list, "error")
		default:
			list = append(list, target.Addr.Addr().String())
		}
	}
	return list
}

func check(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("tried %v, want %v", got, want)
	}
}

func TestRemotesGoRound(t *testing.T) {
	resolve := hosts(map[string][]string{"a": {"192.0.2.1", "192.0.2.2"}, "b": {"2001:db8::1"}, "c": {"::ffff:192.0.2.9"}})
	r := remotesOf(0, resolve, "a", "b", "c")
	check(t, tour(t, r, 6), []string{"192.0.2.1", "192.0.2.2", "2001:db8::1", "192.0.2.9", "192.0.2.1", "192.0.2.2"})
}

func TestRetryLimit(t *testing.T) {
	resolve := hosts(map[string][]string{"a": {"192.0.2.1"}, "b": {"192.0.2.2"}})
	check(t, tour(t, remotesOf(2, resolve, "a", "b"), 5), []string{"192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.2", "exhausted"})
}

// TestReached: whoever was reached is tried as often again.
func TestReached(t *testing.T) {
	r := remotesOf(2, hosts(map[string][]string{"a": {"192.0.2.1"}}), "a")
	got := tour(t, r, 2)
	r.Reached()
	check(t, append(got, tour(t, r, 3)...), []string{"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1", "exhausted"})
}

func TestStay(t *testing.T) {
	resolve := hosts(map[string][]string{"a": {"192.0.2.1"}, "b": {"192.0.2.2"}})
	r := remotesOf(0, resolve, "a", "b")
	r.Stay() // nothing to stay at yet
	got := tour(t, r, 1)
	r.Stay()
	got = append(got, tour(t, r, 2)...)
	check(t, got, []string{"192.0.2.1", "192.0.2.1", "192.0.2.2"})
}

// TestNamesThatFail: the next remote is tried; a name that was known before
// is taken for what it was.
func TestNamesThatFail(t *testing.T) {
	working := true
	table := hosts(map[string][]string{"a": {"192.0.2.1"}, "b": {"192.0.2.2"}})
	r := remotesOf(0, func(ctx context.Context, network, host string) ([]netip.Addr, error) {
		if !working {
			return nil, errors.New("no answer")
		}
		return table(ctx, network, host)
	}, "a", "nowhere", "b")
	check(t, tour(t, r, 3), []string{"192.0.2.1", "error", "192.0.2.2"})
	working = false
	check(t, tour(t, r, 3), []string{"192.0.2.1", "error", "192.0.2.2"})
}

// TestRandomOrder: with remote-random every order comes about, and each round is
// of all remotes.
func TestRandomOrder(t *testing.T) {
	resolve := hosts(map[string][]string{"a": {"192.0.2.1"}, "b": {"192.0.2.2"}, "c": {"192.0.2.3"}})
	first := make(map[string]bool)
	for range 200 {
		c := &config.Config{Link: config.Link{RemoteRandom: true}}
		for _, name := range []string{"a", "b", "c"} {
			c.Link.Remotes = append(c.Link.Remotes, config.Remote{Host: name, Port: "1194"})
		}
		round := tour(t, NewRemotes(c, resolve), 3)
		first[round[0]] = true
		slices.Sort(round)
		check(t, round, []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"})
	}
	if len(first) != 3 {
		t.Errorf("of three remotes, only %v come first", first)
	}
}

// TestRandomHostname: each look-up is of another name below the remote's, and an
// address stays as it is.
func TestRandomHostname(t *testing.T) {
	asked := make(map[string]bool)
	c := &config.Config{Link: config.Link{RemoteRandomHostname: true, Remotes: []config.Remote{{Host: "a.example", Port: "1194"}, {Host: "192.0.2.9", Port: "1194"}}}}
	r := NewRemotes(c, func(_ context.Context, _, host string) ([]netip.Addr, error) {
		asked[host] = true
		return []netip.Addr{netip.MustParseAddr("192.0.2.1")}, nil
	})
	tour(t, r, 6)
	if len(asked) != 4 || !asked["192.0.2.9"] {
		t.Errorf("asked for %v", asked)
	}
	for host := range asked {
		if host != "192.0.2.9" && (len(host) != len("0123456789ab.a.example") || !strings.HasSuffix(host, ".a.example")) {
			t.Errorf("asked for %q", host)
		}
	}
}

// TestResolvRetry: names that have no address are tried for that long, or for ever.
func TestResolvRetry(t *testing.T) {
	for limit, final := range map[time.Duration]bool{-1: false, 0: true, time.Minute: true} {
		synctest.Test(t, func(t *testing.T) {
			c := &config.Config{Link: config.Link{ResolvRetry: limit, Remotes: []config.Remote{{Host: "a", Port: "1194"}, {Host: "b", Port: "1194"}}}}
			r := NewRemotes(c, hosts(nil))
			began := time.Now()
			for time.Since(began) < time.Hour {
				if _, err := r.Next(t.Context()); errors.Is(err, ErrUnresolved) {
					if took := time.Since(began); !final || took < limit || took > limit+10*time.Second {
						t.Errorf("resolv-retry %v: given up after %v", limit, took)
					}
					return
				}
				time.Sleep(time.Second)
			}
			if final {
				t.Errorf("resolv-retry %v: never given up", limit)
			}
		})
	}
}

// TestWait doubles the wait after five rounds, up to its ceiling.
func TestWait(t *testing.T) {
	c := &config.Config{Link: config.Link{ConnectRetry: 2 * time.Second, ConnectRetryMax: 20 * time.Second, Remotes: make([]config.Remote, 2)}}
	r := NewRemotes(c, hosts(nil))
	for failures, want := range map[int]time.Duration{0: 2, 1: 2, 11: 2, 12: 4, 14: 8, 16: 16, 18: 20, 1 << 30: 20} {
		if got := r.Wait(failures, false); got != want*time.Second {
			t.Errorf("after %d failures: %v, want %v", failures, got, want*time.Second)
		}
	}
}

// TestWaitAtOne: what people must mend at one remote is not tried more often for
// there being others.
func TestWaitAtOne(t *testing.T) {
	r := remotesOf(0, hosts(map[string][]string{"a": {"192.0.2.1"}}), "a", "b", "c")
	tour(t, r, 1)
	r.cfg.Link.ConnectRetryMax = time.Minute
	r.last.Settings = r.cfg
	r.Stay()
	for failures, want := range map[int]time.Duration{1: 5, 2: 10, 3: 20, 4: 40, 5: 60} {
		if got := r.Wait(failures, true); got != want*time.Second {
			t.Errorf("after %d failures: %v, want %v", failures, got, want*time.Second)
		}
	}
}

// TestWaitOfNothing: connect-retry 0 waits for nothing at first, and keeps no
// processor busy later.
func TestWaitOfNothing(t *testing.T) {
	r := NewRemotes(&config.Config{Link: config.Link{ConnectRetryMax: time.Second, Remotes: make([]config.Remote, 1)}}, hosts(nil))
	for failures, want := range map[int]time.Duration{1: 0, 5: 0, 6: 100 * time.Millisecond, 7: 200 * time.Millisecond, 1 << 30: time.Second} {
		if got := r.Wait(failures, false); got != want {
			t.Errorf("after %d failures: %v, want %v", failures, got, want)
		}
	}
}

// TestLearn: all remotes are known once learnt, or as they come up; one of them
// is enough.
func TestLearn(t *testing.T) {
	r := remotesOf(0, hosts(map[string][]string{"a": {"192.0.2.1", "192.0.2.2"}}), "nowhere", "a")
	known := netip.MustParseAddrPort("192.0.2.2:1194")
	if r.Knows(known, true) {
		t.Error("known from the start")
	}
	if err := r.Learn(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !r.Knows(known, false) || !r.Knows(netip.AddrPortFrom(known.Addr(), 9), true) || r.Knows(netip.AddrPortFrom(known.Addr(), 9), false) ||
		r.Knows(netip.MustParseAddrPort("192.0.2.3:1194"), true) {
		t.Errorf("known are %v", r.seen)
	}
	if err := remotesOf(0, hosts(nil), "nowhere").Learn(t.Context()); err == nil {
		t.Error("learnt of nothing")
	}
}

// TestSilentProxy: a proxy that takes the connection and says nothing is left,
// also where connect-timeout sets no limit.
func TestSilentProxy(t *testing.T) {
	for _, proxy := range []config.Config{
		{Link: config.Link{HTTPProxy: &config.HTTPProxy{}, ConnectTimeout: 20 * time.Second}}, {Link: config.Link{HTTPProxy: &config.HTTPProxy{}}},
		{Link: config.Link{SOCKSProxy: &config.SOCKSProxy{}, ConnectTimeout: 20 * time.Second}}, {Link: config.Link{SOCKSProxy: &config.SOCKSProxy{}}},
	} {
		synctest.Test(t, func(t *testing.T) {
			proxy.Timers.HandWindow = time.Minute
			d := Dialer{Dial: func(context.Context, link.Options, netip.AddrPort) (net.Conn, error) {
				near, far := net.Pipe()
				go io.Copy(io.Discard, far)
				return near, nil
			}}
			began := time.Now()
			_, err := d.Open(t.Context(), Target{Remote: config.Remote{Proto: config.Proto{TCP: true}}, Settings: &proxy, host: "a", port: 1194})
			if took := time.Since(began); err == nil || took != cmp.Or(proxy.Link.ConnectTimeout, time.Minute) {
				t.Errorf("%v after %v", err, took)
			}
		})
	}
}

func TestRemoteErrorsMend(t *testing.T) {
	for name, c := range map[string]struct {
		remote config.Remote
		want   string
	}{
		"port glued to the host": {config.Remote{Host: "vpn.example.org:443", Port: "1194"}, "`remote vpn.example.org 443`"},
		"no such port":           {config.Remote{Host: "a", Port: "no-such-port"}, `port "no-such-port"`},
		"no such name":           {config.Remote{Host: "nowhere", Port: "1194"}, "remote nowhere: the name has no address"},
	} {
		r := NewRemotes(&config.Config{Link: config.Link{Remotes: []config.Remote{c.remote}}}, hosts(map[string][]string{"a": {"192.0.2.1"}}))
		if _, err := r.Next(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v does not say %q", name, err, c.want)
		}
	}
}

func TestFamilyIsAskedFor(t *testing.T) {
	for family, want := range map[int]string{0: "ip", 4: "ip4", 6: "ip6"} {
		asked := ""
		c := &config.Config{Link: config.Link{Remotes: []config.Remote{{Host: "a", Port: "1194", Proto: config.Proto{Family: family}}}}}
		NewRemotes(c, func(_ context.Context, network, _ string) ([]netip.Addr, error) {
			asked = network
			return []netip.Addr{netip.MustParseAddr("192.0.2.1")}, nil
		}).Next(t.Context())
		if asked != want {
			t.Errorf("family %d: asked for %q", family, asked)
		}
	}
}

func TestLinkOptions(t *testing.T) {
	v4, v6 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	for name, c := range map[string]struct {
		config config.Config
		remote netip.Addr
		want   string
	}{
		"any":            {config.Config{Link: config.Link{NoBind: true, LocalPort: 1194}}, v4, "0.0.0.0:0"},
		"any, IPv6":      {config.Config{Link: config.Link{NoBind: true}}, v6, "[::]:0"},
		"port":           {config.Config{Link: config.Link{LocalPort: 1194}}, v4, "0.0.0.0:1194"},
		"address":        {config.Config{Link: config.Link{Local: "192.0.2.9", LocalPort: 5}}, v4, "192.0.2.9:5"},
		"other family's": {config.Config{Link: config.Link{Local: "192.0.2.9"}}, v6, "[::]:0"},
	} {
		if got := linkOptions(&c.config, c.remote); got.Addr.String() != c.want || !got.Refusals {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// hosts is a resolver of a fixed set of names.
func hosts(known map[string][]string) profile.Resolver {
	return func(_ context.Context, _, host string) (list []netip.Addr, err error) {
		for _, a := range known[host] {
			list = append(list, netip.MustParseAddr(a))
		}
		if list == nil {
			return nil, errors.New("no such host")
		}
		return list, nil
	}
}

// moving is a resolver whose answers a test changes; "" is no answer.
type moving map[string]string

func (m moving) resolve(_ context.Context, _, host string) (list []netip.Addr, err error) {
	for a := range strings.FieldsSeq(m[host]) {
		list = append(list, netip.MustParseAddr(a))
	}
	if list == nil {
		return nil, errors.New("no answer")
	}
	return list, nil
}

// TestStayAnew: the same remote once more, at the address that worked while it
// is one of its own, and where it is now otherwise.
func TestStayAnew(t *testing.T) {
	for name, c := range map[string]struct{ answer, want string }{
		"still one of them": {"192.0.2.2 192.0.2.1", "192.0.2.1 192.0.2.2 192.0.2.9"},
		"moved":             {"192.0.2.3", "192.0.2.3 192.0.2.1 192.0.2.9"},
		"no answer":         {"", "192.0.2.1 192.0.2.9 192.0.2.1"},
	} {
		m := moving{"a": "192.0.2.1", "b": "192.0.2.9"}
		r := remotesOf(0, m.resolve, "a", "b")
		r.StayAnew() // nothing to stay at yet
		check(t, tour(t, r, 1), []string{"192.0.2.1"})
		r.Reached()
		m["a"] = c.answer
		r.StayAnew()
		t.Log(name)
		check(t, tour(t, r, 3), strings.Fields(c.want))
	}
}

// TestWhatWasKnown helps while a name has no answer, or a wrong one, and no
// longer than that, however long the connection was up before.
func TestWhatWasKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := moving{"a": "192.0.2.1 192.0.2.2"}
		r := remotesOf(0, m.resolve, "a")
		var log bytes.Buffer
		r.Log = slog.New(slog.NewTextHandler(&log, nil))
		check(t, tour(t, r, 1), []string{"192.0.2.1"})
		r.Reached()
		time.Sleep(100 * time.Hour)
		r.Leave()
		m["a"] = ""
		check(t, tour(t, r, 2), []string{"192.0.2.1", "192.0.2.2"})
		time.Sleep(believed)
		check(t, tour(t, r, 2), []string{"192.0.2.1", "192.0.2.2"})
		time.Sleep(time.Second)
		check(t, tour(t, r, 1), []string{"error"})
		m["a"] = "192.0.2.3"
		check(t, tour(t, r, 2), []string{"192.0.2.3", "192.0.2.3"}) // 192.0.2.1 is forgotten, too
		if n := strings.Count(log.String(), "what it meant before"); n != 1 {
			t.Errorf("said %d times that there is no answer", n)
		}
	})
}

// TestLinkLocalTargets name the adapter that leads to them: a remote's, a
// proxy's, or that of our own sockets.
func TestLinkLocalTargets(t *testing.T) {
	adapters, err := net.Interfaces()
	if err != nil || len(adapters) == 0 {
		t.Fatalf("this machine has no adapter: %v", err)
	}
	zone := adapters[0].Name
	want := netip.AddrPortFrom(netip.MustParseAddr("fe80::1").WithZone(zone), 1194)
	for name, c := range map[string]*config.Config{
		"remote":        {Link: config.Link{Remotes: []config.Remote{{Host: "fe80::1%" + zone, Port: "1194"}}}},
		"bind-dev":      {Link: config.Link{Remotes: []config.Remote{{Host: "fe80::1", Port: "1194"}}, BindDev: zone}},
		"in a block":    {Link: config.Link{Remotes: []config.Remote{{Host: "fe80::1", Port: "1194", Settings: &config.Config{Link: config.Link{BindDev: zone}}}}}},
		"HTTP proxy":    {Link: config.Link{Remotes: []config.Remote{{Host: "192.0.2.1", Port: "1194", Proto: config.Proto{TCP: true}}}, HTTPProxy: &config.HTTPProxy{Host: "fe80::1%" + zone, Port: "1194"}}},
		"SOCKS for UDP": {Link: config.Link{Remotes: []config.Remote{{Host: "192.0.2.1", Port: "1194"}}, SOCKSProxy: &config.SOCKSProxy{Host: "fe80::1%" + zone, Port: "1194"}}},
	} {
		r := NewRemotes(c, nil)
		target, err := r.Next(t.Context())
		if err != nil || target.Near() != want || c.Link.HTTPProxy == nil && c.Link.SOCKSProxy == nil && !r.Knows(want, false) {
			t.Errorf("%s: %v, %v; want %v", name, target.Near(), err, want)
		}
	}
	r := NewRemotes(&config.Config{Link: config.Link{Remotes: []config.Remote{{Host: "fe80::1", Port: "1194", Pos: config.Pos{File: "a.ovpn", Line: 3}}}}}, nil)
	if _, err := r.Next(t.Context()); err == nil || !strings.Contains(err.Error(), "a.ovpn:3: fe80::1 is a link-local address") {
		t.Errorf("without an adapter: %v", err)
	}
}

// TestAllSideBySide: names are asked for side by side, so that one that hangs takes no time
// from the others; their order stays.
func TestAllSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		resolve := func(ctx context.Context, _, host string) ([]netip.Addr, error) {
			if host == "hangs" {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			time.Sleep(resolveAll / 2)
			return []netip.Addr{netip.MustParseAddr(host[1:])}, nil
		}
		all, err := All(t.Context(), remotesOf(0, resolve, "hangs", "a192.0.2.1", "b192.0.2.2", "c192.0.2.3"))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, target := range all {
			got = append(got, target.Addr.Addr().String())
		}
		check(t, got, []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"})
	})
}
