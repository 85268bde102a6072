package backend

import (
	"context"
	"time"

	"culvert/config"
	"culvert/role/server"
)

// Server is the Backend of a server. Make it with NewServer and Run it once.
type Server struct {
	base
	role *server.Server
}

var _ Backend = (*Server)(nil)

// NewServer makes a server, as server.New does, with a back end.
func NewServer(c *config.Config, o server.Options, p Process) (*Server, error) {
	s := &Server{base: newBase("server", c, p)}
	o.Open = s.opener(o.Open, s)
	o.Events = func(e server.Event) { s.feed.Publish(fromServer(e, time.Now())) }
	role, err := server.New(c, o)
	if err != nil {
		return nil, err
	}
	s.role = role
	s.at(role.Road(), s)
	return s, nil
}

// Run is the role's.
func (s *Server) Run(ctx context.Context) error { return s.run(ctx, s.role.Run) }

// Status is Backend's.
func (s *Server) Status() Status {
	status := s.status(s.Peers())
	status.Lists = s.role.Lists()
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
