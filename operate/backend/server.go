package backend

import (
	"context"
	"sync/atomic"
	"time"

	"culvert/config"
	"culvert/role/server"
)

// Server is the Backend of a server. Make it with NewServer and Run it once.
type Server struct {
	base
	role *server.Server
	// gone is what clients carried that have left.
	gone struct{ packetsIn, packetsOut, bytesIn, bytesOut atomic.Uint64 }
}

var _ Backend = (*Server)(nil)

// NewServer makes a server, as server.New does, with a back end.
func NewServer(c *config.Config, o server.Options, p Process) (*Server, error) {
	s := &Server{base: newBase("server", c, p)}
	o.Open = s.opener(o.Open, s)
	o.Events = s.happened
	role, err := server.New(c, o)
	if err != nil {
		return nil, err
	}
	s.role = role
	s.at(role.Road(), s)
	return s, nil
}

// happened publishes an event of the role.
func (s *Server) happened(e server.Event) {
	if e, ok := e.(server.Ended); ok {
		s.gone.bytesIn.Add(e.Traffic.BytesIn)
		s.gone.bytesOut.Add(e.Traffic.BytesOut)
		s.gone.packetsIn.Add(e.Traffic.PacketsIn)
		s.gone.packetsOut.Add(e.Traffic.PacketsOut)
	}
	if s.process.Client != nil {
		s.process.Client(e)
	}
	if l, ok := e.(server.Learned); ok && l.Refused == nil {
		return // Up has the addresses
	}
	s.feed.Publish(fromServer(e, time.Now()))
}

// Bytes is Backend's.
func (s *Server) Bytes() (in, out uint64) {
	t := s.Traffic(s.Peers())
	return t.BytesIn, t.BytesOut
}

// Traffic is what all clients carried so far: those that have left, and peers, who are here.
func (s *Server) Traffic(peers []Peer) (t server.Traffic) {
	t.BytesIn, t.BytesOut = s.gone.bytesIn.Load(), s.gone.bytesOut.Load()
	t.PacketsIn, t.PacketsOut = s.gone.packetsIn.Load(), s.gone.packetsOut.Load()
	for i := range peers {
		p := &peers[i]
		t.BytesIn, t.BytesOut = t.BytesIn+p.BytesIn, t.BytesOut+p.BytesOut
		t.PacketsIn, t.PacketsOut = t.PacketsIn+p.PacketsIn, t.PacketsOut+p.PacketsOut
	}
	return t
}

// Handshakes is how many first handshakes of clients ended so far, and how.
func (s *Server) Handshakes() server.Tally { return server.HandshakesOf(s.role) }

// Pools are how many addresses there are for clients, and how many of them are leased.
func (s *Server) Pools() server.Pools { return server.PoolsOf(s.role) }

// Run is the role's.
func (s *Server) Run(ctx context.Context) error { return s.run(ctx, s.role.Run) }

// Status is Backend's.
func (s *Server) Status() Status {
	status := s.status(s.Peers())
	status.Lists = s.role.Lists()
	if s.process.Certificates != nil {
		status.Endings = s.process.Certificates(time.Now())
	}
	if s.process.Records != nil {
		status.Records = s.process.Records()
	}
	return status
}

// Peers is Backend's.
func (s *Server) Peers() (list []Peer) {
	for _, c := range s.role.Everybody() {
		list = append(list, clientPeer(c))
	}
	return list
}

func clientPeer(c server.ClientStatus) Peer {
	p := Peer{
		Number: c.ID, Name: c.Name, User: c.Username, Connecting: c.Connecting, Remote: c.Remote.String(), IPv4: c.IPv4, IPv6: c.IPv6,
		Cipher: c.Cipher, Serial: c.Serial, Since: c.Since, LastHeard: c.LastHeard, BytesIn: c.BytesIn, BytesOut: c.BytesOut,
		PacketsIn: c.PacketsIn, PacketsOut: c.PacketsOut,
		Path: pathOf(c.Path, c.Found),
	}
	if !c.Connecting {
		p.PeerID = &c.PeerID
	}
	return p
}

// StatusText is Backend's.
func (s *Server) StatusText(version int) []byte { return s.role.Status(version) }

// PushUpdate is Backend's.
func (s *Server) PushUpdate(u Update) (Updated, error) {
	done, err := s.role.PushUpdate(server.Update(u))
	return Updated(done), err
}

// Disconnect is Backend's.
func (s *Server) Disconnect(number uint64, message string) error {
	return s.role.Disconnect(number, message)
}

// Restart is Backend's.
func (s *Server) Restart() { s.role.Restart() }

// Clients are the role's.
func (s *Server) Clients() []server.ClientStatus { return s.role.Clients() }

// Review is the role's.
func (s *Server) Review() { s.role.Review() }

// Adopt is the role's.
func (s *Server) Adopt(c *config.Config) error { return s.adopting(c, s.role.Adopt) }
