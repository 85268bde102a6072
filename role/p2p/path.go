package p2p

import (
	"context"
	"fmt"

	"culvert/role/event"
	"culvert/role/profile"
	"culvert/session"
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
// configuration's. While it is not measured, the adapter keeps the one before.
func (l *local) fit(ctx context.Context, current *side) {
	if _, measured := current.Found(); current.Measures() && !measured || l.adapter.Stack != nil || l.fixed {
		return
	}
	want, inner := l.state, current.Carried()
	want.MTU = l.cfg.Adapter.MTU
	want.MTU = profile.AdapterMTU(l.cfg, want.State, inner)
	if want.MTU == l.state.MTU {
		return
	}
	if err := l.adapter.Update(ctx, want); err != nil {
		if l.fixed = true; ctx.Err() == nil {
			l.emit(event.Remark{Text: profile.MTUStays(l.state.MTU), Err: err})
		}
		return
	}
	l.emit(event.Remark{Text: fmt.Sprintf("path measured%s", profile.MTUFollows(l.state.MTU, want.MTU, inner))})
	l.state = want
}
