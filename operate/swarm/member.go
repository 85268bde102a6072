package swarm

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"culvert/config"
	"culvert/host/bringup"
	"culvert/host/hostnet"
	"culvert/role/client"
	"culvert/role/event"
)

// member is a place in the swarm. When its client leaves or is lost, the next one
// takes the place.
type member struct {
	*swarm
	number int
	nic    atomic.Pointer[echoNIC] // of the client that is up; nil if none is
}

// live runs one client after another, until ctx ends or the next would fail
// too.
func (m *member) live(ctx context.Context) {
	settled := sync.OnceFunc(m.unsettled.Done)
	defer settled()
	for ctx.Err() == nil {
		if err := m.connect(ctx, settled); err != nil {
			m.fail(err)
			return
		}
	}
}

// connect runs one client. An error means that the next would fail too.
func (m *member) connect(ctx context.Context, settled func()) error {
	select {
	case m.slots <- struct{}{}:
	case <-ctx.Done():
		return nil
	}
	l := &life{member: m, settled: settled}
	ctx, l.end = context.WithCancel(ctx)
	l.done = ctx.Done()
	defer l.end()
	defer l.over()
	c, err := l.client()
	if err != nil {
		return err
	}
	l.began = time.Now()
	return c.Run(ctx)
}

// life is one client of a member. client.Run makes all of its callbacks.
type life struct {
	*member
	settled func()
	end     context.CancelFunc
	began   time.Time
	up      bool
	address netip.Addr      // leased
	done    <-chan struct{} // closed when it has to end
}

var errTap = errors.New("a swarm's clients carry only IP packets: use a profile with `dev tun`, and a server to match")

func (l *life) client() (*client.Client, error) {
	cfg, err := l.Profiles[l.number%len(l.Profiles)]()
	if err != nil {
		return nil, err
	}
	if cfg.Adapter.DevType == config.DevTap {
		return nil, errTap
	}
	cfg.Link.NoBind = true
	return client.New(cfg, client.Options{
		Log: l.log, Open: l.open, Listen: l.Listen,
		Ready: func(*client.Client) { l.ready() }, Events: l.observe,
	})
}

// open makes the light adapter. It fails if the server has leased its address to
// another client.
func (l *life) open(_ context.Context, want bringup.State) (*bringup.Adapter, error) {
	local, target, err := l.ends(want.Addresses)
	if err != nil {
		return nil, err
	}
	if err := l.lease(local); err != nil {
		return nil, err
	}
	l.address = local
	n := newEchoNIC(l.swarm, local, target, want.MTU)
	l.nic.Store(n)
	return &bringup.Adapter{NIC: n}, nil
}

// ends returns the addresses that echo requests go from and to.
func (l *life) ends(leased []hostnet.Address) (local, target netip.Addr, err error) {
	for _, a := range leased {
		local, target = a.Prefix.Addr(), l.Target
		switch {
		case target.IsValid():
		case a.Peer.IsValid():
			target = a.Peer
		default:
			target = a.Prefix.Masked().Addr().Next()
		}
		if local.Is4() == target.Is4() {
			return local, target, nil
		}
	}
	if !l.Target.IsValid() {
		return local, target, errors.New("the server leased no address")
	}
	return local, target, fmt.Errorf("the server leased no address of the same family as %v", l.Target)
}

// lease notes that a client has an address. It fails if another one has it.
func (s *swarm) lease(a netip.Addr) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leased[a] {
		return errors.New("the server leased an address that another client still holds")
	}
	s.leased[a] = true
	return nil
}

// release gives the address back.
func (l *life) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.address.IsValid() {
		delete(l.leased, l.address)
		l.address = netip.Addr{}
	}
}

// ready is called when the tunnel is up.
func (l *life) ready() {
	l.up = true
	l.handshake(time.Since(l.began))
	<-l.slots
	l.settled()
	if l.Churn > 0 {
		go l.leave()
	}
}

// leave ends the client after a random time, counted from when the traffic begins.
func (l *life) leave() {
	select {
	case <-l.traffic:
	case <-l.done:
		return
	}
	wait := time.NewTimer(time.Duration(rand.ExpFloat64() * float64(l.Churn)))
	defer wait.Stop()
	select {
	case <-wait.C:
		// The server may lease the address anew as soon as the client leaves.
		l.release()
		l.end()
	case <-l.done:
	}
}

// lost handles a connection that was lost. A client that was not up yet tries
// again by itself. One that was up ends, and the member starts a new one, since
// its lease may differ.
func (l *life) lost(err error) {
	l.fail(err)
	l.began = time.Now()
	if l.up {
		l.end()
	}
}

// observe takes what the client reports.
func (l *life) observe(e client.Event) {
	switch e := e.(type) {
	case event.Reconnecting:
		l.lost(e.Err)
	case event.Ended:
		if e.Err != nil {
			l.lost(e.Err)
		}
	case event.Renewed:
		l.mu.Lock()
		defer l.mu.Unlock()
		l.report.Rekeys++
	case event.RenewalFailed:
		l.mu.Lock()
		defer l.mu.Unlock()
		l.report.add(fmt.Errorf("renewing keys failed: %w", e.Err))
	}
}

// over gives back everything that the client held.
func (l *life) over() {
	if !l.up {
		<-l.slots
	}
	l.nic.Store(nil)
	l.release()
}
