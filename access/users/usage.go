package users

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"culvert/store"
)

// Usage is what a device carried in all its sessions, or a user in those without a device.
// In is what came from the client; bytes are as the server counts a session's.
type Usage struct {
	BytesIn  uint64    `json:"bytes_in"`
	BytesOut uint64    `json:"bytes_out"`
	LastSeen time.Time `json:"last_seen"`
	Spent    Spent     `json:"spent,omitzero"` // in the present periods and those before
}

const usageVersion = 1

// Usages returns what the devices of a user carried, by their names, or those of all users
// if user is "", by USER/NAME. Sessions without a device are under "-". damaged is called
// for each record that cannot be read, which is passed over.
func (b *Book) Usages(ctx context.Context, user string, damaged func(error)) (map[string]Usage, error) {
	prefix := usagePrefix
	if user != "" {
		prefix += user + "/"
	}
	snap, err := b.store.List(ctx, prefix)
	if err != nil {
		return nil, err
	}
	all := make(map[string]Usage, len(snap.Entries))
	for _, e := range snap.Entries {
		var u Usage
		if err := decode(e, usageVersion, &u); err != nil {
			damaged(err)
			continue
		}
		all[strings.TrimPrefix(e.Key, prefix)] = u
	}
	return all, nil
}

// Carried is what a session carried since it began.
type Carried struct {
	Number            uint64 // no other session of the server has it
	CommonName, User  string // "": none
	BytesIn, BytesOut uint64
}

// Meter counts what devices carry, and keeps it in the store now and then. Make it with
// NewMeter. It is safe for concurrent use, and never on the data path.
type Meter struct {
	directory *Directory
	book      *Book
	spending  *Spending

	mu      sync.Mutex
	counted map[uint64]Carried // by number, what is in pending or the store
	pending map[string]Usage   // by USER/NAME, what is to be added
}

// NewMeter returns a meter of the devices of a directory, which keeps by book and adds to
// spending.
func NewMeter(d *Directory, book *Book, spending *Spending) *Meter {
	return &Meter{directory: d, book: book, spending: spending, counted: make(map[uint64]Carried), pending: make(map[string]Usage)}
}

// Note counts what sessions that are in have carried by now. A device was seen last when
// that changed, as it does at each ping.
func (m *Meter) Note(now time.Time, sessions ...Carried) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range sessions {
		if m.counted[s.Number] != s {
			m.note(now, s)
		}
	}
}

// Ended counts what a session carried that has ended. It is called once for each.
func (m *Meter) Ended(now time.Time, s Carried) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.note(now, s)
	delete(m.counted, s.Number)
}

func (m *Meter) note(now time.Time, s Carried) {
	key := m.keyOf(s)
	before := m.counted[s.Number]
	s.BytesIn, s.BytesOut = max(s.BytesIn, before.BytesIn), max(s.BytesOut, before.BytesOut) // an older look may be noted last
	m.counted[s.Number] = s
	if key == "" {
		return
	}
	in, out := s.BytesIn-before.BytesIn, s.BytesOut-before.BytesOut
	more := Usage{BytesIn: in, BytesOut: out, LastSeen: now.UTC().Truncate(time.Second), Spent: spentAt(now, in+out)}
	m.pending[key] = m.pending[key].plus(more)
	m.spending.add(key, more.Spent)
}

// keyOf is USER/NAME of a session's device, USER/- without one, "" for an unknown user.
func (m *Meter) keyOf(s Carried) string {
	view := m.directory.View()
	if d := view.ByCommonName(s.CommonName); d != nil {
		return d.Key()
	}
	if u := view.User(s.User); u != nil {
		return u.Name + "/-"
	}
	return ""
}

// usagesAtOnce is how many counters one transaction changes.
const usagesAtOnce = 200

// Keep writes to the store what was counted since the last time. What it cannot write it
// keeps for the next time, as what belongs to a counter of a newer version.
func (m *Meter) Keep(ctx context.Context) error {
	m.mu.Lock()
	todo := m.pending
	m.pending = make(map[string]Usage)
	m.mu.Unlock()
	var errs []error
	for keys := range slices.Chunk(slices.Sorted(maps.Keys(todo)), usagesAtOnce) {
		var left []string
		var newer []error
		err := m.book.change(ctx, func(t *tx) error {
			left, newer = nil, nil
			for _, key := range keys {
				err := t.use(key, todo[key])
				if unreadable(err) {
					left, newer = append(left, key), append(newer, err)
				} else if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			left, newer = keys, []error{err}
		}
		errs = append(errs, newer...)
		m.putBack(todo, left)
	}
	return errors.Join(errs...)
}

func (m *Meter) putBack(todo map[string]Usage, keys []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range keys {
		m.pending[key] = todo[key].plus(m.pending[key])
	}
}

// plus is what u and a later v are together.
func (u Usage) plus(v Usage) Usage {
	u.BytesIn, u.BytesOut = u.BytesIn+v.BytesIn, u.BytesOut+v.BytesOut
	if v.LastSeen.After(u.LastSeen) {
		u.LastSeen = v.LastSeen
	}
	u.Spent = u.Spent.plus(v.Spent)
	return u
}

// use adds to the counters of a device, or of a user without one, unless they are gone. A
// counter that cannot be read begins anew.
func (t *tx) use(key string, more Usage) error {
	owner := devicesPrefix + key
	if user, ok := strings.CutSuffix(key, "/-"); ok {
		owner = usersPrefix + user
	}
	e, err := t.store.Get(t.ctx, owner)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	t.read[owner] = e.Revision
	before, err := get[Usage](t, usagePrefix+key, usageVersion)
	if errors.Is(err, store.ErrNewer) {
		return err
	}
	if before != nil && err == nil {
		more = before.plus(more)
	}
	return t.put(usagePrefix+key, usageVersion, more)
}
