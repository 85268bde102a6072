package userstack

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// dripping gives at most chunk bytes at a time.
type dripping struct {
	*endless
	chunk int
}

func (d *dripping) Read(b []byte) (int, error) { return d.endless.Read(b[:min(len(b), d.chunk)]) }

// TestSmallWritesNothingRead: senders of small pieces to a client that reads
// nothing make the server hold no more than the connections are charged for.
func TestSmallWritesNothingRead(t *testing.T) {
	for _, chunk := range []int{1, 65, 700} {
		t.Run(fmt.Sprint(chunk), func(t *testing.T) {
			var given atomic.Int64
			holdsLittle(t, 50, &given, func() net.Conn { return &dripping{newEndless(&given), chunk} })
		})
	}
}

// outpouring is an outer connection that gives so much and ends; what it is
// given it takes.
type outpouring struct {
	*endless
	left int
}

func (o *outpouring) Read(b []byte) (int, error) {
	if o.left == 0 {
		return 0, io.EOF
	}
	n := min(o.left, len(b))
	o.left -= n
	return n, nil
}

// TestClosedUnread: connections that both ends have closed are charged for as long
// as data is kept that the client has not taken.
func TestClosedUnread(t *testing.T) {
	const conns = 20
	server := newStack(t, Options{Addresses: serverPrefixes})
	var none atomic.Int64
	f, err := Forward(server, ForwardOptions{
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			return &outpouring{newEndless(&none), bufferBase}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	client := newRawClient(t, server)
	client.ends = true
	if n := client.openAll(conns, conns); n != conns {
		t.Fatalf("%d connections accepted", n)
	}
	for f.tcp.all() > 0 {
		time.Sleep(time.Millisecond)
	}
	if taken := server.clients.taken(); taken < conns*bufferBase {
		t.Errorf("%d KiB are reckoned for %d closed connections whose clients have taken nothing", taken>>10, conns)
	}
	server.Close()
	if taken := server.clients.taken(); taken != 0 {
		t.Errorf("%d KiB are reckoned after the end", taken>>10)
	}
}

func (a *admission) all() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.total
}

func (b *budget) taken() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.total
}

// TestClosedAccounts: a connection that ended in the usual way is no longer charged
// for, whoever ended it.
func TestClosedAccounts(t *testing.T) {
	l := loopbackTCP(t)
	client, f := forwarding(t, ForwardOptions{Local: toPort(l.Addr())})
	for _, outerFirst := range []bool{true, false} {
		c := mustDialOutside(t, client, "tcp", outside[0])
		outer, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		first, second := c, outer
		if outerFirst {
			first, second = outer, c
		}
		first.Close()
		if _, err := second.Read(make([]byte, 1)); err != io.EOF {
			t.Fatal(err)
		}
		second.Close()
		for deadline := time.Now().Add(patience); f.stack.clients.taken()+client.own.taken() > 0; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("outer first %v: %d and %d bytes are still reckoned", outerFirst, f.stack.clients.taken(), client.own.taken())
			}
		}
	}
}
