package p2p

import (
	"context"
	"errors"
	"fmt"

	"culvert/host/hostnet"
	"culvert/role/event"
	"culvert/role/profile"
	"culvert/session"
	"culvert/tunnel"
)

// followPath goes by what was measured of the path to a side, on its control goroutine. Run
// brings the adapter to what it carries.
func (s *sessions) followPath(one *side, e session.PathMeasured) {
	s.remark(profile.MTUTested(one.settings.Config, one.Peer, e))
	text, _ := profile.FollowPath(one.settings.Config, one.Peer, e)
	s.remark(text)
	s.notify()
}

// fit brings the adapter to an MTU that the path to the present side carries, or back to the
// configuration's. While it is not measured, the adapter keeps the one before, and so does one that could not be changed
// until the path is measured again.
func (l *local) fit(ctx context.Context, current *side) {
	found, measured := current.Found()
	now := path{current, found}
	if current.Measures() && !measured || l.adapter.Stack != nil || l.denied || l.refused == now {
		return
	}
	l.refused = path{}
	want, inner := l.state, current.Carried()
	want.MTU = l.cfg.Adapter.MTU
	want.MTU = profile.AdapterMTU(l.cfg, want.State, inner)
	if want.MTU == l.state.MTU {
		return
	}
	if err := l.adapter.Update(ctx, want); err != nil {
		l.denied, l.refused = errors.Is(err, hostnet.ErrPermission), now
		if ctx.Err() == nil {
			l.emit(event.Remark{Text: profile.MTUStays(l.state.MTU), Err: err})
		}
		return
	}
	l.emit(event.Remark{Text: fmt.Sprintf("path measured%s", profile.MTUFollows(l.state.MTU, want.MTU, inner))})
	l.state = want
}

// path is what was measured of the path to a side.
type path struct {
	of    *side
	found tunnel.PathFound
}
