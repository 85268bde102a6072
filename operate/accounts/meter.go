package accounts

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"culvert/access"
	"culvert/access/users"
	"culvert/role/server"
)

// meter counts what the devices of a server's clients carry, and keeps it in the store: each
// minute, and soon after a session has ended.
type meter struct {
	*users.Meter
	log   *slog.Logger
	ended chan struct{} // has a value when a session has ended that is not kept

	mu sync.Mutex
	in map[uint64]users.Carried // who the clients are that are in, by number
}

func newMeter(d *users.Directory, b *users.Book, spending *users.Spending, log *slog.Logger) *meter {
	return &meter{Meter: users.NewMeter(d, b, spending), log: log, ended: make(chan struct{}, 1), in: make(map[uint64]users.Carried)}
}

// happened takes each event of a server.
func (m *meter) happened(e server.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch e := e.(type) {
	case server.Up:
		m.in[e.Number] = whose(e.About)
	case server.Ended:
		c, was := m.in[e.Number]
		delete(m.in, e.Number)
		if !was {
			return
		}
		c.BytesIn, c.BytesOut = e.Traffic.BytesIn, e.Traffic.BytesOut
		m.Ended(e.At, c)
		select {
		case m.ended <- struct{}{}:
		default:
		}
	}
}

// whose is a session, before it carried anything.
func whose(a server.About) users.Carried {
	return users.Carried{Number: a.Number, CommonName: access.Name(a.CommonName), User: a.User}
}

// clients are those that are in.
func (m *meter) clients() []users.Carried {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Values(m.in))
}

// note counts what clients have carried by now.
func (m *meter) note(now time.Time, clients []server.ClientStatus) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range clients {
		if c, in := m.in[s.ID]; in {
			c.BytesIn, c.BytesOut = s.BytesIn, s.BytesOut
			m.Note(now, c)
		}
	}
}

// How often counters are kept, and how long after the end of a session, so that those of
// many that end are kept at once.
const (
	keepEvery = time.Minute
	keepSoon  = time.Second
	keepTime  = 5 * time.Second // for the last time
)

// run keeps the counters until ctx ends, and then once more.
func (m *meter) run(ctx context.Context, clients func() []server.ClientStatus) {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			m.note(time.Now(), clients())
			last, end := context.WithTimeout(context.WithoutCancel(ctx), keepTime)
			defer end()
			m.keep(last)
			return
		case <-tick.C:
			m.note(time.Now(), clients())
			m.keep(ctx)
		case <-m.ended:
			select {
			case <-time.After(keepSoon):
				m.keep(ctx)
			case <-ctx.Done():
			}
		}
	}
}

func (m *meter) keep(ctx context.Context) {
	if err := m.Keep(ctx); err != nil && ctx.Err() == nil {
		m.log.Warn("what devices carried cannot be written to the store now, and is kept in memory", "error", err)
	}
}
