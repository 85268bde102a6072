package p2p

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"time"

	"culvert/role/event"
	"culvert/role/profile"
	"culvert/session"
)

// keeper begins a connection whenever there is none and it is known where to.
type keeper struct {
	*caller
	again    *time.Timer // to call the other host
	pending  bool        // again is to come
	failures int         // since the last connection that was up
	waiting  *time.Timer // for the other host to call
	wasAlone bool        // when last looked
	wasUp    bool
	released chan struct{} // by who holds connections

	delayed   <-chan time.Time // to add the adapter's routes
	finished  bool             // that was done, or delayed is set
	restarted bool             // since the other host was lost
	met       *side            // the connection that programs know
	at        netip.AddrPort   // the other host's address that they know
}

// keep runs the tunnel until it ends, and returns why: nil if ctx has ended. What
// comes from failed ends the tunnel.
func keep(ctx context.Context, calls *caller, failed <-chan error) error {
	k := &keeper{caller: calls, again: time.NewTimer(0), pending: true, wasAlone: true, released: make(chan struct{}, 1)}
	k.waiting = time.NewTimer(k.patience())
	if !calls.local.cfg.Hooks.UpDelay {
		k.finished, k.delayed = true, after(calls.local.adapter.RouteDelay())
	}
	defer k.again.Stop()
	defer k.waiting.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			k.leave()
			return nil
		case err := <-failed:
			if ctx.Err() != nil {
				k.leave()
				return nil
			}
			return fmt.Errorf("the tunnel cannot go on: %w", err)
		case err := <-k.finish:
			k.leave()
			return err
		case <-k.waiting.C:
			if k.alone() {
				return session.ErrPingExit
			}
		case <-k.changed:
			if err = k.runPrograms(ctx); err == nil {
				err = k.look(ctx)
			}
		case <-k.delayed:
			k.delayed = nil
			err = k.local.finish(ctx)
		case <-k.again.C:
			if k.hold(ctx) {
				break
			}
			k.pending = false
			err = k.callAgain(ctx)
		case <-k.released:
			k.pending = false
			err = k.callAgain(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// after is time.After; nil for no time.
func after(d time.Duration) <-chan time.Time {
	if d == 0 {
		return nil
	}
	return time.After(d)
}

// runPrograms runs what runs when a connection has come up or ended, or its other end
// has moved.
func (k *keeper) runPrograms(ctx context.Context) error {
	current := k.sides.current.Load()
	if k.met != nil && (current == nil || !k.met.passedTo(current)) {
		k.met, k.restarted = nil, true
		if err := k.local.adapter.Restart(ctx, profile.Signal(ctx, k.lastEnd())); err != nil {
			return err
		}
	}
	if current == nil {
		return nil
	}
	if at := current.Path().Remote; (at != k.at || current != k.met) && at.IsValid() {
		changed := at != k.at || k.met == nil
		k.at, k.met = at, current
		k.local.meet(ctx, current.told.Load(), at, changed)
	}
	if !k.finished {
		k.finished = true
		if k.delayed = after(k.local.adapter.RouteDelay()); k.delayed == nil {
			if err := k.local.finish(ctx); err != nil {
				return err
			}
		}
	}
	if k.restarted {
		k.restarted = false
		return k.local.adapter.Restarted(ctx)
	}
	return nil
}

// look takes note that a connection came up or ended, or its path was measured.
func (k *keeper) look(ctx context.Context) error {
	if alone := k.alone(); alone != k.wasAlone {
		k.wasAlone = alone
		k.waiting.Reset(k.patience())
	}
	current := k.sides.current.Load()
	if current == nil && k.wasUp {
		k.remotes.StayAnew() // it may have moved
	}
	k.wasUp = current != nil
	if current != nil {
		k.failures = 0
		k.remotes.Reached()
		k.local.fit(ctx, current)
		return k.local.refresh(ctx, current.nearest())
	}
	if !k.pending && k.sides.idle() {
		k.retry(nil)
	}
	return nil
}

// retry has the other host called again after a failure. err is the reason, nil if
// it was reported before.
func (k *keeper) retry(err error) {
	wait := k.remotes.Wait(k.failures+1, false)
	k.again.Reset(wait)
	k.pending = true
	k.emit(event.Reconnecting{Err: err, Wait: wait, Failures: k.failures})
	k.failures++
}

// hold waits for the release where another connection after the first one may be held,
// and reports whether it does: released follows then.
func (k *keeper) hold(ctx context.Context) bool {
	if k.holder == nil || k.failures == 0 {
		return false
	}
	go func() {
		if _, err := k.holder.Hold(ctx, 0); err == nil {
			k.released <- struct{}{}
		}
	}()
	return true
}

// callAgain calls the other host, unless there is a connection. Its error is final.
func (k *keeper) callAgain(ctx context.Context) error {
	if !k.sides.idle() {
		return nil
	}
	err := k.call(ctx)
	switch {
	case final(err):
		return err
	case err != nil && ctx.Err() == nil:
		k.retry(err)
	}
	return nil
}

// patience is how long this host waits to be called before it ends
// (ping-exit): for ever with ping-timer-rem, or where it calls itself.
func (k *keeper) patience() time.Duration {
	t := k.cfg.Timers
	if t.PingExit == 0 || t.PingTimerRem || k.begins() {
		return math.MaxInt64
	}
	return t.PingExit
}

// alone reports that it is not known where the other host is.
func (k *keeper) alone() bool {
	current := k.sides.current.Load()
	return k.sides.idle() || current != nil && !current.Path().Remote.IsValid()
}
