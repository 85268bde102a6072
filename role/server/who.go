package server

import (
	"time"

	"culvert/access/pki"
	"culvert/session/wire"
)

// who is what a client says and shows of itself, for whoever asks from another
// goroutine than its own. One is made anew when it changes.
type who struct {
	name   string // common name, or user name
	common string // of its certificate
	user   string // "" without
	agent  string
	serial string // of its certificate, in hex; "" without
}

// introduce makes known who a client is, as far as it has said.
func (c *client) introduce() {
	w := &who{name: c.name, common: c.certName, user: c.login.user, agent: c.agent}
	if len(c.presented) > 0 {
		w.serial = pki.SerialHex(c.presented[0])
	}
	c.who.Store(w)
}

// about is the client in an event, as far as it has said who it is. It may be
// called on any goroutine.
func (c *client) about(now time.Time) About {
	a := About{At: now, Number: c.number, Remote: c.Path().Remote, Since: c.since}
	if w := c.who.Load(); w != nil {
		a.Name, a.CommonName, a.User, a.Serial, a.Agent = w.name, w.common, w.user, w.serial, w.agent
	}
	return a
}

// Everybody are the clients that are in and those that are connecting, in the
// order they came.
func (s *Server) Everybody() []ClientStatus {
	list, now := s.Clients(), time.Now()
	known := make(map[uint64]bool, len(list))
	for _, c := range list {
		known[c.ID] = true
	}
	for _, c := range s.table.all() {
		if !known[c.number] {
			list = append(list, c.connecting(now))
		}
	}
	sortClients(list)
	return list
}

// connecting is the status of a client that is not in yet.
func (c *client) connecting(now time.Time) ClientStatus {
	w := c.who.Load()
	if w == nil {
		w = &who{name: nameless}
	}
	return ClientStatus{
		ID: c.number, PeerID: wire.PeerIDUnset, Connecting: true, Name: w.name, Username: w.user, Agent: w.agent, Serial: w.serial,
		Remote: c.Path().Remote, Since: c.since, LastHeard: c.Data.LastReceived(),
	}
}
