package config

import (
	"fmt"
	"time"
)

// keepalive is the line of that name. Timers and what is pushed to clients are made
// of it.
type keepalive struct {
	*Config
	*record
	pos               *Pos // nil: not given
	interval, timeout int  // seconds
}

// resolve expands keepalive, and sets the defaults that depend on the role.
func (k *keepalive) resolve() {
	if k.Timers.RenegSecMin == 0 {
		k.Timers.RenegSecMin = k.Timers.RenegSec
		if k.isServer() {
			k.Timers.RenegSecMin = k.Timers.RenegSec / 10 * 9
		}
	}
	if k.pos != nil {
		k.expand()
	}
	if k.Pull && k.pos == nil && !k.has("ping-restart") && !k.has("ping-exit") {
		k.Timers.PingRestart = defaultPingRestart
	}
}

// expand sets our own timers. A server waits twice as long, so that
// its clients notice first, and pushes theirs.
func (k *keepalive) expand() {
	for _, other := range []struct {
		name  string
		value time.Duration
	}{{"ping", k.Timers.Ping}, {"ping-restart", k.Timers.PingRestart}, {"ping-exit", k.Timers.PingExit}} {
		at := k.at(other.name)
		switch {
		case !k.has(other.name):
		case other.value == 0:
			k.note(at, other.name+": 0 is ignored, since keepalive is given too, in "+k.pos.String())
		default:
			k.fail(&Error{*k.pos, "keepalive", "", "conflicts with " + other.name + " in " + at.String(), "keep one of the two"})
			return
		}
	}
	k.Timers.Ping = time.Duration(k.interval) * time.Second
	k.Timers.PingRestart = time.Duration(k.timeout) * time.Second
	if !k.isServer() {
		return
	}
	k.Timers.PingRestart *= 2
	k.Server.Push = append(k.Server.Push, fmt.Sprintf("ping %d", k.interval), fmt.Sprintf("ping-restart %d", k.timeout))
}

// defaultPingRestart holds on a client until the server pushes another.
const defaultPingRestart = 120 * time.Second
