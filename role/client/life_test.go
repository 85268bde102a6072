package client

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/host/bringup"
	"culvert/internal/simnet"
	"culvert/role/event"
	"culvert/session"
)

// inWorld runs a test on a network with a delay, in a bubble.
func inWorld(t *testing.T, run func(t *testing.T, network *simnet.Network)) {
	t.Helper()
	secrets()
	synctest.Test(t, func(t *testing.T) { run(t, simnet.New(simnet.Options{Delay: 10 * time.Millisecond})) })
}

// TestLife: what a client reports from its first packet to its end, in order, and
// the server hears that it leaves.
func TestLife(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		f := serve(t, network, "192.0.2.1:1194")
		c := connect(t, network, profileText("remote vpn.example", "explicit-exit-notify 1"), nil)
		up := wait[event.Up](t, c, 1, time.Minute)
		want := event.Up{Remote: event.Remote{Host: "vpn.example", Proto: "udp", Addr: netip.MustParseAddrPort("192.0.2.1:1194")},
			Adapter: "tun0", IPv4: netip.MustParseAddr("10.8.0.2")}
		if up != want {
			t.Errorf("%+v", up)
		}
		secured := reported[event.Secured](c)[0]
		if secured.Cipher != "AES-256-GCM" || secured.Certificate == nil || secured.Certificate.Subject.CommonName != "far" {
			t.Errorf("%+v", secured)
		}
		if a := reported[event.Configuring](c)[0].Addresses; !slices.Equal(a, []netip.Prefix{netip.MustParsePrefix("10.8.0.2/24")}) {
			t.Error(a)
		}
		c.stop()
		if err := c.ends(t, 10*time.Second); err != nil {
			t.Error(err)
		}
		if got, want := c.kinds(), "Resolving Connecting Answered Asking Secured Pushed Configuring Configured Up Ended AdapterClosed"; got != want {
			t.Errorf("reported %s\nwant     %s", got, want)
		}
		synctest.Wait()
		time.Sleep(time.Second)
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(f.left) != 1 || !errors.Is(f.left[0], session.ErrPeerExit) {
			t.Errorf("the server heard %v", f.left)
		}
	})
}

// TestLostAndFound: a server that falls silent is lost after ping-restart, tried
// again soon, and found when it is back; the adapter stays.
func TestLostAndFound(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		serve(t, network, "192.0.2.1:1194")
		c := connect(t, network, profileText("remote 192.0.2.1", "hand-window 15"), nil)
		wait[event.Up](t, c, 1, time.Minute)
		network.Change(func(o *simnet.Options) { o.Loss = 1 })
		lost := wait[event.Lost](t, c, 1, time.Minute)
		if !errors.Is(lost.Err, session.ErrPingTimeout) {
			t.Error(lost.Err)
		}
		if first := wait[event.Reconnecting](t, c, 1, time.Minute); first.Failures != 0 || first.Wait > 5*time.Second {
			t.Errorf("after a connection that worked: %+v", first)
		}
		third := wait[event.Reconnecting](t, c, 3, 5*time.Minute)
		if third.Failures != 2 || !strings.Contains(third.Err.Error(), "nothing was received") {
			t.Errorf("%+v", third)
		}
		network.Change(func(o *simnet.Options) { o.Loss = 0 })
		wait[event.Up](t, c, 2, 5*time.Minute)
		if n := len(c.states); n != 1 {
			t.Errorf("the adapter was opened %d times", n)
		}
	})
}

// TestRefusals: what a client does with each way a server has to say no.
func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		reason string
		lines  []string
		ends   string        // "": it goes on
		wait   time.Duration // at least, before the next try
	}{
		"no":                     {reason: "", ends: "wrong name or password"},
		"with a reason":          {reason: "no coffee", ends: "no coffee"},
		"no, and the same again": {reason: "", lines: []string{"auth-retry nointeract"}, wait: time.Second},
		"for now":                {reason: "TEMP[backoff 42]:busy", wait: 42 * time.Second},
		"wants a code":           {reason: "CRV1:R,E:state:YWRh:PIN", ends: "auth-retry interact"},
		"cipher":                 {reason: "Data channel cipher negotiation failed (no shared cipher)", ends: "add one of those to the line here: `data-ciphers AES-256-GCM:"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, network *simnet.Network) {
				f := serve(t, network, "192.0.2.1:1194")
				f.hello = func(now time.Time, n int, s *session.Session, h *session.Hello) {
					if n == 1 {
						s.Refuse(now, c.reason)
						return
					}
					f.admit(now, s, h)
				}
				n := connect(t, network, profileText(append(c.lines, "remote 192.0.2.1", "<auth-user-pass>\nada\nsecret\n</auth-user-pass>")...), nil)
				if c.ends != "" {
					err := n.ends(t, time.Minute)
					if err == nil || !strings.Contains(err.Error(), c.ends) {
						t.Errorf("ended with %v", err)
					}
					if last := reported[event.Ended](n); len(last) != 1 || last[0].Err == nil || last[0].Asked {
						t.Errorf("%+v", last)
					}
					return
				}
				if again := wait[event.Reconnecting](t, n, 1, time.Minute); again.Wait < c.wait {
					t.Errorf("again after %v", again.Wait)
				}
				wait[event.Up](t, n, 1, 5*time.Minute)
				if all := f.seen(); len(all) != 2 || all[1].Username != "ada" || n.login.password != "secret" {
					t.Errorf("%d tries", len(all))
				}
			})
		})
	}
}

