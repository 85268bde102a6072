package p2p

import (
	"testing"
	"testing/synctest"
	"time"

	"culvert/internal/simnet"
	"culvert/role/event"
)

// TestEndings has a host end by itself, and not before it should.
func TestEndings(t *testing.T) {
	const ifconfigA, ifconfigB = "ifconfig 10.9.0.1 10.9.0.2", "ifconfig 10.9.0.2 10.9.0.1"
	for name, c := range map[string]struct {
		a, b       []string // b nil: there is no other host
		gone       bool     // b goes after a minute
		from, till time.Duration
		fails      bool
	}{
		"nobody calls":            {a: []string{"ping-exit 30"}, from: 29 * time.Second, till: 31 * time.Second},
		"nobody calls, by design": {a: []string{"ping-exit 30", "ping-timer-rem"}, from: 5 * time.Minute},
		"nobody is there":         {a: []string{"ping-exit 30", "remote 192.0.2.2"}, from: 29 * time.Second, till: 31 * time.Second},
		"the other falls silent":  {a: []string{"ping 2", "ping-exit 30", "ping-timer-rem"}, b: []string{"ping 2", "ping-exit 600", "remote 192.0.2.1"}, gone: true, from: 85 * time.Second, till: 95 * time.Second},
		"silence, remapped":       {a: []string{"ping 2", "ping-restart 30", "remap-usr1 SIGTERM"}, b: []string{"ping 2", "ping-exit 600", "remote 192.0.2.1"}, gone: true, from: 85 * time.Second, till: 95 * time.Second},
		"nothing to carry":        {a: []string{"ping 2", "ping-exit 60", "inactive 40"}, b: []string{"remote 192.0.2.1"}, from: 39 * time.Second, till: 50 * time.Second},
		"two tries":               {a: []string{"ping-exit 600", "connect-retry-max 2", "hand-window 10", "remote 192.0.2.2"}, from: 20 * time.Second, till: 24 * time.Second, fails: true},
		"one try":                 {a: []string{"ping-exit 600", "tls-exit", "hand-window 20", "remote 192.0.2.2"}, from: 19 * time.Second, till: 21 * time.Second, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := simnet.New(simnet.Options{Delay: 10 * time.Millisecond})
				idA, knownA := identity(t)
				idB, knownB := identity(t)
				began := time.Now()
				a := start(t, network, addrA, append(c.a, "tls-server", idA, knownB, ifconfigA)...)
				if c.b != nil {
					b := start(t, network, addrB, append(c.b, "tls-client", idB, knownA, ifconfigB)...)
					defer b.stop()
					if c.gone {
						time.AfterFunc(time.Minute, func() { network.Change(func(o *simnet.Options) { o.Loss = 1 }) })
					}
				}
				select {
				case err := <-a.done:
					if (err != nil) != c.fails {
						t.Errorf("ended with %v", err)
					}
					a.done <- nil
				case <-time.After(c.from + time.Minute):
					if c.till != 0 {
						t.Error("it does not end")
					}
					a.stop()
					return
				}
				if after := time.Since(began); after < c.from || after > c.till {
					t.Errorf("ended after %v", after)
				}
			})
		})
	}
}

// TestSessionTimeout ends a tunnel that has lasted long enough.
func TestSessionTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := simnet.New(simnet.Options{Delay: 10 * time.Millisecond})
		a := start(t, network, addrA, static, ifconfigA, "remote 192.0.2.2", "session-timeout 60")
		b := start(t, network, addrB, static, ifconfigB)
		pass(t, a, b, 1)
		time.Sleep(50 * time.Second)
		pass(t, b, a, 2)
		began := time.Now()
		if err := <-a.done; err != nil || time.Since(began) > 15*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		a.done <- nil
		a.stop()
		b.stop()
	})
}

// TestSingleSession: a host that comes again is not heard while its connection lasts,
// and is once that is given up (ping-restart).
func TestSingleSession(t *testing.T) {
	idA, knownA := identity(t)
	idB, knownB := identity(t)
	for _, single := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			network := simnet.New(simnet.Options{Delay: 10 * time.Millisecond})
			linesA := []string{"tls-client", idA, knownB, ifconfigA, "remote 192.0.2.2", "ping 2", "ping-restart 40"}
			linesB := []string{"tls-server", idB, knownA, ifconfigB, "ping 2", "ping-restart 40"}
			if single {
				linesB = append(linesB, "single-session")
			}
			a, b := start(t, network, addrA, linesA...), start(t, network, addrB, linesB...)
			pass(t, a, b, 1)
			a.link.Close() // without a word
			<-a.done
			a.done <- nil
			a.stop()
			a = start(t, network, addrA, linesA...)
			time.Sleep(20 * time.Second)
			if came := len(of[event.Up](b)) == 2; came == single {
				t.Errorf("single-session %v: it came again: %v", single, came)
			}
			time.Sleep(60 * time.Second)
			pass(t, a, b, 2)
			a.stop()
			b.stop()
		})
	}
}
