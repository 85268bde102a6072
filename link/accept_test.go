package link

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"culvert/internal/buf"
)

// piped is a listener whose connections are in memory. A nil connection means that
// the system has run short of something.
type piped chan net.Conn

func (p piped) Accept() (net.Conn, error) {
	conn, ok := <-p
	switch {
	case !ok:
		return nil, fs.ErrClosed
	case conn == nil:
		return nil, errors.New("too many open files")
	}
	return conn, nil
}

// call connects to a listener.
func (p piped) call() net.Conn {
	near, far := net.Pipe()
	p <- far
	return near
}

// serving runs an acceptor that reads packets. A connection shows who it is if its
// first packet is ok.
func serving(t *testing.T, a *Acceptor) piped {
	p := make(piped)
	done := make(chan error, 1)
	go func() {
		done <- a.Serve(p, func(s *Stream) {
			batch := buf.NewBatch(1, buf.DefaultSize)
			for {
				if _, err := s.ReadBatch(batch); err != nil {
					return
				}
				s.Prove()
			}
		})
	}()
	t.Cleanup(func() {
		close(p)
		if err := <-done; !errors.Is(err, fs.ErrClosed) {
			t.Error(err)
		}
		a.Close()
	})
	return p
}

// open reports that the other end has not closed a connection.
func open(c net.Conn) bool {
	c.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, err := c.Read(make([]byte, 1))
	return !errors.Is(err, io.EOF)
}

// TestConnectionsShowThemselves: a connection that is silent, or never completes a
// packet, ends. One that showed who it is may be silent as long as it likes.
func TestConnectionsShowThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serving(t, new(Acceptor))
		silent, slow, good := p.call(), p.call(), p.call()
		good.Write([]byte{0, 1, 7})
		slow.Write([]byte{1, 0})
		for range 10 {
			slow.Write([]byte{7})
			time.Sleep(time.Second)
		}
		if !open(silent) || !open(slow) || !open(good) {
			t.Error("a connection ended too soon")
		}
		time.Sleep(openingTime)
		if open(silent) || open(slow) {
			t.Error("a connection that shows nothing is kept")
		}
		if time.Sleep(time.Hour); !open(good) {
			t.Error("a connection that had shown itself ended")
		}
	})
}

// TestStrangersAreBounded: if there are too many silent connections, or the system
// runs out of room, the oldest of them ends, and no other.
func TestStrangersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shortages := 0
		p := serving(t, &Acceptor{OnError: func(error) { shortages++ }})
		good := p.call()
		good.Write([]byte{0, 1, 7})
		var silent []net.Conn
		for range maxUnproven {
			silent = append(silent, p.call())
		}
		synctest.Wait()
		if !open(silent[0]) {
			t.Error("one was given up too soon")
		}
		silent = append(silent, p.call())
		synctest.Wait()
		if open(silent[0]) || !open(silent[1]) {
			t.Error("not just the oldest was given up")
		}
		p <- nil
		synctest.Wait()
		if open(silent[1]) || !open(silent[2]) || shortages != 1 {
			t.Error("not just the oldest was given up for a shortage")
		}
		if !open(good) {
			t.Error("one that had shown itself was given up")
		}
	})
}
