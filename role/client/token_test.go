package client

import (
	"context"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"culvert/internal/simnet"
	"culvert/role/event"
	"culvert/session"
)

// takes has a server let in who says one of these passwords, and give a token.
func takes(f *far, token string, passwords ...string) {
	f.push = append(f.push, "auth-token "+token)
	f.hello = func(now time.Time, _ int, s *session.Session, h *session.Hello) {
		if !slices.Contains(passwords, h.Password) {
			s.Refuse(now, "")
			return
		}
		f.admit(now, s, h)
	}
}

// said are the passwords that a server was told.
func said(f *far) (list []string) {
	for _, h := range f.seen() {
		list = append(list, h.Password)
	}
	return list
}

// TestTokenElsewhere: a token is good where it came from. Another server is told the password
// of the profile; a typed one, which may be good once, after the token.
func TestTokenElsewhere(t *testing.T) {
	typed := func(o *Options) {
		o.Ask = func(q string, _ bool) (string, error) {
			if q == "User name: " {
				return "ada", nil
			}
			return "secret", nil
		}
	}
	for name, c := range map[string]struct {
		login string
		more  func(*Options)
		takes []string // by the second server
		said  []string // to it
		fails bool
	}{
		"password of the profile":             {ada, nil, []string{"secret"}, []string{"secret"}, false},
		"the servers share their tokens' key": {ada, nil, []string{"t1"}, []string{"secret", "t1"}, false},
		"typed":                               {"auth-user-pass", typed, []string{"secret"}, []string{"t1", "secret"}, false},
		"typed, with a code":                  {"auth-user-pass", typed, []string{"t1"}, []string{"t1"}, false},
		"neither":                             {ada, nil, nil, []string{"secret", "t1"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, network *simnet.Network) {
				one, two := serve(t, network, firstAt), serve(t, network, secondAt)
				takes(one, "t1", "secret", "t1")
				takes(two, "t2", c.takes...)
				client := connect(t, network, profileText("remote 192.0.2.1", "remote 192.0.2.2", c.login), c.more)
				at(t, client, 1, time.Minute, firstAt)
				time.Sleep(time.Second)
				err := result(t, client.Controls().Use(client.Controls().Remotes()[1], netip.AddrPort{}, "a test"))
				if got := said(two); (err != nil) != c.fails || !slices.Equal(got, c.said) {
					t.Errorf("%v: the second server was told %q, want %q", err, got, c.said)
				}
				if !c.fails {
					return
				}
				time.Sleep(time.Second)
				if err := result(t, client.Controls().Reconnect("a test")); err != nil {
					t.Error(err)
				}
				if got := said(one); !slices.Equal(got, []string{"secret", "t1"}) {
					t.Errorf("the first server was told %q", got)
				}
			})
		})
	}
}

// TestTokenFastest: a server that dies is left at once, also where it gave a token.
func TestTokenFastest(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		f, servers, c := threeServers(t, network)
		for at, s := range servers {
			takes(s, "token-of-"+at, "secret", "token-of-"+at)
		}
		at(t, c, 1, time.Minute, secondAt)
		ping(t, c, servers, 100*time.Millisecond)
		time.Sleep(time.Minute)
		died := time.Now()
		f.change(func(f *farther) { f.dead[netip.MustParseAddrPort(secondAt)] = true })
		at(t, c, 2, time.Minute, firstAt)
		if took := time.Since(died); took > 2*time.Second {
			t.Errorf("up again after %v", took)
		}
	})
}

// TestTokenOver: a host that wakes when its token is over logs in by the password, at once.
func TestTokenOver(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		clock := &fakeClock{began: time.Now()}
		r := roam(t, network, clock)
		takes(r.f, "t1", "secret")
		r.Restart()
		wait[event.Up](t, r.near, 2, time.Minute)
		time.Sleep(time.Minute)
		r.f.forget()
		clock.sleep(2 * time.Hour)
		if gap := r.gap(t); gap > 2*time.Second {
			t.Errorf("the gap is %v; it said %q", gap, said(r.f))
		}
	})
}

// TestChallengedMove: where another server answers a login with a question, the client stays,
// and blames nobody.
func TestChallengedMove(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		serve(t, network, firstAt)
		two := serve(t, network, secondAt)
		two.hello = func(now time.Time, _ int, s *session.Session, h *session.Hello) {
			s.Refuse(now, "CRV1:R,E:SESS1:YWRh:Your code, please")
		}
		c := connect(t, network, profileText("remote 192.0.2.1", "remote 192.0.2.2", ada), nil)
		at(t, c, 1, time.Minute, firstAt)
		time.Sleep(time.Second)
		if err := result(t, c.Controls().Use(c.Controls().Remotes()[1], netip.AddrPort{}, "a test")); err != errAsks {
			t.Error(err)
		}
	})
}

// TestUseWhileConnecting: the server that the user asks for is tried next, whichever is the
// fastest.
func TestUseWhileConnecting(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		_, _, c := threeServers(t, network)
		lettingNobodyIn(network, secondAt)
		wait[event.Connecting](t, c, 1, time.Minute)
		time.Sleep(2 * time.Second)
		if err := result(t, c.Controls().Use(c.Controls().Remotes()[2], netip.AddrPort{}, "a test")); err != nil {
			t.Error(err)
		}
		at(t, c, 1, 10*time.Second, thirdAt)
	})
}

// TestFastestWithoutNames: a server that dies is left as soon where names get no answer any
// more; and who asks for one by its name waits alone.
func TestFastestWithoutNames(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		servers := map[string]*far{}
		names := map[string]netip.Addr{}
		var lines []string
		for name, at := range map[string]string{"a.example": firstAt, "b.example": secondAt, "c.example": thirdAt} {
			servers[at] = serve(t, network, at)
			names[name] = netip.MustParseAddrPort(at).Addr()
		}
		for _, name := range []string{"a.example", "b.example", "c.example"} {
			lines = append(lines, "remote "+name)
		}
		f := newFarther(network, map[string]time.Duration{firstAt: 40 * time.Millisecond, secondAt: 10 * time.Millisecond, thirdAt: 90 * time.Millisecond})
		var mute atomic.Bool
		c := connect(t, network, profileText(append(lines, "remote-select fastest", ada)...), func(o *Options) {
			o.Resolve = func(ctx context.Context, _, host string) ([]netip.Addr, error) {
				if mute.Load() {
					<-ctx.Done()
					return nil, ctx.Err()
				}
				return []netip.Addr{names[host]}, nil
			}
		})
		at(t, c, 1, time.Minute, secondAt)
		ping(t, c, servers, 100*time.Millisecond)
		time.Sleep(time.Minute)
		mute.Store(true)
		died := time.Now()
		f.change(func(f *farther) { f.dead[netip.MustParseAddrPort(secondAt)] = true })
		at(t, c, 2, time.Minute, firstAt)
		if took := time.Since(died); took > 2*time.Second {
			t.Errorf("up again after %v", took)
		}
		time.Sleep(time.Minute)
		moved := c.Controls().Use(c.Controls().Remotes()[2], netip.AddrPort{}, "a test")
		time.Sleep(time.Second)
		if n := len(reported[event.Up](c)); n != 2 {
			t.Errorf("up %d times", n)
		}
		if err := result(t, moved); err != nil { // the address from before is known
			t.Error(err)
		}
		at(t, c, 3, time.Minute, thirdAt)
	})
}
