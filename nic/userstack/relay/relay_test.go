package relay

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// end is one end of a connection in memory whose halves close apart.
type end struct {
	net.Conn
	in, out *half
	aborted *bool
	grown   atomic.Bool
}

// half is one direction.
type half struct {
	*io.PipeReader
	*io.PipeWriter
}

func newHalf() *half {
	r, w := io.Pipe()
	return &half{r, w}
}

// connect is a connection: the program's end, and the one that is relayed.
func connect() (program, relayed *end) {
	a, b, aborted := newHalf(), newHalf(), false
	return &end{in: a, out: b, aborted: &aborted}, &end{in: b, out: a, aborted: &aborted}
}

func (e *end) Read(b []byte) (int, error)  { return e.in.Read(b) }
func (e *end) Write(b []byte) (int, error) { return e.out.Write(b) }
func (e *end) CloseWrite() error           { return e.out.PipeWriter.Close() }
func (e *end) Grown() bool                 { return e.grown.Load() }

func (e *end) Close() error {
	e.out.PipeWriter.Close()
	return e.in.PipeReader.Close()
}

var errReset = errors.New("reset")

func (e *end) Abort() {
	*e.aborted = true
	e.out.PipeWriter.CloseWithError(errReset)
	e.in.PipeReader.CloseWithError(errReset)
}

// relayed is two programs with a relay between them.
type relayed struct {
	a, b           *end
	innerA, innerB *end
	halfClosed     int
	done           chan struct{}
}

func start() *relayed {
	r := &relayed{done: make(chan struct{})}
	r.a, r.innerA = connect()
	r.b, r.innerB = connect()
	go func() {
		Run(r.innerA, r.innerB, func() { r.halfClosed++ })
		r.innerA.Close()
		r.innerB.Close()
		close(r.done)
	}()
	return r
}

func (r *relayed) ended() bool {
	synctest.Wait()
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

func send(t *testing.T, from, to *end, n int) {
	t.Helper()
	text := bytes.Repeat([]byte("culvert "), n/8)
	var wait sync.WaitGroup
	wait.Go(func() {
		if _, err := from.Write(text); err != nil {
			t.Error(err)
		}
	})
	got := make([]byte, len(text))
	if _, err := io.ReadFull(to, got); err != nil || !bytes.Equal(got, text) {
		t.Errorf("%d bytes: %v", n, err)
	}
	wait.Wait()
}

// TestBothWays: small and large, and with buffers that have grown.
func TestBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start()
		for _, n := range []int{8, restSize, busySize, 1 << 20, 8, 4 * largeSize} {
			send(t, r.a, r.b, n)
			send(t, r.b, r.a, n)
			r.innerA.grown.Store(n > busySize)
		}
		r.a.CloseWrite()
		if _, err := r.b.Read(make([]byte, 1)); err != io.EOF {
			t.Error(err)
		}
		send(t, r.b, r.a, 1<<10)
		r.b.CloseWrite()
		if !r.ended() || r.halfClosed != 1 || *r.a.aborted || *r.b.aborted {
			t.Errorf("ended %v, half-closed %d times, reset %v %v", r.ended(), r.halfClosed, *r.a.aborted, *r.b.aborted)
		}
	})
}

// TestHalfClosedAndSilent: a pair of which one half is closed ends after it has
// been silent for long, and not before.
func TestHalfClosedAndSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start()
		time.Sleep(24 * time.Hour)
		if r.ended() {
			t.Fatal("an open pair ends, though silence is its right")
		}
		r.a.CloseWrite()
		r.b.Read(make([]byte, 1))
		for range 5 {
			time.Sleep(HalfClosedIdle - time.Second)
			send(t, r.b, r.a, 8)
		}
		time.Sleep(HalfClosedIdle - time.Second)
		if r.ended() {
			t.Fatal("ended while bytes went")
		}
		time.Sleep(time.Second)
		if !r.ended() || !*r.a.aborted || !*r.b.aborted {
			t.Errorf("ended %v, reset %v %v", r.ended(), *r.a.aborted, *r.b.aborted)
		}
	})
}

// TestResetPassesOn: a failure at one end resets the other.
func TestResetPassesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start()
		r.a.Abort()
		if !r.ended() || !*r.b.aborted {
			t.Errorf("ended %v, reset %v", r.ended(), *r.b.aborted)
		}
	})
}

// TestNoHalves: a connection that cannot be half-closed ends as a whole.
func TestNoHalves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		program, inner := net.Pipe()
		other, outer := connect()
		done := make(chan struct{})
		go func() { Run(inner, outer, nil); close(done) }()
		other.CloseWrite()
		if _, err := program.Read(make([]byte, 1)); err != io.EOF {
			t.Error(err)
		}
		<-done
	})
}
