package client

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"culvert/config"
	"culvert/host/bringup"
	"culvert/internal/buf"
	"culvert/link"
)

// hearing is a link on which nobody answers, but for what the system or the
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

// lockedLog is a log that tests read while it is written.
type lockedLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedLog) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

// unheard runs a client for a time whose packets come to what links say, and
// returns its log.
func unheard(t *testing.T, d time.Duration, remotes string, links func() *hearing) *lockedLog {
	log := new(lockedLog)
	text := "client\ndev tun\nnobind\npeer-fingerprint " + strings.Repeat("00:", 31) + "00\nauth-user-pass p\n" + remotes
	c, err := config.ParseFile("a.conf", []byte(text), func(string) ([]byte, error) { return []byte("joe\nsecret\n"), nil })
	if err != nil {
		t.Fatal(err)
	}
	cl, err := New(c, Options{Log: slog.New(slog.NewTextHandler(log, nil)), Open: func(context.Context, bringup.State) (*bringup.Adapter, error) { return nil, nil },
		Listen: func(link.Options) (link.Link, error) {
			l := links()
			l.reports = make(chan error, 9)
			return l, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := cl.Run(ctx); err != nil {
		t.Error(err)
	}
	return log
}

func taken() error { return nil }

// TestNoRoute: what cannot leave this host is said at once, tried again soon, and
// goes on as soon as there is a way.
func TestNoRoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		none := &link.NoRouteError{To: netip.MustParseAddr("203.0.113.9"), Err: syscall.ENETUNREACH}
		log := unheard(t, 9500*time.Millisecond, "remote 203.0.113.9\n", func() *hearing {
			return &hearing{unsent: func() error { return none }}
		})
		if n := log.count("this host has no route to 203.0.113.9 (network is unreachable): is there a network?"); n != 1 {
			t.Errorf("said %d times", n)
		}
		if n := log.count("msg=connecting"); n < 5 || n > 10 {
			t.Errorf("%d tries in ten seconds", n)
		}
		if log.count("nothing was received") > 0 {
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
		log := unheard(t, 20*time.Second, "remote 192.0.2.1\nremote 192.0.2.2\n", refused)
		if log.count("192.0.2.2") == 0 || log.count("so the next address is tried") != 1 {
			t.Error("it stays with a remote that refuses")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		log := unheard(t, 62*time.Second, "remote 192.0.2.1\n", refused)
		if log.count("msg=connecting") != 2 || log.count("refused: connection refused; handshake did not finish in time") != 1 {
			t.Error("the only remote is not waited for, or the cause is lost")
		}
	})
}
