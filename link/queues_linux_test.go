package link

import (
	"errors"
	"io/fs"
	"net/netip"
	"syscall"
	"testing"

	"culvert/internal/buf"
)

func TestQueuesShareAnAddress(t *testing.T) {
	u, err := ListenUDP(Options{Addr: netip.MustParseAddrPort("127.0.0.1:0"), Queues: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	if len(u.Queues()) != 3 {
		t.Fatalf("%d queues", len(u.Queues()))
	}
	type arrival struct {
		queue int
		path  buf.Path
	}
	arrivals := make(chan arrival, 100)
	ended := make(chan error, 3)
	for i, q := range u.Queues() {
		go func() {
			batch := buf.NewBatch(1, 100)
			for {
				if _, err := q.ReadBatch(batch); err != nil {
					ended <- err
					return
				}
				arrivals <- arrival{i, batch[0].Path}
			}
		}()
	}
	for range 20 {
		from, err := ListenUDP(Options{Addr: netip.MustParseAddrPort("127.0.0.1:0")})
		if err != nil {
			t.Fatal(err)
		}
		defer from.Close()
		packet := buf.NewBatch(1, 100)
		send := func(l Link, to buf.Path) {
			packet[0].Set([]byte("x"))
			packet[0].Path = to
			if n, err := l.WriteBatch(packet); n != 1 {
				t.Fatal(err)
			}
		}
		send(from, buf.Path{Remote: u.LocalAddr()})
		first := <-arrivals
		send(from, buf.Path{Remote: u.LocalAddr()})
		if second := <-arrivals; second.queue != first.queue {
			t.Errorf("one sender came by queues %d and %d", first.queue, second.queue)
		}
		send(Queue(u, first.queue+1), first.path)
		if n, _ := from.ReadBatch(packet); n != 1 || packet[0].Path.Remote != u.LocalAddr() {
			t.Errorf("answered from %v, not %v", packet[0].Path.Remote, u.LocalAddr())
		}
	}
	u.Close()
	for range 3 {
		if err := <-ended; !errors.Is(err, fs.ErrClosed) {
			t.Errorf("a queue ended with %v", err)
		}
	}
}

// A port that our own sockets share is closed to others.
func TestQueuesKeepOthersOut(t *testing.T) {
	u, err := ListenUDP(Options{Addr: netip.MustParseAddrPort("127.0.0.1:0"), Queues: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	for _, queues := range []int{1, 2} {
		other, err := ListenUDP(Options{Addr: u.LocalAddr(), Queues: queues})
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("another with %d queues: %v, %v", queues, other, err)
		}
	}
}