// TestSentAway: a server that asks for a restart is given time for it; one that
// says HALT is left for good.
func TestSentAway(t *testing.T) {
	for text, halt := range map[string]bool{"RESTART": false, "RESTART,[N]over there": false, "HALT,closed": true} {
		t.Run(text, func(t *testing.T) {
			inWorld(t, func(t *testing.T, network *simnet.Network) {
				f := serve(t, network, "192.0.2.1:1194")
				serve(t, network, "192.0.2.2:1194")
				c := connect(t, network, profileText("remote 192.0.2.1", "remote 192.0.2.2", "<auth-user-pass>\nada\nsecret\n</auth-user-pass>"), nil)
				wait[event.Up](t, c, 1, time.Minute)
				f.send(text)
				if halt {
					if err := c.ends(t, time.Minute); err == nil || !strings.Contains(err.Error(), "HALT") {
						t.Error(err)
					}
					return
				}
				if again := wait[event.Reconnecting](t, c, 1, time.Minute); again.Wait < afterRestart || again.Failures != 0 {
					t.Errorf("%+v", again)
				}
				next := wait[event.Up](t, c, 2, time.Minute).Remote.Addr.String()
				if want := map[bool]string{false: "192.0.2.1:1194", true: "192.0.2.2:1194"}[strings.Contains(text, "[N]")]; next != want {
					t.Errorf("then connected to %s", next)
				}
			})
		})
	}
}

// TestTokenOverTheWire: a token stands for the password from then on, until it is
// refused.
func TestTokenOverTheWire(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		f := serve(t, network, "192.0.2.1:1194")
		var passwords []string
		f.hello = func(now time.Time, n int, s *session.Session, h *session.Hello) {
			passwords = append(passwords, h.Password)
			if n == 3 {
				s.Refuse(now, "SESSION:expired")
				return
			}
			f.admit(now, s, h)
		}
		f.push = append(f.push, "auth-token TOKEN")
		c := connect(t, network, profileText("remote 192.0.2.1", "<auth-user-pass>\nada\nsecret\n</auth-user-pass>"), nil)
		wait[event.Up](t, c, 1, time.Minute)
		if len(reported[event.TokenGiven](c)) != 1 {
			t.Error(c.kinds())
		}
		for _, p := range reported[event.Pushed](c) {
			if strings.Contains(strings.Join(p.Options, ","), "TOKEN") {
				t.Error("the token is in an event")
			}
		}
		for up := 2; up <= 3; up++ {
			c.Restart()
			wait[event.Up](t, c, up, 5*time.Minute)
		}
		if want := []string{"secret", "TOKEN", "TOKEN", "secret"}; !slices.Equal(passwords, want) {
			t.Errorf("sent %v", passwords)
		}
	})
}

// TestLoginSteps: a page to open is shown, a question is asked and its answer sent,
// and the time that takes does not count against the handshake.
func TestLoginSteps(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		f := serve(t, network, "192.0.2.1:1194")
		f.hello = func(now time.Time, n int, s *session.Session, h *session.Hello) {
			s.Pend(now, 3*time.Minute, "WEB_AUTH::https://vpn.example/login")
			s.Send("INFO_PRE,CR_TEXT:E,R:Which code?")
			s.Send("INFO_PRE,DANCE:please")
			time.AfterFunc(2*time.Minute, func() { f.do(func(now time.Time, s *session.Session) { f.admit(now, s, h) }) })
		}
		asked := ""
		c := connect(t, network, profileText("remote 192.0.2.1", "connect-timeout 20", "<auth-user-pass>\nada\nsecret\n</auth-user-pass>"), func(o *Options) {
			o.Ask = func(question string, echo bool) (string, error) {
				asked = question
				return "4711", nil
			}
		})
		wait[event.Up](t, c, 1, 5*time.Minute)
		if p := reported[event.LoginPending](c); len(p) != 1 || p[0].Timeout < time.Minute {
			t.Errorf("%v", p)
		}
		asks := reported[event.LoginAsked](c)
		if len(asks) != 3 {
			t.Fatalf("%+v", asks)
		}
		var pages, questions int
		for _, a := range asks {
			if a.URL == "https://vpn.example/login" {
				pages++
			}
			if a.Question == "Which code?" && a.Answer {
				questions++
			}
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		if pages != 1 || questions != 1 || asked != "Which code? " || len(f.answers) != 1 || f.answers[0] != "NDcxMQ==" {
			t.Errorf("%+v, asked %q, answered %q", asks, asked, f.answers)
		}
	})
}

