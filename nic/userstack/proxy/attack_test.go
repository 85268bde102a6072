package proxy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// nameless is a tunnel whose names do not resolve: each lookup lasts until it is
// cancelled.
type nameless struct{ pending, most atomic.Int64 }

func (d *nameless) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	d.most.Store(max(d.most.Load(), d.pending.Add(1)))
	defer d.pending.Add(-1)
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestAssociateWhileNamesDoNotResolve: what an association displaces is
// cancelled, and what waits in all is bounded.
func TestAssociateWhileNamesDoNotResolve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := new(nameless)
		ctx, cancel := context.WithCancel(context.Background())
		a := &association{dialer: d, ctx: ctx, flows: make(map[string]*dialogue)}
		payload := make([]byte, 60_000)
		for i := range 2000 {
			a.pass(&net.UDPAddr{}, fmt.Sprintf("name%d.example:53", i), payload)
			synctest.Wait()
			time.Sleep(time.Millisecond)
		}
		if d.most.Load() > udpFlows+1 || d.pending.Load() > udpFlows {
			t.Errorf("%d lookups at a time, %d now", d.most.Load(), d.pending.Load())
		}
		if a.waiting > udpWaiting {
			t.Errorf("%d bytes wait", a.waiting)
		}
		cancel()
		a.running.Wait()
		if len(a.flows) != 0 || a.waiting != 0 {
			t.Errorf("%d left, %d bytes", len(a.flows), a.waiting)
		}
	})
}

// TestDisplacedIsOldest: the destination in use stays.
func TestDisplacedIsOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		a := &association{dialer: new(nameless), ctx: ctx, flows: make(map[string]*dialogue)}
		for i := range 10 * udpFlows {
			a.pass(&net.UDPAddr{}, "used.example:1", nil)
			time.Sleep(time.Millisecond)
			a.pass(&net.UDPAddr{}, fmt.Sprintf("name%d.example:1", i), nil)
		}
		first := a.flows["used.example:1"]
		if first == nil || len(first.queue) != udpQueue || len(a.flows) != udpFlows {
			t.Errorf("%d destinations, used %v", len(a.flows), first)
		}
		cancel()
		a.running.Wait()
	})
}

// TestWordsAreFew: thousands of connections that fail alike make a few log lines,
// and one with their number.
func TestWordsAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		w := &words{log: slog.New(slog.NewTextHandler(&log, nil))}
		for range 5000 {
			w.say("SOCKS: greeting: i/o timeout")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := strings.Count(log.String(), "\n"); n != wordsAMinute+1 || !strings.Contains(log.String(), "count=4990") {
			t.Errorf("%d lines\n%s", n, &log)
		}
		log.Reset()
		w.say("again")
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := strings.Count(log.String(), "\n"); n != 1 {
			t.Errorf("%d lines a minute later\n%s", n, &log)
		}
	})
}

// failing dials nothing, for a reason.
type failing struct{ err error }

func (d failing) DialContext(context.Context, string, string) (net.Conn, error) { return nil, d.err }

// TestReasonsAsCodes: a program gets the reason why it is not connected as a code.
func TestReasonsAsCodes(t *testing.T) {
	for _, c := range []struct {
		err   error
		socks byte
		http  int
	}{
		{fmt.Errorf("loopback: %w", syscall.EACCES), replyNotAllowed, http.StatusForbidden},
		{fmt.Errorf("multicast: %w", syscall.ENETUNREACH), replyNetworkUnreachable, http.StatusBadGateway},
		{syscall.ECONNREFUSED, replyRefused, http.StatusBadGateway},
		{context.DeadlineExceeded, replyHostUnreachable, http.StatusGatewayTimeout},
		{io.ErrUnexpectedEOF, replyFailure, http.StatusBadGateway},
	} {
		if got := replyCode(c.err); got != c.socks {
			t.Errorf("%v: SOCKS says %d, want %d", c.err, got, c.socks)
		}
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodConnect, "//127.0.0.1:80", nil)
		r.Host = netip.MustParseAddrPort("127.0.0.1:80").String()
		NewHTTP(failing{c.err}, nil).ServeHTTP(w, r)
		if w.Code != c.http {
			t.Errorf("%v: HTTP says %d, want %d", c.err, w.Code, c.http)
		}
	}
}
