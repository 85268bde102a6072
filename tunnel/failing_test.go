package tunnel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"culvert/internal/brake"
	"culvert/internal/buf"
	"culvert/link"
	"culvert/nic"
	"culvert/session"
)

// scripted is an adapter and a link whose reads end as the test says, until it
// has no more to say. Writes fail if they are to.
type scripted struct {
	nic.NIC
	mu      sync.Mutex // several queues read the same one
	reads   int
	next    func(read int) (packets int, err error)
	from    *session.Data // seals what is read; nil of an adapter
	refuses error
	writes  int
}

func (s *scripted) ReadBatch(batch []*buf.Packet) (int, error) {
	n, err := s.next(s.count())
	for _, p := range batch[:n] {
		p.Reset()
		p.Set(ipPacket(100))
		p.Path.Remote = nearAddr
		if s.from != nil {
			if err := s.from.Seal(time.Now(), p); err != nil {
				return 0, err
			}
		}
	}
	return n, err
}

// count is how many reads there were before this one.
func (s *scripted) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	return s.reads - 1
}

func (s *scripted) WriteBatch(batch []*buf.Packet) (int, error) {
	s.writes++
	if s.refuses != nil {
		return 0, s.refuses
	}
	return len(batch), nil
}

func (s *scripted) Name() string              { return "tun0" }
func (s *scripted) LocalAddr() netip.AddrPort { return farAddr }
func (s *scripted) Close() error              { return nil }

// directions run a test on each direction in a bubble of its own: run carries
// what s gives until it ends.
func directions(t *testing.T, test func(t *testing.T, r *Road, s *scripted, run func(context.Context) error)) {
	for _, name := range []string{"outbound", "inbound"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := sessions(t)
				defer client.Close()
				defer server.Close()
				s := &scripted{}
				peer := NewPeer(server, link.Link(s), buf.Path{Remote: nearAddr}, nil)
				role := &fakeRole{route: only(peer), demux: func() (*Peer, Drop) { return peer, Kept }}
				r := &Road{Role: role, PacketSize: 1800, Adapter: func() nic.NIC { return s }}
				role.road = r
				run := func(ctx context.Context) error { return r.Outbound(ctx, s) }
				if name == "inbound" {
					s.from = client.Data()
					run = func(ctx context.Context) error { return r.Inbound(ctx, s) }
				}
				test(t, r, s, run)
			})
		})
	}
}

// TestFailsForEver: the road tries less and less often, says so once, and ends
// with the reason.
func TestFailsForEver(t *testing.T) {
	directions(t, func(t *testing.T, r *Road, s *scripted, run func(context.Context) error) {
		var reports []string
		r.OnFailing = func(what string, err error) { reports = append(reports, fmt.Sprint(what, ": ", err)) }
		s.next = func(int) (int, error) { return 0, syscall.EIO }
		begin := time.Now()
		err := run(t.Context())
		if took := time.Since(begin); took < brake.Patience || took > brake.Patience+2*time.Second {
			t.Errorf("it ended after %v", took)
		}
		if !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "has failed for 30s") {
			t.Errorf("it ended with %v", err)
		}
		if s.reads > 60 {
			t.Errorf("it read %d times", s.reads)
		}
		if len(reports) != 1 || !strings.HasSuffix(reports[0], ": input/output error") {
			t.Errorf("reported %q", reports)
		}
	})
}

// TestPassingErrorCostsNothing: neither one error between packets nor a few in a
// row cost anything, and packets make the road forget them.
func TestPassingErrorCostsNothing(t *testing.T) {
	directions(t, func(t *testing.T, r *Road, s *scripted, run func(context.Context) error) {
		seen := 0
		r.OnError = func(error) { seen++ }
		r.OnFailing = func(string, error) { t.Error("reported") }
		s.next = func(read int) (int, error) {
			switch {
			case read == 10_000:
				return 0, fs.ErrClosed
			case read%5 == 0:
				return 1, nil
			}
			return 0, syscall.ENOBUFS
		}
		begin := time.Now()
		checkClosed(t, run(t.Context()))
		if took := time.Since(begin); took != 0 {
			t.Errorf("it paused for %v", took)
		}
		if s.reads != 10_001 || seen != 8000 {
			t.Errorf("%d reads, %d errors seen", s.reads, seen)
		}
	})
}

