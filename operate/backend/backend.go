// Package backend is a running tunnel as everything that operates it sees it: the
// command line, a dashboard, metrics. A Backend is the same for every role, and its
// readers know no role. There is one adapter per role: Server, Client and Host.
package backend

import (
	"errors"

	"culvert/operate/backend/watch"
)

// Backend is a role at work. Its methods may be called by any goroutine at any
// time, and none waits for the network longer than it says.
type Backend interface {
	// Status is its state now, peers included.
	Status() Status
	// Peers are those at the other end, whether they are in or still connecting, in
	// the order in which they came.
	Peers() []Peer
	// StatusText is the status as OpenVPN writes it. A server has three formats, 1 to
	// 3 (man page, --status-version); other roles have one.
	StatusText(version int) []byte
	// Bytes are those of the data channel so far, from and to all peers, those that
	// have left included.
	Bytes() (in, out uint64)
	// Packets is where its packets can be watched.
	Packets() Packets
	// Events are what happens from now on. For a reader that is slow, room events wait
	// (1 at least); more are lost, and the reader is told how many. Close the Reader.
	Events(room int) *Reader
	// Disconnect sends a peer of a server away by its Number. message is the control
	// message that it is told: "RESTART" or "" to connect anew, "HALT,reason" to stay
	// away. It fails with ErrUnsupported unless this is a server.
	Disconnect(number uint64, message string) error
	// PushUpdate changes what was pushed to clients that are connected. It takes two
	// seconds at most. It fails with ErrUnsupported unless this is a server.
	PushUpdate(Update) (Updated, error)
	// Restart has all peers connect anew; adapter and sockets stay.
	Restart()
	// Reload has the process read its configuration again and start over with it. One
	// that is faulty is logged, and everything stays as it is.
	Reload()
}

// ErrUnsupported is returned for what only a server can do.
var ErrUnsupported = errors.New("only a server can do this")

// Packets is where packets of one tunnel can be watched.
type Packets struct {
	// Eyes are shared by all who watch.
	Eyes *watch.Eyes
	// Ethernet is set where the adapter carries frames, and IP packets otherwise.
	Ethernet bool
}
