package client

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"culvert/config"
	"culvert/host/bringup"
	"culvert/internal/buf"
	"culvert/link"
	"culvert/role/event"
)

// hearing is a link on which nobody answers, except what the system or the
// network says of each packet.
type hearing struct {
	unsent  func() error // for the writer
	refused error        // for the reader
	reports chan error
}

func (h *hearing) ReadBatch([]*buf.Packet) (int, error) {
	err, open := <-h.reports
	if !open {
		return 0, fs.ErrClosed
	}
	return 0, err
}

func (h *hearing) WriteBatch(batch []*buf.Packet) (int, error) {
	if h.refused != nil {
		h.reports <- h.refused
	}
	if err := h.unsent(); err != nil {
		return 0, err
	}
	return len(batch), nil
}

func (h *hearing) LocalAddr() netip.AddrPort { return netip.AddrPort{} }
func (h *hearing) Close() error              { close(h.reports); return nil }

// unheard runs a client for a time whose packets come to what links say, and
// returns what it reported.
func unheard(t *testing.T, d time.Duration, remotes string, links func() *hearing) *near {
	n := new(near)
	text := "client\ndev tun\nnobind\npeer-fingerprint " + strings.Repeat("00:", 31) + "00\nauth-user-pass p\n" + remotes
	c, err := config.ParseFile("a.conf", []byte(text), func(string) ([]byte, error) { return []byte("joe\nsecret\n"), nil })
	if err != nil {
		t.Fatal(err)
	}
	cl, err := New(c, Options{Log: slog.New(slog.DiscardHandler), Open: func(context.Context, bringup.State) (*bringup.Adapter, error) { return nil, nil },
		Listen: func(link.Options) (link.Link, error) {
			l := links()
			l.reports = make(chan error, 9)
			return l, nil
		}, Events: n.add})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := cl.Run(ctx); err != nil {
		t.Error(err)
	}
	return n
}

// why are the reasons for new tries, those that contain a text.
func (n *near) why(text string) (count int) {
	for _, e := range reported[event.Reconnecting](n) {
		if strings.Contains(e.Err.Error(), text) {
			count++
		}
	}
	return count
}

func taken() error { return nil }

// TestNoRoute: what cannot leave this host is said at once, tried again soon, and
// goes on as soon as there is a way.
func TestNoRoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		none := &link.NoRouteError{To: netip.MustParseAddr("203.0.113.9"), Err: syscall.ENETUNREACH}
		n := unheard(t, 9500*time.Millisecond, "remote 203.0.113.9\n", func() *hearing {
			return &hearing{unsent: func() error { return none }}
		})
		tries := len(reported[event.Connecting](n))
		if tries < 5 || tries > 10 {
			t.Errorf("%d tries in ten seconds", tries)
		}
		if said := n.why("this host has no route to 203.0.113.9 (network is unreachable): is there a network?"); said < tries-1 {
			t.Errorf("%d of %d tries say why", said, tries)
		}
		if n.why("nothing was received") > 0 {
			t.Error("silence is said to be the fault")
		}
	})
}

// TestRefused: three refusals make a client go on to another remote, and not away
// from the only one; the end of a handshake says what was heard.
func TestRefused(t *testing.T) {
	refused := func() *hearing {
		return &hearing{unsent: taken, refused: fmt.Errorf("refused: %w", syscall.ECONNREFUSED)}
	}
	synctest.Test(t, func(t *testing.T) {
		n := unheard(t, 20*time.Second, "remote 192.0.2.1\nremote 192.0.2.2\n", refused)
		calls := reported[event.Connecting](n)
		if len(calls) < 2 || calls[1].Remote.Host != "192.0.2.2" || n.why("so the next address is tried") == 0 {
			t.Errorf("it stays with a remote that refuses: %+v", calls)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		n := unheard(t, 62*time.Second, "remote 192.0.2.1\n", refused)
		if len(reported[event.Connecting](n)) != 2 || n.why("refused: connection refused; handshake did not finish in time") != 1 {
			t.Error("the only remote is not waited for, or the cause is lost")
		}
	})
}
