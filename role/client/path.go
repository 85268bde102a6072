package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"culvert/config"
	"culvert/host/bringup"
	"culvert/host/hostnet"
	"culvert/role/event"
	"culvert/role/profile"
	"culvert/session"
)

// narrowing is how the adapter follows the path to the server. Run owns it.
type narrowing struct {
	// inner is the longest packet inside that the path carries, bytes; 0: of any length.
	// It holds for the next path, too, until that is measured.
	inner int
	given int // the adapter's MTU as the configuration and the server have it
	// fixed is the one that could not be changed, so it stays until the path is measured
	// again, or another one is given; 0: it can be changed. With denied it stays as long as
	// the adapter, because this process may not change it.
	fixed  int
	denied bool
}

// give takes the MTU that the configuration and the server have for the adapter. It returns
// the one that stays in its place, because this process may not change it; 0: none does.
func (n *narrowing) give(mtu int) (stays int) {
	if mtu == n.given {
		return 0
	}
	n.given = mtu
	n.again()
	if n.fixed == mtu {
		return 0
	}
	return n.fixed
}

// again has the adapter's MTU changed that could not be, if this process may.
func (n *narrowing) again() {
	if !n.denied {
		n.fixed = 0
	}
}

// stays takes note that the adapter's MTU could not be changed from this one.
func (n *narrowing) stays(mtu int, why error) {
	n.fixed, n.denied = mtu, errors.Is(why, hostnet.ErrPermission)
}

// reopened takes note that there is another adapter.
func (n *narrowing) reopened() { n.fixed, n.denied = 0, false }

// mtu returns the MTU for an adapter in a state, bytes.
func (n *narrowing) mtu(cfg *config.Config, s bringup.State) int {
	s.MTU = n.given
	if n.fixed > 0 {
		return n.fixed
	}
	return profile.AdapterMTU(cfg, s.State, n.inner)
}

// followPath goes by what was measured of the path to the server.
func followPath(ctx context.Context, a *attempt, e session.PathMeasured) {
	cfg := cmp.Or(a.settled, a.base)
	remark(a, profile.MTUTested(cfg, a.peer, e))
	text, inner := profile.FollowPath(cfg, a.peer, e)
	a.narrowing.inner = inner
	a.narrowing.again()
	before := a.state.MTU
	err := fitAdapter(ctx, a)
	if now := a.state.MTU; now != before {
		if found, _ := a.peer.Found(); text == "" && found.Bytes > 0 {
			text = fmt.Sprintf("path %d or more", found.Bytes)
		} else if text == "" {
			text = "path not measured: the server does not answer"
		}
		text += profile.MTUFollows(before, now, inner)
	}
	remark(a, text)
	if err != nil && ctx.Err() == nil {
		a.emit(event.Remark{Text: profile.MTUStays(before), Err: err})
	}
}

// fitAdapter brings the adapter to an MTU that the path carries, or back to the one that
// it was given. With an error it has the one before, and keeps it.
func fitAdapter(ctx context.Context, a *attempt) error {
	open := a.adapter.Load()
	if open == nil || open.Stack != nil || a.settled == nil {
		return nil
	}
	want := a.state
	if want.MTU = a.narrowing.mtu(a.settled, want); want.MTU == a.state.MTU {
		return nil
	}
	if err := open.Update(ctx, want); err != nil {
		a.narrowing.stays(a.state.MTU, err)
		return err
	}
	a.state = want
	return nil
}

// remark reports a text, unless it is empty.
func remark(a *attempt, text string) {
	if text != "" {
		a.emit(event.Remark{Text: text})
	}
}