// TestPushUpdateOverTheWire: a change of the push reaches the host while the tunnel
// stays up; one that cannot takes a new connection.
func TestPushUpdateOverTheWire(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		f := serve(t, network, "192.0.2.1:1194")
		c := connect(t, network, profileText("remote 192.0.2.1", "<auth-user-pass>\nada\nsecret\n</auth-user-pass>"), nil)
		wait[event.Up](t, c, 1, time.Minute)
		f.do(func(_ time.Time, s *session.Session) {
			if err := s.PushUpdate([]string{"route 10.5.0.0 255.255.0.0"}); err != nil {
				t.Error(err)
			}
		})
		if u := wait[event.PushUpdated](t, c, 1, time.Minute); !slices.Equal(u.Options, []string{"route 10.5.0.0 255.255.0.0"}) || u.IPv4.String() != "10.8.0.2" {
			t.Errorf("%+v", u)
		}
		routes := reported[event.Configuring](c)[1].Routes
		if len(routes) != 1 || routes[0].Dst != netip.MustParsePrefix("10.5.0.0/16") || routes[0].Past {
			t.Errorf("%+v", routes)
		}
		if n := len(reported[event.Up](c)); n != 1 {
			t.Errorf("up %d times", n)
		}
	})
}

// TestRenewal: keys are renewed while packets pass; a client that keeps no password
// is asked for it again, and goes on with the old keys if it has none.
func TestRenewal(t *testing.T) {
	for _, answers := range []int{1, 0} {
		inWorld(t, func(t *testing.T, network *simnet.Network) {
			serve(t, network, "192.0.2.1:1194", "reneg-sec 0")
			left := 1 + answers
			c := connect(t, network, profileText("remote 192.0.2.1", "auth-user-pass", "auth-nocache", "reneg-sec 60"), func(o *Options) {
				o.Ask = func(question string, _ bool) (string, error) {
					if strings.HasPrefix(question, "User") {
						return "ada", nil
					}
					if left--; left < 0 {
						return "", errors.New("nobody there")
					}
					return "secret", nil
				}
			})
			wait[event.Up](t, c, 1, time.Minute)
			if answers == 1 {
				if r := wait[event.Renewed](t, c, 1, 2*time.Minute); r.Key != 1 || r.TLS == "" {
					t.Errorf("%+v", r)
				}
				return
			}
			if failed := wait[event.LoginFailed](t, c, 1, 2*time.Minute); failed.Err == nil {
				t.Errorf("%+v", failed)
			}
			if len(reported[event.Lost](c)) > 0 || c.Server() == nil {
				t.Error("the connection was given up")
			}
		})
	}
}

// TestRemotesInTurn: connect-timeout leaves a remote that is silent for the next.
func TestRemotesInTurn(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		serve(t, network, "192.0.2.2:1194")
		c := connect(t, network, profileText("remote 192.0.2.1", "remote 192.0.2.2", "connect-timeout 7", "<auth-user-pass>\nada\nsecret\n</auth-user-pass>"), nil)
		began := time.Now()
		again := wait[event.Reconnecting](t, c, 1, time.Minute)
		if took := time.Since(began); took < 7*time.Second || took > 8*time.Second || !strings.Contains(again.Err.Error(), "connect-timeout") {
			t.Errorf("after %v: %v", took, again.Err)
		}
		if up := wait[event.Up](t, c, 1, time.Minute); up.Remote.Host != "192.0.2.2" {
			t.Errorf("%+v", up)
		}
	})
}

