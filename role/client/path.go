package client

import (
	"cmp"

	"culvert/role/event"
	"culvert/role/profile"
	"culvert/session"
)

// followPath goes by what was measured of the path to the server.
func followPath(a *attempt, e session.PathMeasured) {
	if text := profile.FollowPath(cmp.Or(a.settled, a.base), a.peer, e); text != "" {
		a.emit(event.Remark{Text: text})
	}
}
