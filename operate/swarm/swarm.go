// Package swarm is a load generator: many real clients in one process, for any
// OpenVPN server. Each is a complete client.Client, with its own socket, TLS
// handshake and keys, which it renews. Only its adapter is a light one, which sends
// echo requests and counts the answers.
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

// Options say what the swarm does.
type Options struct {
	// Profiles return the clients' configurations, a new one with each call. The
	// clients use them in turn.
	Profiles []func() (*config.Config, error)
	Clients  int
	// Parallel is the largest number of handshakes at a time.
	Parallel int
	// Within is the time limit for all clients to connect.
	Within time.Duration
	// Traffic is what the clients do once they are up: one pattern after the
	// other, each as long as For.
	Traffic []Pattern
	For     time.Duration
	// Churn is the average time until a client leaves and another takes its
	// place; 0: they stay. It counts from when the traffic begins.
	Churn time.Duration
	// Target is the inner address to send echo requests to; the zero Addr is the
	// server's.
	Target netip.Addr
	// Size is the size of a packet of the stream in bytes, with its IP header.
	// Window is how many of them may be in flight, of all clients together.
	Size, Window int
	// Progress receives a line each second and at each change; nil: none.
	Progress io.Writer
	// Listen opens a client's UDP socket; nil: link.ListenSmall.
	Listen func(link.Options) (link.Link, error)
}

// DefaultOptions returns the defaults of the command line.
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
		return errors.New("a time is negative, or the time limit to connect is 0")
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

// maxClients is how many sockets one address has ports for.
const maxClients = 60_000

// swarm is a run.
type swarm struct {
	Options
	log     *slog.Logger
	began   time.Time
	slots   chan struct{} // each handshake holds one
	members []*member
	phase   atomic.Pointer[phase]
	traffic chan struct{} // closed when the traffic begins
	leaving atomic.Bool   // all clients are leaving

	telling sync.Mutex // guards Progress

	mu        sync.Mutex
	report    Report
	leased    map[netip.Addr]bool
	unsettled sync.WaitGroup // members that have neither been up nor given up
}

// Run runs a swarm until its traffic is done, or ctx ends, and returns a report.
// An error means that it could not begin.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("swarm: %w", err)
	}
	s := &swarm{Options: o, log: slog.New(slog.DiscardHandler), began: time.Now(), slots: make(chan struct{}, o.Parallel),
		leased: make(map[netip.Addr]bool), traffic: make(chan struct{})}
	s.report.Clients = o.Clients
	s.report.Errors = make(map[string]*Errors)
	// An interrupted swarm counts its clients before they leave.
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
	s.say("the clients are leaving")
	s.leaving.Store(true)
	leave()
	members.Wait()
	ticking()
	s.report.Seconds = time.Since(s.began).Seconds()
	return &s.report, nil
}

var errLate = errors.New("some clients were not up within")

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

// up returns the number of clients that are up.
func (s *swarm) up() (n int) {
	for _, m := range s.members {
		if m.nic.Load() != nil {
			n++
		}
	}
	return n
}

// note records how many clients stayed.
func (s *swarm) note() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.Stayed = s.up()
}

// fail counts an error by its kind, except while the clients are leaving.
func (s *swarm) fail(err error) {
	if s.leaving.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.add(err)
}

// handshake counts a handshake that succeeded.
func (s *swarm) handshake(took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.Handshakes++
	s.report.Handshake.Add(took)
	if p := s.phase.Load(); p != nil {
		p.handshakes.Add(1)
	}
}