// TestFailsNowAndThen: reads that wait before they fail end nothing, however often
// they fail.
func TestFailsNowAndThen(t *testing.T) {
	directions(t, func(t *testing.T, r *Road, s *scripted, run func(context.Context) error) {
		r.OnFailing = func(string, error) { t.Error("reported") }
		s.next = func(read int) (int, error) {
			if read == 1000 {
				return 0, fs.ErrClosed
			}
			time.Sleep(time.Second)
			return 0, syscall.EIO
		}
		begin := time.Now()
		checkClosed(t, run(t.Context()))
		if took := time.Since(begin); took != 1000*time.Second {
			t.Errorf("a thousand seconds took %v", took)
		}
	})
}

// TestReportsOfTheNetwork: a failed read for each datagram sent to a missing host
// does not mean that the link is broken.
func TestReportsOfTheNetwork(t *testing.T) {
	directions(t, func(t *testing.T, r *Road, s *scripted, run func(context.Context) error) {
		s.next = func(read int) (int, error) {
			if read == 10_000 {
				return 0, fs.ErrClosed
			}
			return 0, &link.ReportedError{To: nearAddr, Err: syscall.ECONNREFUSED}
		}
		begin := time.Now()
		checkClosed(t, run(t.Context()))
		if took := time.Since(begin); took != 0 {
			t.Errorf("it paused for %v", took)
		}
	})
}

// TestPauseIsInterrupted: the road does not wait for the end of a pause when it
// should end.
func TestPauseIsInterrupted(t *testing.T) {
	directions(t, func(t *testing.T, _ *Road, s *scripted, run func(context.Context) error) {
		s.next = func(int) (int, error) { return 0, syscall.EIO }
		ctx, cancel := context.WithCancel(t.Context())
		var asked time.Time
		time.AfterFunc(10*time.Second+time.Millisecond, func() {
			asked = time.Now()
			cancel()
		})
		err := run(ctx)
		if took := time.Since(asked); took != 0 || !errors.Is(err, syscall.EIO) {
			t.Errorf("it ended %v later, with %v", took, err)
		}
	})
}

// TestOneQueueFails: the direction ends, though the other queues wait for
// packets until they are closed.
func TestOneQueueFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := make(chan struct{})
		good := &scripted{next: func(int) (int, error) { <-closed; return 0, fs.ErrClosed }}
		bad := &scripted{next: func(int) (int, error) { return 0, syscall.EIO }}
		r := &Road{PacketSize: 1800}
		err := r.Outbound(t.Context(), &manyQueues{queues: []nic.NIC{good, bad, good}})
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("it ended with %v", err)
		}
		close(closed)
	})
}

// TestRefusedWrites: a link or an adapter that takes nothing ends nothing and
// costs one call for each batch; its packets are counted.
func TestRefusedWrites(t *testing.T) {
	const batches = 1000
	directions(t, func(t *testing.T, r *Road, s *scripted, run func(context.Context) error) {
		s.refuses = syscall.EIO
		s.next = func(read int) (int, error) {
			if read == batches {
				return 0, fs.ErrClosed
			}
			return 2, nil
		}
		begin := time.Now()
		checkClosed(t, run(t.Context()))
		if took := time.Since(begin); took != 0 {
			t.Errorf("it paused for %v", took)
		}
		if n := r.Counters.Of(Unsent); n != 2*batches || s.writes != batches {
			t.Errorf("%d packets counted, %d calls", n, s.writes)
		}
	})
}
