package client

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
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
	server   netip.Addr // that packets go to
	last     atomic.Pointer[error]
	refusals atomic.Int32
	// noRoute has an error by which nothing leaves this host, and absent one that
	// was the last of maxRefusals.
	noRoute, absent chan error
}

func newHearsay(server netip.Addr) *hearsay {
	return &hearsay{server: server, noRoute: make(chan error, 1), absent: make(chan error, 1)}
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

// hearers are the hearsay of every attempt under way. The zero value has none. It is safe
// for concurrent use.
type hearers struct {
	mu  sync.Mutex
	all []*hearsay
}

func (h *hearers) add(one *hearsay) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, one)
}

func (h *hearers) remove(one *hearsay) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = slices.DeleteFunc(slices.Clone(h.all), func(o *hearsay) bool { return o == one })
}

// hear tells those whose server an error is about, or all where it does not say.
func (h *hearers) hear(err error) {
	var about netip.Addr
	if e, ok := errors.AsType[*link.ReportedError](err); ok {
		about = e.To.Addr()
	} else if e, ok := errors.AsType[*link.NoRouteError](err); ok {
		about = e.To
	}
	h.mu.Lock()
	all := h.all
	h.mu.Unlock()
	for _, one := range all {
		if !about.IsValid() || about.Unmap() == one.server.Unmap() {
			one.hear(err)
		}
	}
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
