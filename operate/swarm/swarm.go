// Package swarm is a load generator: any number of real clients in one process,
// against any OpenVPN server. Each is a client.Client in full, with a socket, a
// TLS handshake, keys and their renewal of its own; only its adapter is a light
// one, which sends echo requests and counts the answers.
package swarm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"culvert/config"
	"culvert/link"
)

// Options say what the swarm is and does.
type Options struct {
	// Profiles make the clients' configurations, anew for each client, which
	// are dealt in turn.
	Profiles []func() (*config.Config, error)
	Clients  int
	// Parallel is how many handshakes are under way at most.
	Parallel int
	// Within is the most time that all clients may take to come up.
	Within time.Duration
	// Traffic is what they do once they are up, one after the other, each For
	// so long.
	Traffic []Pattern
	For     time.Duration
	// Churn is after how long a client leaves and another takes its place,
	// on average; 0: they stay. It begins with the traffic.
	Churn time.Duration
	// Target is the inner address that answers echo requests; not valid: the
	// server's.
	Target netip.Addr
	// Size is of a packet of the stream, in bytes with its IP header; Window
	// how many of them are on their way at most, of all clients together.
	Size, Window int
	// Progress gets a line for each second and at each turn; nil: none.
	Progress io.Writer
	// Listen opens a client's socket for UDP; nil: link.ListenSmall.
	Listen func(link.Options) (link.Link, error)
}

// DefaultOptions are those of the command line.
func DefaultOptions() Options {
	return Options{Clients: 100, Parallel: 32, Within: 5 * time.Minute, Traffic: []Pattern{Ping}, For: 30 * time.Second, Size: 1200, Window: 128}
}

func (o *Options) check() error {
	switch {
	case len(o.Profiles) == 0:
		return errors.New("no profile")
	case o.Clients < 1 || o.Clients > maxClients:
		return fmt.Errorf("%d clients: expected 1 to %d", o.Clients, maxClients)
	case o.Parallel < 1:
		return fmt.Errorf("%d handshakes at a time: expected 1 or more", o.Parallel)
	case o.Within <= 0 || o.For < 0 || o.Churn < 0:
		return errors.New("a time is negative, or none is given to come up")
	case o.Size < minSize || o.Size > maxSize:
		return fmt.Errorf("packets of %d bytes: expected %d to %d", o.Size, minSize, maxSize)
	case o.Window < burst || o.Window > maxWindow:
		return fmt.Errorf("a window of %d packets: expected %d to %d", o.Window, burst, maxWindow)
	case len(o.Traffic) == 0:
		return fmt.Errorf("no traffic: expected any of %v", Patterns)
	}
	if o.Listen == nil {
		o.Listen = link.ListenSmall
	}
	return reserveFiles(o.Clients)
}

// maxClients is as many sockets as one address has ports for.
const maxClients = 60_000

// swarm is a run.
type swarm struct {
	Options
	log     *slog.Logger
	began   time.Time
	slots   chan struct{} // a handshake under way holds one
	members []*member
	phase   atomic.Pointer[phase]
	traffic chan struct{} // closed when it begins
	leaving atomic.Bool   // all clients are

	telling sync.Mutex // of Progress

	mu        sync.Mutex
	report    Report
	leased    map[netip.Addr]bool
	unsettled sync.WaitGroup // members that are not up for the first time
}

// Run runs a swarm until its traffic is done, or ctx ends, and tells what it
// saw. The error is of what kept it from beginning.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("swarm: %w", err)
	}
	s := &swarm{Options: o, log: slog.New(slog.DiscardHandler), began: time.Now(), slots: make(chan struct{}, o.Parallel),
		leased: make(map[netip.Addr]bool), traffic: make(chan struct{})}
	s.report.Clients = o.Clients
	s.report.Errors = make(map[string]*Errors)
	// An interrupted swarm says how things stand before its clients leave.
	live, leave := context.WithCancel(context.WithoutCancel(ctx))
	var members sync.WaitGroup
	for i := range o.Clients {
		m := &member{swarm: s, number: i}
		s.members = append(s.members, m)
		s.unsettled.Add(1)
		members.Go(func() { m.live(live) })
	}
	ticking := s.tick()
	s.comeUp(ctx)
	close(s.traffic)
	for _, p := range o.Traffic {
		if ctx.Err() == nil {
			s.run(ctx, p)
		}
	}
	s.note()
	s.say("the clients leave")
	s.leaving.Store(true)
	leave()
	members.Wait()
	ticking()
	s.report.Seconds = time.Since(s.began).Seconds()
	return &s.report, nil
}

var errLate = errors.New("not all clients came up within")

// comeUp waits until each client is up or has given up.
func (s *swarm) comeUp(ctx context.Context) {
	settled := make(chan struct{})
	go func() {
		s.unsettled.Wait()
		close(settled)
	}()
	limit := time.NewTimer(s.Within)
	defer limit.Stop()
	select {
	case <-settled:
	case <-limit.C:
		s.fail(fmt.Errorf("%w %v", errLate, s.Within))
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.Up = s.up()
	s.report.UpSeconds = time.Since(s.began).Seconds()
	s.sayf("%d of %d clients are up after %.1f s", s.report.Up, s.Clients, s.report.UpSeconds)
}

// up is how many clients are up now.
func (s *swarm) up() (n int) {
	for _, m := range s.members {
		if m.nic.Load() != nil {
			n++
		}
	}
	return n
}

// note writes down how many clients stayed.
func (s *swarm) note() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.Stayed = s.up()
}

// fail counts an error by its kind, but for those of clients that leave.
func (s *swarm) fail(err error) {
	if s.leaving.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.add(err)
}

// handshake counts one that succeeded.
func (s *swarm) handshake(took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.Handshakes++
	s.report.Handshake.Add(took)
	if p := s.phase.Load(); p != nil {
		p.handshakes.Add(1)
	}
}
