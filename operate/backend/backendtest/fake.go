// Package backendtest has a backend.Backend that is in no network, for tests of what
// reads one.
package backendtest

import (
	"context"
	"fmt"
	"sync"

	"culvert/operate/backend"
	"culvert/operate/backend/watch"
	"culvert/tunnel"
)

// Fake is a back end that says what it is told to, and notes what it is asked. Make
// it with New.
type Fake struct {
	// State is what Status returns, and has the Peers. While others may ask, use Change.
	State backend.Status
	// Text is what StatusText returns, without the version.
	Text string
	// Update is what PushUpdate does.
	Update func(backend.Update) (backend.Updated, error)
	// OnReload is what Reload does.
	OnReload func()
	// Ends gives Run its end, before its context does.
	Ends chan error
	// Road is where packets can be watched.
	Road tunnel.Road

	eyes *watch.Eyes
	feed backend.Feed

	mu    sync.Mutex
	asked []string
}

var _ backend.Backend = (*Fake)(nil)

// New returns a server's with an adapter tun0.
func New() *Fake {
	f := &Fake{State: backend.Status{Role: "server", Adapter: "tun0"}, Ends: make(chan error)}
	f.eyes = watch.New(&f.Road.Observer)
	return f
}

// Bytes are those of the Peers.
func (f *Fake) Bytes() (in, out uint64) {
	for _, p := range f.Peers() {
		in, out = in+p.BytesIn, out+p.BytesOut
	}
	return in, out
}

func (f *Fake) note(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, what)
}

// Asked are the calls so far that ask for something: "restart", "reload", and "run"
// and "end" for the beginning and end of Run.
func (f *Fake) Asked() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.asked...)
}

// Run lasts until ctx ends or Ends says so.
func (f *Fake) Run(ctx context.Context) error {
	f.note("run")
	defer f.feed.Close()
	defer f.note("end")
	select {
	case <-ctx.Done():
		return nil
	case err := <-f.Ends:
		return err
	}
}

// Status is the State.
func (f *Fake) Status() backend.Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.State
}

// Peers are those of the State.
func (f *Fake) Peers() []backend.Peer { return f.Status().Peers }

// Change changes the State while others read it.
func (f *Fake) Change(change func(*backend.Status)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.State)
}

// StatusText is the Text.
func (f *Fake) StatusText(int) []byte { return []byte(f.Text) }

// Packets are those of the Road.
func (f *Fake) Packets() backend.Packets { return backend.Packets{Eyes: f.eyes} }

// Events are those of Happen.
func (f *Fake) Events(room int) *backend.Reader {
	return f.feed.Add(room)
}

// End ends the events, as the end of Run does.
func (f *Fake) End() { f.feed.Close() }

// Happen has an event happen.
func (f *Fake) Happen(e backend.Event) { f.feed.Publish(e) }

// Disconnect is noted.
func (f *Fake) Disconnect(number uint64, message string) error {
	f.note(fmt.Sprintf("disconnect %d %s", number, message))
	return nil
}

// PushUpdate is Update, or else what roles other than a server do.
func (f *Fake) PushUpdate(u backend.Update) (backend.Updated, error) {
	if f.Update == nil {
		return backend.Updated{}, backend.ErrUnsupported
	}
	return f.Update(u)
}

// Restart is noted.
func (f *Fake) Restart() { f.note("restart") }

// Reload is noted, and does what OnReload does.
func (f *Fake) Reload() {
	f.note("reload")
	if f.OnReload != nil {
		f.OnReload()
	}
}
