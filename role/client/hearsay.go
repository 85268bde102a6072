package client

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"

	"culvert/link"
	"culvert/session"
)

// maxRefusals is how many refusals mean that a server is absent, if there is
// another to try. A single one may come from a server that is starting.
const maxRefusals = 3

// hearsay is what the system, and the network by ICMP, say about an attempt's
// packets. These are hints until the server itself answers: anyone can forge them.
// It is safe for concurrent use.
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

// before prepends what was heard last to a text that it may explain.
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
