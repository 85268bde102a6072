package p2p

import (
	"errors"
	"fmt"
	"math"
	"time"

	"culvert/session"
)

// errInactive ends a tunnel that nothing goes through.
var errInactive = errors.New("the tunnel carried less than `inactive` asks for")

// patience is how long this host waits to be called before it ends
// (ping-exit): for ever with ping-timer-rem, or where it calls itself.
func (h *Host) patience() time.Duration {
	if h.cfg.Timers.PingExit == 0 || h.cfg.Timers.PingTimerRem || h.begins() {
		return math.MaxInt64
	}
	return h.cfg.Timers.PingExit
}

// begins reports a host that does not wait for the other one.
func (h *Host) begins() bool { return h.listener == nil && !h.remotes.None() && !h.awaitsKey() }

// alone reports that it is not known where the other host is.
func (h *Host) alone() bool {
	current := h.sides.current.Load()
	return h.sides.idle() || current != nil && !current.Path().Remote.IsValid()
}

// end has Run end, for a reason that trying again would not mend.
func (h *Host) end(why error) {
	select {
	case h.finish <- why:
	default: // it ends already
	}
}

// judge ends the tunnel with a session where the configuration asks for that.
func (h *Host) judge(err error) {
	switch {
	case errors.Is(err, session.ErrPingExit):
		h.end(err)
	case h.cfg.Timers.TLSExit && errors.As(err, new(*session.HandshakeError)):
		h.end(fmt.Errorf("%w; tls-exit forbids another try", err))
	}
}
