package session

import (
	"errors"
	"time"
)

// Timers are how a session watches its peer and the traffic; 0 turns one off.
type Timers struct {
	Ping time.Duration // idle time before a ping is sent
	// PingRestart is silence that ends the session, for a client in its
	// handshake too.
	PingRestart time.Duration
	// PingExit is silence that ends it for good, in its handshake too.
	PingExit time.Duration
	// Inactive is the time in which less than InactiveBytes of packets, both
	// ways together, make a session Idle; 0 bytes: no packet at all.
	Inactive      time.Duration
	InactiveBytes int64
	// Limit is how long after data can pass first the session is Expired.
	Limit time.Duration
}

// Expired says that the session has lasted as long as Timers.Limit allows, once. Its
// owner decides what becomes of it.
type Expired struct{}

func (Expired) event() {}

// Idle says that the tunnel carried less than Timers.Inactive asks for. Its
// owner decides what becomes of the session.
type Idle struct{}

func (Idle) event() {}

// What ends a session by its timers.
var (
	ErrPingTimeout = errors.New("no packet from the peer for the time of ping-restart")
	ErrPingExit    = errors.New("no packet from the peer for the time of ping-exit")
)

// watch notices a peer that fell silent, and a tunnel that is not used.
type watch struct {
	timers Timers
	data   *Data // what is watched
	pulls  bool  // a client, for which ping-restart holds from the start

	// The bytes that the tunnel had carried when its use was last looked at;
	// since is zero before data can pass.
	bytes int64
	since time.Time

	began   time.Time // when data could pass first
	expired bool      // reported

	due      time.Time // when silence was to be looked at again
	forgiven time.Time // silence is counted from then on, if that is later than the last packet
}

const (
	// oversleep is how late this host may look at silence before that says nothing of the
	// peer: this process was stopped, or slept.
	oversleep = 3 * time.Second
	// regain is the longest that a peer has to be heard again then.
	regain = 10 * time.Second
)

// heard is since when the peer is silent.
func (w *watch) heard() time.Time {
	if last := w.data.LastReceived(); last.After(w.forgiven) {
		return last
	}
	return w.forgiven
}

// forgive gives the peer time to be heard if this process did not run when it should have
// listened.
func (w *watch) forgive(now time.Time) {
	if w.due.IsZero() || now.Sub(w.due) < oversleep {
		return
	}
	most := w.timers.PingRestart
	if exit := w.timers.PingExit; exit > 0 && (most == 0 || exit < most) {
		most = exit
	}
	w.forgiven = now.Add(min(most, regain) - most)
}

// expires reports whether the session has now lasted as long as it may.
func (w *watch) expires(now time.Time, established bool) bool {
	if established && w.began.IsZero() {
		w.began = now
	}
	if w.timers.Limit == 0 || w.expired || !established || now.Before(w.began.Add(w.timers.Limit)) {
		return false
	}
	w.expired = true
	return true
}

// advance reports what the timers say now: an error that ends the session, or
// that the tunnel is idle. Established says that data can pass.
func (w *watch) advance(now time.Time, established bool) (idle bool, err error) {
	w.forgive(now)
	silence, t := now.Sub(w.heard()), &w.timers
	switch {
	case t.PingExit > 0 && silence >= t.PingExit:
		return false, ErrPingExit
	case (established || w.pulls) && t.PingRestart > 0 && silence >= t.PingRestart:
		return false, ErrPingTimeout
	case established && t.Inactive > 0:
		return w.idle(now), nil
	}
	return false, nil
}

func (w *watch) idle(now time.Time) bool {
	if w.since.IsZero() {
		w.since = now
	}
	if now.Before(w.idleAt()) {
		return false
	}
	bytes, _ := w.data.traffic()
	least := w.timers.InactiveBytes
	idle := least == 0 || bytes-w.bytes < least
	w.bytes, w.since = bytes, now
	return idle
}

// idleAt is when the traffic has to be looked at again.
func (w *watch) idleAt() time.Time {
	at := w.since
	if _, last := w.data.traffic(); w.timers.InactiveBytes == 0 && last.After(at) {
		at = last
	}
	return at.Add(w.timers.Inactive)
}

// deadlines gives the times at which advance may change its answer.
func (w *watch) deadlines(established bool, by func(time.Time)) {
	heard, t := w.heard(), &w.timers
	w.due = time.Time{}
	if t.PingExit > 0 {
		w.due = heard.Add(t.PingExit)
	}
	if restart := heard.Add(t.PingRestart); (established || w.pulls) && t.PingRestart > 0 && (w.due.IsZero() || restart.Before(w.due)) {
		w.due = restart
	}
	by(w.due)
	if established && t.Inactive > 0 && !w.since.IsZero() {
		by(w.idleAt())
	}
	if established && t.Limit > 0 && !w.expired && !w.began.IsZero() {
		by(w.began.Add(t.Limit))
	}
}
