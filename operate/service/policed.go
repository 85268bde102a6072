package service

import (
	"context"
	"sync"

	"culvert/config"
	"culvert/host/process"
	"culvert/operate/backend"
	"culvert/operate/policing"
	"culvert/role/server"
)

// rulesOf reads the policy of a server, if it has one, which names people whom the server
// knows.
func rulesOf(c *config.Config, r roles, know acquainted) (*policing.Policing, error) {
	o := policing.Options{Log: r.log}
	if know.Accounts != nil {
		o.People = know.Directory.View
	}
	return policing.Open(c, o)
}

// policed returns what to do when a server is ready, with its policy followed from then on
// until stop is called. Below a chroot its file is out of reach: SIGHUP has it read.
func policed(c *config.Config, r roles, p *policing.Policing) (ready func(*server.Server), stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var following sync.WaitGroup
	ready = func(s *server.Server) {
		v4, v6, _ := s.Addresses()
		p.Serving(v4, v6)
		if p != nil && c.Process.Chroot == "" {
			following.Go(func() { p.Run(ctx, process.ReadFile, s.Review) })
		}
		r.serving(s)
	}
	return ready, func() {
		cancel()
		following.Wait()
	}
}

// policedServer is a server whose policy hears, before its clients are reviewed, that the
// people it names have changed.
type policedServer struct {
	*backend.Server
	rules *policing.Policing
}

// Review is accounts.Server's.
func (s policedServer) Review() {
	s.rules.Changed()
	s.Server.Review()
}