// TestItself: a client ends when it carries nothing, or cannot have its adapter, or
// loses that, and each time with what its configuration and its user expect.
func TestItself(t *testing.T) {
	noAdapter := errors.New("no such device")
	for name, c := range map[string]struct {
		lines []string
		more  func(*Options)
		then  func(*near)
		err   error
		asked bool
	}{
		"inactive": {lines: []string{"inactive 40"}, asked: true},
		"no adapter": {more: func(o *Options) {
			o.Open = func(context.Context, bringup.State) (*bringup.Adapter, error) { return nil, noAdapter }
		}, err: noAdapter},
		"adapter is gone": {then: func(n *near) { n.nic.Close() }, err: fs.ErrClosed},
		"not let begin":   {more: func(o *Options) { o.Opened = func() error { return noAdapter } }, err: noAdapter},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, network *simnet.Network) {
				serve(t, network, "192.0.2.1:1194")
				lines := []string{"remote 192.0.2.1", "<auth-user-pass>\nada\nsecret\n</auth-user-pass>"}
				n := connect(t, network, profileText(append(lines, c.lines...)...), c.more)
				if c.then != nil {
					wait[event.Up](t, n, 1, time.Minute)
					c.then(n)
				}
				err := n.ends(t, 3*time.Minute)
				if !errors.Is(err, c.err) || (err == nil) != c.asked {
					t.Errorf("ended with %v", err)
				}
				if last := reported[event.Ended](n); len(last) != 1 || last[0].Asked != c.asked || last[0].Err == nil {
					t.Errorf("%+v", last)
				}
			})
		})
	}
}

// TestPingExit: silence ends a client for good where it says so.
func TestPingExit(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		f := serve(t, network, "192.0.2.1:1194")
		f.push = []string{"ifconfig 10.8.0.2 255.255.255.0", "topology subnet", "ping 5", "ping-exit 15"}
		c := connect(t, network, profileText("remote 192.0.2.1", "<auth-user-pass>\nada\nsecret\n</auth-user-pass>"), nil)
		wait[event.Up](t, c, 1, time.Minute)
		network.Change(func(o *simnet.Options) { o.Loss = 1 })
		if err := c.ends(t, time.Minute); err != nil {
			t.Error(err)
		}
		if last := reported[event.Ended](c); len(last) != 1 || !last[0].Asked || !errors.Is(last[0].Err, session.ErrPingExit) {
			t.Errorf("%+v", last)
		}
	})
}

// TestRemapUSR1: with SIGTERM, silence ends the client, which is no failure.
func TestRemapUSR1(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		f := serve(t, network, "192.0.2.1:1194")
		f.push = []string{"ifconfig 10.8.0.2 255.255.255.0", "topology subnet", "ping 5", "ping-restart 15"}
		c := connect(t, network, profileText("remote 192.0.2.1", "remap-usr1 SIGTERM", "<auth-user-pass>\nada\nsecret\n</auth-user-pass>"), nil)
		wait[event.Up](t, c, 1, time.Minute)
		network.Change(func(o *simnet.Options) { o.Loss = 1 })
		if err := c.ends(t, time.Minute); err != nil {
			t.Error(err)
		}
		if last := reported[event.Ended](c); len(last) != 1 || !last[0].Asked || !errors.Is(last[0].Err, session.ErrPingTimeout) {
			t.Errorf("%+v", last)
		}
	})
}

// TestAnotherWay: a client whose host reaches the server by another way goes on
// from there, without a new connection; one that is still connecting begins anew.
func TestAnotherWay(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		f := serve(t, network, "192.0.2.1:1194")
		host := &fakeNetwork{way: wifi, changes: make(chan struct{}, 1)}
		network.Change(func(o *simnet.Options) { o.Loss = 1 })
		c := connect(t, network, profileText("remote 192.0.2.1", "<auth-user-pass>\nada\nsecret\n</auth-user-pass>"), func(o *Options) { o.Network = host })
		time.Sleep(2 * time.Second)
		network.Change(func(o *simnet.Options) { o.Loss = 0 })
		host.set(mobile)
		host.changes <- struct{}{}
		if again := wait[event.Reconnecting](t, c, 1, 5*time.Second); !errors.Is(again.Err, errMoved) {
			t.Error(again.Err)
		}
		wait[event.Up](t, c, 1, time.Minute)
		heard := func() (at time.Time) {
			f.do(func(time.Time, *session.Session) { at = f.peer.Data.LastReceived() })
			synctest.Wait()
			return at
		}
		time.Sleep(time.Second)
		before := heard()
		host.set(wifi)
		host.changes <- struct{}{}
		time.Sleep(100 * time.Millisecond)
		if after := heard(); !after.After(before) {
			t.Error("the server does not hear of the new way at once")
		}
		if n := len(reported[event.Up](c)); n != 1 {
			t.Errorf("connected %d times", n)
		}
	})
}
