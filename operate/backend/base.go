package backend

import (
	"context"
	"sync/atomic"
	"time"

	"culvert/config"
	"culvert/host/bringup"
	"culvert/nic"
	"culvert/nic/tuntap"
	"culvert/operate/backend/watch"
	"culvert/role/event"
	"culvert/role/profile"
	"culvert/role/server"
	"culvert/tunnel"
)

// Process is what a back end needs of the process it is in.
type Process struct {
	// Reload does what Backend.Reload says.
	Reload func()
	// Quit ends the process, as SIGTERM does.
	Quit func()
	// Opened is called each time an adapter was opened, with its name, before rights
	// are given up and before the first packet.
	Opened func(b Backend, adapter string)
	// Client, if not nil, is called for each event of a server, and Peer for each of
	// another role, on the goroutine where it happened. It must not block. Unlike
	// readers (Backend.Events), it misses none.
	Client func(server.Event)
	Peer   func(event.Event)
	// Certificates, if not nil, counts the clients of a server whose certificates end soon;
	// it returns nil where that is not known.
	Certificates func(now time.Time) *Endings
	// Records, if not nil, says how what a server keeps and tells of its sessions fares.
	Records func() []Record
	// Reserved is the name of an adapter that the process opened beforehand, or that will
	// have this name in any case; Opened is called for it at once. "" for none.
	Reserved string
}

// base is what the back ends of all roles have in common.
type base struct {
	role     string
	process  Process
	ethernet bool
	adapter  atomic.Pointer[opened]
	cfg      *atomic.Pointer[config.Config] // that it goes by
	road     *tunnel.Road
	eyes     *watch.Eyes
	feed     Feed
}

// opened is the adapter of a tunnel, from when its name is known.
type opened struct {
	name    string
	since   time.Time // the first adapter was known
	adapter *bringup.Adapter
}

func newBase(role string, c *config.Config, p Process) base {
	goesBy := new(atomic.Pointer[config.Config])
	goesBy.Store(c)
	return base{role: role, process: p, ethernet: profile.Kind(c.Adapter) == nic.Ethernet, cfg: goesBy}
}

// opener is open, which also makes the adapter known: for the options of a role.
func (b *base) opener(open bringup.Opener, self Backend) bringup.Opener {
	return func(ctx context.Context, want bringup.State) (*bringup.Adapter, error) {
		a, err := open(ctx, want)
		if err == nil {
			b.opened(self, a.Name(), a)
		}
		return a, err
	}
}

func (b *base) opened(self Backend, name string, a *bringup.Adapter) {
	now := &opened{name: name, since: time.Now(), adapter: a}
	if before := b.adapter.Load(); before != nil {
		now.since = before.since
	}
	b.adapter.Store(now)
	b.process.Opened(self, name)
}

// at completes a back end whose role is made, and makes an adapter known that was
// opened beforehand.
func (b *base) at(road *tunnel.Road, self Backend) {
	b.road, b.eyes = road, watch.New(&road.Observer)
	if name := b.process.Reserved; name != "" {
		b.opened(self, name, nil)
	}
}

// status is a Status without lists.
func (b *base) status(peers []Peer) Status {
	s := Status{Role: b.role, Peers: peers, Drops: b.road.Counters.Snapshot()}
	if a := b.adapter.Load(); a != nil {
		stats := a.adapter.Stats()
		s.Adapter, s.Since, s.Marked = a.name, a.since, stats.Marked
		if packets, room := a.adapter.Waiting(); room > 0 {
			s.Queue = &Queue{Waiting: packets, Room: room}
		}
		if stats.Overflow > 0 {
			s.Drops[tuntap.QueueFull] = stats.Overflow
		}
	}
	return s
}

// adopting has a role go on with another configuration.
func (b *base) adopting(to *config.Config, adopt func(*config.Config) error) error {
	err := adopt(to)
	if err == nil {
		b.cfg.Store(to)
	}
	return err
}

// Configuration is Explained's.
func (b *base) Configuration() (now, told *config.Config) { return b.cfg.Load(), nil }

// Packets is Backend's.
func (b *base) Packets() Packets { return Packets{Eyes: b.eyes, Ethernet: b.ethernet} }

// Events is Backend's.
func (b *base) Events(room int) *Reader { return b.feed.Add(room) }

// Reading is how many readers of events there are, and how many events they lost.
func (b *base) Reading() (readers int, lost uint64) { return b.feed.Reading() }

// run runs a role; after it, nothing more happens.
func (b *base) run(ctx context.Context, role func(context.Context) error) error {
	defer b.feed.Close()
	return role(ctx)
}

// Reload is Backend's.
func (b *base) Reload() { b.process.Reload() }
