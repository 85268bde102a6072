package renewals

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"culvert/role/server"
	"culvert/store"
)

// endings begins the keys of clients whose certificates end soon. The process that looks
// after the certificates puts them there, and the one that has the sessions reports them.
const endings = "endings/"

// endingVersion is the newest version of an ending's record.
const endingVersion = 1

// ending is a client whose certificate ends soon.
type ending struct {
	Name   string    `json:"name"` // common name
	Serial string    `json:"serial"`
	Ends   time.Time `json:"ends"`
	Days   int       `json:"days"` // before its end: the last of the warnings that was due
	// Ready is where the next profile waits, with a certificate of serial number Next; "":
	// nowhere.
	Ready string `json:"ready,omitempty"`
	Next  string `json:"next,omitempty"`
	Mend  string `json:"mend"` // what to do, in words
	// Told: it was reported. Used: the client has shown the next certificate.
	Told bool `json:"told,omitempty"`
	Used bool `json:"used,omitempty"`
}

func endingKey(name string) string { return endings + url.PathEscape(name) }

func (e *ending) put() (store.Put, error) {
	value, err := store.Encode(endingVersion, e)
	return store.Put{Key: endingKey(e.Name), Value: value}, err
}

func readEnding(s store.Entry) (*ending, error) {
	e := new(ending)
	if _, err := store.Decode(s, endingVersion, e); err != nil {
		return nil, err
	}
	if endingKey(e.Name) != s.Key {
		return nil, fmt.Errorf("record %s is that of %q", s.Key, e.Name)
	}
	return e, nil
}

// Endings knows, in the process that has a server's sessions, which clients' certificates
// end soon. It is safe for concurrent use.
type Endings struct {
	store store.Store
	log   *slog.Logger
	shown chan string // names of clients that have shown their next certificates

	mu  sync.Mutex
	all map[string]ending // by name; nil: not known yet
}

// NewEndings returns those that a store has.
func NewEndings(s store.Store, log *slog.Logger) *Endings {
	return &Endings{store: s, log: log, shown: make(chan string, 64)}
}

// Soon counts the clients whose certificates end soon. Those within 30 days are also those
// within 14 and 7.
type Soon struct {
	In30, In14, In7 int
	Ready           int // whose next profiles wait to be handed over
}

// Soon counts the clients whose certificates end soon, by now. ok is false while that is
// not known.
func (e *Endings) Soon(now time.Time) (n Soon, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, one := range e.all {
		left := one.Ends.Sub(now)
		for at, count := range map[time.Duration]*int{30 * 24 * time.Hour: &n.In30, 14 * 24 * time.Hour: &n.In14, 7 * 24 * time.Hour: &n.In7} {
			if left <= at {
				*count++
			}
		}
		if one.Ready != "" {
			n.Ready++
		}
	}
	return n, e.all != nil
}

// Happened takes an event of the server. It does not block.
func (e *Endings) Happened(event server.Event) {
	up, ok := event.(server.Up)
	if !ok || up.Serial == "" {
		return
	}
	e.mu.Lock()
	one, known := e.all[up.CommonName]
	e.mu.Unlock()
	if !known || one.Next != up.Serial || one.Used {
		return
	}
	select {
	case e.shown <- up.CommonName:
	default: // it is seen again when it comes again
	}
}

// Run follows the store and reports what is new, until ctx ends.
func (e *Endings) Run(ctx context.Context, report func(server.Event)) {
	var using sync.WaitGroup
	defer using.Wait()
	using.Go(func() { e.use(ctx) })
	for ctx.Err() == nil {
		if err := e.follow(ctx, report); err != nil && ctx.Err() == nil {
			e.log.Warn("it is not known for a moment whose certificates end", "error", err)
			pause(ctx)
		}
	}
}

// use notes in the store who has shown the next certificate.
func (e *Endings) use(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case name := <-e.shown:
			if err := e.mark(ctx, name, func(one *ending) { one.Used = true }); err != nil && ctx.Err() == nil {
				e.log.Warn("it cannot be kept that a client uses its next profile", "client", name, "error", err)
			}
		}
	}
}

// mark changes the record of a client, if it is still there.
func (e *Endings) mark(ctx context.Context, name string, change func(*ending)) error {
	entry, err := e.store.Get(ctx, endingKey(name))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	one, err := readEnding(entry)
	if err != nil {
		return err
	}
	change(one)
	put, err := one.put()
	if err != nil {
		return err
	}
	return ignoreConflict(e.store.Commit(ctx, store.Txn{If: []store.Compare{{Key: entry.Key, Revision: entry.Revision}}, Put: []store.Put{put}}))
}

// follow reads the store and what changes in it, until that fails or it has to be read
// again.
func (e *Endings) follow(ctx context.Context, report func(server.Event)) error {
	snap, err := e.store.List(ctx, endings)
	if err != nil {
		return err
	}
	e.mu.Lock()
	e.all = make(map[string]ending)
	e.mu.Unlock()
	for _, entry := range snap.Entries {
		if err := e.take(ctx, entry, report); err != nil {
			return err
		}
	}
	for changes, err := range e.store.Watch(ctx, endings, snap.Revision) {
		if errors.Is(err, store.ErrCompacted) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, c := range changes {
			if err := e.change(ctx, c, report); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *Endings) change(ctx context.Context, c store.Change, report func(server.Event)) error {
	if !c.Deleted {
		return e.take(ctx, c.Entry, report)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for name := range e.all {
		if endingKey(name) == c.Entry.Key {
			delete(e.all, name)
		}
	}
	return nil
}

// take takes a record, and reports it if nobody has.
func (e *Endings) take(ctx context.Context, entry store.Entry, report func(server.Event)) error {
	one, err := readEnding(entry)
	if err != nil {
		return nil // of a newer program
	}
	e.mu.Lock()
	e.all[one.Name] = *one
	e.mu.Unlock()
	if one.Told {
		return nil
	}
	one.Told = true
	put, err := one.put()
	if err != nil {
		return err
	}
	_, err = e.store.Commit(ctx, store.Txn{If: []store.Compare{{Key: entry.Key, Revision: entry.Revision}}, Put: []store.Put{put}})
	if errors.As(err, new(*store.ConflictError)) {
		return nil // it changed, and comes again
	}
	if err == nil {
		report(server.CertificateEnding{At: time.Now(), CommonName: one.Name, Serial: one.Serial, Ends: one.Ends, Days: one.Days, Ready: one.Ready, Mend: one.Mend})
	}
	return err
}

// pause waits for a moment before what failed is tried again.
func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(10 * time.Second):
	}
}
