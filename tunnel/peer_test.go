package tunnel

import (
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"culvert/internal/buf"
	"culvert/internal/simnet"
	"culvert/session"
)

// lonely is a peer whose other end never answers.
func lonely(t *testing.T, onEvent func(*Peer, time.Time, session.Event)) (*Peer, *simnet.Endpoint) {
	t.Helper()
	l, err := simnet.New(simnet.Options{}).Listen(nearAddr)
	if err != nil {
		t.Fatal(err)
	}
	if onEvent == nil {
		onEvent = func(*Peer, time.Time, session.Event) {}
	}
	return NewPeer(session.NewClient(testConfig(false), time.Now()), l, buf.Path{Remote: farAddr}, onEvent), l
}

func TestMailboxIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := lonely(t, nil)
		hold := make(chan struct{})
		p.Do(func(time.Time) { <-hold })
		synctest.Wait()
		var refused, done atomic.Int32
		for range 500 {
			p.Deliver([]byte("junk"), func(error) { refused.Add(1) })
		}
		p.Do(func(time.Time) { done.Add(1) }) // our own wishes are never dropped
		close(hold)
		synctest.Wait()
		if refused.Load() != maxMail || done.Load() != 1 {
			t.Errorf("%d packets worked off, want %d; own work done %d times", refused.Load(), maxMail, done.Load())
		}
		p.Stop()
	})
}

func TestDeliverCopies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far, _ := roads(t)
		var ended error
		far.peer.OnEvent = func(_ time.Time, e session.Event) {
			if closed, ok := e.(session.Closed); ok {
				ended = closed.Err
			}
		}
		near.peer.Do(func(now time.Time) {
			near.peer.Session.Exit(now, 1)
			near.peer.Session.Output(now, func(b []byte) {
				far.peer.Deliver(b, func(err error) { t.Error(err) })
				clear(b)
			})
		})
		synctest.Wait()
		if !errors.Is(ended, session.ErrPeerExit) {
			t.Errorf("ended with %v", ended)
		}
	})
}

// TestTimersDrive lets a handshake run into its end with nobody calling.
func TestTimersDrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin, ended := time.Now(), make(chan error, 1)
		p, l := lonely(t, func(_ *Peer, _ time.Time, e session.Event) {
			if closed, ok := e.(session.Closed); ok {
				ended <- closed.Err
			}
		})
		sent := 0
		l.Close()
		p.Do(func(time.Time) { sent++ })
		var failed *session.HandshakeError
		if err := <-ended; !errors.As(err, &failed) || time.Since(begin) != 10*time.Second {
			t.Errorf("ended after %v with %v", time.Since(begin), err)
		}
		p.Stop()
	})
}

// TestRetransmissionsNeedNoCall counts resets while nobody answers.
func TestRetransmissionsNeedNoCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := simnet.New(simnet.Options{})
		var sent atomic.Int32
		net.Change(func(o *simnet.Options) {
			o.Filter = func(_, _ netip.AddrPort, _ []byte) bool { sent.Add(1); return true }
		})
		l, err := net.Listen(nearAddr)
		if err != nil {
			t.Fatal(err)
		}
		p := NewPeer(session.NewClient(testConfig(false), time.Now()), l, buf.Path{Remote: farAddr}, func(*Peer, time.Time, session.Event) {})
		p.Do(func(time.Time) {})
		time.Sleep(9 * time.Second)
		if n := sent.Load(); n != 4 { // at 0, 1, 3 and 7 s
			t.Errorf("%d resets", n)
		}
		p.Stop()
	})
}

// TestStopDuringWork stops a peer from outside and from an event, while others
// give it work.
func TestStopDuringWork(t *testing.T) {
	for _, within := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			p, _ := lonely(t, func(p *Peer, _ time.Time, _ session.Event) {
				if within {
					p.Stop()
				}
			})
			var busy sync.WaitGroup
			for range 4 {
				busy.Go(func() {
					for range 200 {
						p.Deliver([]byte("junk"), func(error) {})
						p.Do(func(time.Time) {})
						p.SetPath(buf.Path{Remote: farAddr})
					}
				})
			}
			busy.Go(func() {
				if within {
					p.Do(func(now time.Time) { p.Session.Exit(now, 0) })
				} else {
					p.Stop()
				}
			})
			busy.Wait()
			synctest.Wait()
			if p.Session.Err() == nil {
				t.Error("the session goes on")
			}
			p.Do(func(time.Time) { t.Error("works after it was stopped") })
			p.Deliver([]byte("junk"), func(error) { t.Error("takes packets after it was stopped") })
			p.Stop()
			time.Sleep(time.Hour) // no timer is left
		})
	}
}

// TestStopEndsWhatWaits: what was given to a peer with the order to stop, or
// after it, is not done.
func TestStopEndsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := lonely(t, nil)
		hold := make(chan struct{})
		p.Do(func(time.Time) { <-hold })
		synctest.Wait()
		p.Stop()
		p.Do(func(time.Time) { t.Error("done after Stop") })
		close(hold)
		synctest.Wait()
	})
}
