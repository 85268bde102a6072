package server

import (
	"errors"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"culvert/access"
	"culvert/access/policy"
	"culvert/config"
	"culvert/role/server/admission"
	"culvert/role/server/lease"
	"culvert/role/server/segment"
	"culvert/session"
	"culvert/session/negotiate"
	"culvert/session/wire"
	"culvert/tunnel"
)

// client is one client of the server. What its handshake decides is written once, on
// its control goroutine, before it is entered where packets can find it.
type client struct {
	*tunnel.Peer
	number uint64 // no other client of this server ever has it
	since  time.Time
	visit  *admission.Visit

	id        wire.PeerID
	name      string            // as in its identity; "" before it has said
	own       *config.PerClient // its settings
	holder    *lease.Holder     // its entry in the book of addresses; nil until it asks for some
	lease     *lease.Lease      // nil until it is let in; while it is set, id is this client's
	cipher    string            // of its data channel
	up        bool              // it has been in
	refusedBy access.By         // who turned it away; "": nobody
	stage     string            // where its handshake was reported to be stuck; "" for nowhere
	learnt    []learnt          // what is to lead to it, once it is let in

	decided atomic.Bool // its login is good, and its settings are known: People may have a say
	terms   atomic.Pointer[Terms]
	rates   atomic.Pointer[rates] // nil: no limits
	told    negotiate.PeerInfo    // what it says that it can do

	seat         *policy.Seat // at the guard, from when it is in; nil: there is none
	usage        usage
	shown        atomic.Pointer[string] // a copy of name, once it is in
	port         atomic.Pointer[segment.Port]
	warnedSource atomic.Uint32 // a bit for each SourceReason
	warnedMAC    atomic.Bool
	moveReported atomic.Int64 // when one of its moves was, Unix time in nanoseconds

	// The table's lock guards these.
	place   place
	counted bool           // among the table's sessions
	gone    bool           // out of the table, for good
	left    []netip.Prefix // what led to it when it was taken out

	displaced atomic.Bool           // a newcomer took its place while it waited
	shut      atomic.Bool           // it may not be here, and stays only until it has been told why
	sentAway  atomic.Pointer[Event] // by which event first; nil: by none
}

// outer returns the client's outer address.
func (c *client) outer() outer { return outer{c.Link(), c.Path().Remote} }

// session returns the client's session id, and its outer address.
func (c *client) session() sessionKey { return sessionKey{c.outer(), c.Session.RemoteID()} }

var _ tunnel.Named = (*client)(nil)

// PeerName returns the client's name, "" until it is in.
func (c *client) PeerName() string {
	if name := c.shown.Load(); name != nil {
		return *name
	}
	return ""
}

// about describes the client in an event, as far as it has said who it is. Any
// goroutine may call it.
func (c *client) about(now time.Time) About {
	a := c.visit.Applicant()
	return About{At: now, Number: c.number, Name: a.Name, CommonName: a.CommonName, User: a.User, Serial: a.Serial, Agent: a.Agent,
		Remote: c.Path().Remote, Since: c.since, Applicant: a}
}

// cut returns an event by which this server sends the client away, and remembers the first:
// others may follow before it is gone.
func (c *client) cut(e Event) Event {
	c.sentAway.CompareAndSwap(nil, &e)
	return e
}

// ended returns the event for a client that is gone.
func (c *client) ended(now time.Time, err error) Ended {
	e := Ended{About: c.about(now), Err: err, WasUp: c.up, Traffic: Traffic{
		PacketsIn: c.Counters.InPackets.Load(), PacketsOut: c.Counters.OutPackets.Load(),
		BytesIn: c.Counters.LinkIn.Load(), BytesOut: c.Counters.LinkOut.Load()}}
	switch {
	case c.displaced.Load():
		e.How = MadeRoom
	case errors.Is(err, session.ErrExit):
		e.How = Dismissed
	case errors.Is(err, session.ErrPeerExit):
		e.How = Left
	}
	if after := c.sentAway.Load(); after != nil {
		e.After = *after
	}
	if !c.up {
		e.Handshake = c.broken(err)
	}
	if c.lease != nil {
		e.IPv4, e.IPv6 = c.lease.IPv4, c.lease.IPv6
	}
	return e
}

// saidBefore leaves out of an error, which ended the client's session, where the handshake
// stopped if that was reported.
func (c *client) saidBefore(err error) error {
	var handshake *session.HandshakeError
	if c.stage == "" || !errors.As(err, &handshake) || handshake.Err != nil || !strings.HasPrefix(c.stage, handshake.Stage) {
		return err
	}
	return &session.HandshakeError{Stage: "it stopped where is said above"}
}

// moveInterval is the least time between two events of a client's moves. A client
// can move with every packet.
const moveInterval = time.Second

// reportsMove reports whether a move at now may be an event.
func (c *client) reportsMove(now time.Time) bool {
	last := c.moveReported.Load()
	return now.UnixNano()-last >= int64(moveInterval) && c.moveReported.CompareAndSwap(last, now.UnixNano())
}

// evict ends a client's session without a word to it. Programs that run for the
// client end first, since its control goroutine may wait for one.
func (c *client) evict() {
	c.visit.End()
	c.Do(func(time.Time) { c.Session.Close() })
}

// giveWay ends the session of a client whose place another client of its name took.
// If it can stay away for a while, it is told to: two devices with one profile that
// come back at once would cut each other off all the time.
func (c *client) giveWay() {
	if !c.visit.Identity().StaysAway {
		c.evict()
		return
	}
	c.visit.End()
	c.Do(func(now time.Time) {
		c.Session.Dismiss(now, takenOver)
		c.Settle(now)
		c.Session.Close()
	})
}

// takenOver lets a client try again after about the time that it usually takes to
// notice a silent server.
const takenOver = "AUTH_FAILED,TEMP[backoff 60,advance no]:another connection with this client's name took the place of this one; give each device a profile of its own"

// disconnect sends a client away with a message. One that is not in is told nothing.
func (c *client) disconnect(message string, report func(Event)) {
	c.visit.End()
	c.Do(func(now time.Time) {
		switch {
		case c.Session.Err() != nil:
		case c.up:
			report(c.cut(Disconnected{About: c.about(now), Message: message}))
			c.Session.Dismiss(now, message)
		default:
			report(c.cut(Disconnected{About: c.about(now)}))
			c.Session.Close()
		}
	})
}
