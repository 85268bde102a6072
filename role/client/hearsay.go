package client

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"

	"culvert/link"
	"culvert/session"
)

// maxRefusals is how many refusals are taken for a server's absence where there
// is another to try. One alone may be of a server that is starting.
const maxRefusals = 3

// hearsay is what the system, and the network by ICMP, say of an attempt's
// packets. They are hints until the server itself says something: anyone can
// forge them. It is safe for concurrent use.
type hearsay struct {
	last     atomic.Pointer[error]
	refusals atomic.Int32
	// noRoute has an error by which nothing leaves this host, and absent one that
	// was the last of maxRefusals.
	noRoute, absent chan error
}

func newHearsay() *hearsay {
	return &hearsay{noRoute: make(chan error, 1), absent: make(chan error, 1)}
}

func (h *hearsay) hear(err error) {
	h.last.Store(&err)
	var none *link.NoRouteError
	switch {
	case errors.As(err, &none):
		select {
		case h.noRoute <- none:
		default: // one is there
		}
	case isRefusal(err) && h.refusals.Add(1) == maxRefusals:
		h.absent <- fmt.Errorf("%w; %d packets were answered like that and none otherwise, so the next address is tried", err, maxRefusals)
	}
}

func isRefusal(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH)
}

// before puts what was heard last before what it may explain.
func (h *hearsay) before(text string) string {
	if err := h.last.Load(); err != nil {
		return (*err).Error() + "; " + text
	}
	return text
}

// explain adds what was heard to the end of a handshake that nobody finished.
func (h *hearsay) explain(err error) error {
	var handshake *session.HandshakeError
	heard := h.last.Load()
	if heard == nil || !errors.As(err, &handshake) || handshake.Err != nil {
		return err
	}
	return fmt.Errorf("%w; %w", *heard, err)
}
