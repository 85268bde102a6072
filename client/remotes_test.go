package client

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/config"
	"culvert/endpoint"
	"culvert/session"
	"culvert/session/negotiate"
)

// remotesOf are some remotes by host, each on port 1194.
func remotesOf(tries int, resolve endpoint.Resolver, names ...string) *remotes {
	c := &config.Config{ConnectTries: tries}
	for _, name := range names {
		c.Remotes = append(c.Remotes, config.Remote{Host: name, Port: "1194"})
	}
	return newRemotes(c, resolve)
}

// tour is what next returns, n times.
func tour(t *testing.T, r *remotes, n int) (list []string) {
	t.Helper()
	for range n {
		target, err := r.next(t.Context())
		switch {
		case errors.Is(err, errExhausted):
			list = append(list, "exhausted")
		case err != nil:
			list = append(list, "error")
		default:
			list = append(list, target.addr.Addr().String())
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

func TestStay(t *testing.T) {
	resolve := hosts(map[string][]string{"a": {"192.0.2.1"}, "b": {"192.0.2.2"}})
	r := remotesOf(0, resolve, "a", "b")
	r.stay() // nothing to stay at yet
	got := tour(t, r, 1)
	r.stay()
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

func TestRemoteErrorsMend(t *testing.T) {
	for name, c := range map[string]struct {
		remote config.Remote
		want   string
	}{
		"port glued to the host": {config.Remote{Host: "vpn.example.org:443", Port: "1194"}, "`remote vpn.example.org 443`"},
		"no such port":           {config.Remote{Host: "a", Port: "no-such-port"}, `port "no-such-port"`},
		"no such name":           {config.Remote{Host: "nowhere", Port: "1194"}, "remote nowhere: the name has no address"},
	} {
		r := newRemotes(&config.Config{Remotes: []config.Remote{c.remote}}, hosts(map[string][]string{"a": {"192.0.2.1"}}))
		if _, err := r.next(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v does not say %q", name, err, c.want)
		}
	}
}

func TestFamilyIsAskedFor(t *testing.T) {
	for family, want := range map[int]string{0: "ip", 4: "ip4", 6: "ip6"} {
		asked := ""
		c := &config.Config{Remotes: []config.Remote{{Host: "a", Port: "1194", Proto: config.Proto{Family: family}}}}
		newRemotes(c, func(_ context.Context, network, _ string) ([]netip.Addr, error) {
			asked = network
			return []netip.Addr{netip.MustParseAddr("192.0.2.1")}, nil
		}).next(t.Context())
		if asked != want {
			t.Errorf("family %d: asked for %q", family, asked)
		}
	}
}

func TestAfterwards(t *testing.T) {
	busy := negotiate.Restart{Temporary: true, SameServer: true, Backoff: 9 * time.Second}
	lost := func(err error) error { return &lostError{err} }
	for name, c := range map[string]struct {
		err     error
		tlsExit bool
		want    verdict
	}{
		"login refused":            {&session.AuthFailedError{Restart: negotiate.Restart{Reason: "no"}}, false, verdict{give: errAny}},
		"login refused at a rekey": {lost(&session.AuthFailedError{}), false, verdict{give: errAny}},
		"refused for now":          {&session.AuthFailedError{Restart: busy}, false, verdict{sameServer: true, backoff: 9 * time.Second}},
		"restart":                  {lost(&session.RestartError{Restart: negotiate.Restart{SameServer: true}}), false, verdict{sameServer: true, established: true}},
		"restart at the next":      {lost(&session.RestartError{}), false, verdict{established: true}},
		"halt":                     {lost(&session.RestartError{Halt: true}), false, verdict{give: errAny}},
		"silence":                  {lost(session.ErrPingTimeout), false, verdict{sameServer: true, established: true}},
		"silence with ping-exit":   {lost(session.ErrPingExit), false, verdict{give: errAny, asked: true}},
		"nothing ever answered":    {session.ErrPingExit, false, verdict{give: errAny, asked: true}},
		"nothing to carry":         {errInactive, false, verdict{give: errAny, asked: true}},
		"handshake with tls-exit":  {&session.HandshakeError{Stage: "x"}, true, verdict{give: errAny}},
		"lost with tls-exit":       {lost(session.ErrPingTimeout), true, verdict{sameServer: true, established: true}},
		"adapter gone":             {fmt.Errorf("%w: the adapter", errFatal), false, verdict{give: errAny}},
		"all tried":                {errExhausted, false, verdict{give: errAny}},
		"handshake failed":         {&session.HandshakeError{Stage: "x"}, false, verdict{}},
		"name without address":     {errors.New("no address"), false, verdict{}},
	} {
		cl := &Client{cfg: &config.Config{TLSExit: c.tlsExit}, login: &login{cfg: &config.Config{}}}
		got := cl.afterwards(c.err)
		if (got.give != nil) != (c.want.give != nil) || got.give != nil && !errors.Is(got.give, c.err) {
			t.Errorf("%s: gives up with %v", name, got.give)
		}
		got.give, c.want.give = nil, nil
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

var errAny = errors.New("any")

func TestLinkOptions(t *testing.T) {
	v4, v6 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	for name, c := range map[string]struct {
		config config.Config
		remote netip.Addr
		want   string
	}{
		"any":            {config.Config{NoBind: true, LocalPort: 1194}, v4, "0.0.0.0:0"},
		"any, IPv6":      {config.Config{NoBind: true}, v6, "[::]:0"},
		"port":           {config.Config{LocalPort: 1194}, v4, "0.0.0.0:1194"},
		"address":        {config.Config{Local: "192.0.2.9", LocalPort: 5}, v4, "192.0.2.9:5"},
		"other family's": {config.Config{Local: "192.0.2.9"}, v6, "[::]:0"},
	} {
		if got := linkOptions(&c.config, c.remote); got.Addr.String() != c.want || !got.Refusals {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// hosts is a resolver of a fixed set of names.
func hosts(known map[string][]string) endpoint.Resolver {
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
