package link

import (
	"container/list"
	"errors"
	"io/fs"
	"net"
	"sync"
	"time"
)

// Limits on what connections may cost before they show who they are.
const (
	// openingTime is how long a connection may take to show it, silent or slow.
	openingTime = 15 * time.Second
	// maxUnproven is how many connections that have not shown it are kept. One more
	// ends the oldest.
	maxUnproven = 4096
	// acceptPause is the pause between attempts to accept while the system has no
	// room for another connection.
	acceptPause = 50 * time.Millisecond
)

// Acceptor serves the connections that listeners accept. Strangers cost it little:
// it ends a connection that does not show who it is within some seconds, and keeps
// no more than some thousands of such connections.
type Acceptor struct {
	TCP TCPOptions
	// OnError is called when the system runs short of something, which costs the
	// oldest silent connection.
	OnError func(error)

	mu       sync.Mutex
	all      map[*Stream]bool
	unproven list.List // all such connections, the oldest first
	closed   bool
	running  sync.WaitGroup
}

// Stream is a connection that was accepted.
type Stream struct {
	*TCP
	of *Acceptor
	at *list.Element // in unproven; nil if it is not there
}

// Listener is where connections come from. An error of Accept that wraps
// fs.ErrClosed is final. TCPListener is one.
type Listener interface{ Accept() (net.Conn, error) }

// Serve accepts connections until the listener or the acceptor is closed. It runs
// handle for each in a goroutine of its own, and closes the connection when handle
// returns.
func (a *Acceptor) Serve(l Listener, handle func(*Stream)) error {
	for {
		conn, err := l.Accept()
		if errors.Is(err, fs.ErrClosed) {
			return err
		}
		if err != nil {
			a.OnError(err)
			a.giveUpOldest()
			time.Sleep(acceptPause)
			continue
		}
		s := &Stream{TCP: NewTCP(conn, a.TCP), of: a}
		if !a.add(s) {
			s.Close()
			return errClosed
		}
		s.SetReadDeadline(time.Now().Add(openingTime))
		go func() {
			defer a.remove(s)
			defer s.Close()
			handle(s)
		}()
	}
}

// Prove notes that a connection has shown who it is. From then on it may be silent,
// and is not ended to make room.
func (s *Stream) Prove() {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	s.of.forget(s)
	s.SetReadDeadline(time.Time{})
}

// add enters a connection, and ends the oldest one if there are too many. It
// returns false if the acceptor is closed.
func (a *Acceptor) add(s *Stream) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return false
	}
	if a.all == nil {
		a.all = make(map[*Stream]bool)
	}
	a.all[s] = true
	s.at = a.unproven.PushBack(s)
	a.running.Add(1)
	if a.unproven.Len() > maxUnproven {
		a.closeOldest()
	}
	return true
}

// forget removes a connection from the unproven ones. The caller holds mu.
func (a *Acceptor) forget(s *Stream) {
	if s.at != nil {
		a.unproven.Remove(s.at)
		s.at = nil
	}
}

func (a *Acceptor) giveUpOldest() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closeOldest()
}

// closeOldest ends the oldest unproven connection. The caller holds mu.
func (a *Acceptor) closeOldest() {
	if front := a.unproven.Front(); front != nil {
		oldest := front.Value.(*Stream)
		a.forget(oldest)
		oldest.Close()
	}
}

// remove forgets a connection that has ended.
func (a *Acceptor) remove(s *Stream) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.forget(s)
	delete(a.all, s)
	a.running.Done()
}

// Close ends all connections and waits for the goroutines that serve them. The
// owner of the listeners closes those.
func (a *Acceptor) Close() {
	a.mu.Lock()
	a.closed = true
	for s := range a.all {
		s.Close()
	}
	a.mu.Unlock()
	a.running.Wait()
}
