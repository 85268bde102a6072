package history

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"culvert/operate/history/track"
	"culvert/store"
	"culvert/store/bolt"
)

// Options say what is kept, and for how long.
type Options struct {
	Days int // sessions and totals are removed when they are older
	// Hide replaces what identifies people in sessions that are older than Days; the zero value
	// replaces nothing.
	Hide Hide
	Log  *slog.Logger
}

// Room is for how many events a server's reader should have room.
const Room = 8192

// Every is how often the counters of sessions that go on are written.
const Every = time.Minute

// How much waits to be written at most: bytes of keys and values.
const mostWaiting = 16 << 20

// tryAgain is how long a file that cannot be written is left alone.
const tryAgain = 5 * time.Second

// Keeper writes the sessions of a server: a track.Follower. Make it with NewKeeper. Its methods
// are for one goroutine, but for Stats.
type Keeper struct {
	f       file
	o       Options
	waiting waiting
	counted map[string]counters // by session: what the totals have of it
	tidy    tidying
	retry   time.Time // when a file that failed is tried again

	mu    sync.Mutex
	stats Stats
}

// counters are what a session has carried.
type counters struct {
	in, out uint64
	until   time.Time
	marked  string // the last day on which it is found
}

// Stats is how the history fares.
type Stats struct {
	Lost    uint64 `json:"lost" doc:"events and changes that were never written, since this process began"`
	Trouble string `json:"trouble,omitempty" doc:"why nothing can be written now"`
	Written uint64 `json:"written" doc:"transactions, since this process began"`
}

// NewKeeper returns what writes to a file.
func NewKeeper(f file, o Options) *Keeper {
	return &Keeper{f: f, o: o, waiting: newWaiting(), counted: make(map[string]counters), tidy: tidying{f: f, days: o.Days, hide: o.Hide, log: o.Log}}
}

// Stats is how it fares now. Any goroutine may call it.
func (k *Keeper) Stats() Stats {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.stats
}

// lost counts what is not kept.
func (k *Keeper) lost(n uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.stats.Lost == 0 || k.stats.Lost/1000 != (k.stats.Lost+n)/1000 {
		k.o.Log.Warn("the history lacks something: events came faster than they can be written, or could not be written for too long", "lost", k.stats.Lost+n)
	}
	k.stats.Lost += n
}

// Missed is track.Follower's.
func (k *Keeper) Missed(events uint64) { k.lost(events) }

// Changed is track.Follower's.
func (k *Keeper) Changed(c track.Change, l *track.Live) {
	s := &l.Session
	if c != track.Lived {
		k.count(c, s)
	}
	ok := k.waiting.put(putSession(s, ""))
	if c != track.Went {
		ok = k.waiting.put(putLife(s.ID, l.Life)) && ok
	}
	switch c {
	case track.Begun:
		ok = k.waiting.put(put(opened+s.ID, markVersion, mark{})) && ok
	case track.Ended:
		ok = k.waiting.delete(opened+s.ID) && ok
		delete(k.counted, s.ID)
	}
	if !ok {
		k.lost(1)
	}
}

// count adds to totals what a session has carried since it was counted last, and has it found on
// each day.
func (k *Keeper) count(c track.Change, s *track.Session) {
	before, known := k.counted[s.ID]
	now := counters{s.BytesIn, s.BytesOut, s.Until(), dayOf(s.Begin.UTC())}
	more := Total{Seconds: s.Seconds(), BytesIn: now.in, BytesOut: now.out}
	if known {
		now.marked = before.marked
		more = Total{Seconds: max(0, now.until.Sub(before.until).Seconds()), BytesIn: less(now.in, before.in), BytesOut: less(now.out, before.out)}
	}
	if c == track.Begun {
		more.Sessions = 1
	}
	for day := next(now.marked); day <= dayOf(now.until.UTC()); day = next(day) {
		now.marked = day
		k.waiting.put(put(carried+day+"/"+s.ID, markVersion, mark{}))
	}
	k.counted[s.ID] = now
	day := dayOf(now.until.Local())
	for _, t := range []struct {
		kind Kind
		name string
	}{{All, ""}, {ByUser, s.Person()}, {ByDevice, s.Device}} {
		more.Name = t.name
		k.waiting.add(totalKey(day, t.kind, t.name), more)
	}
}

func less(a, b uint64) uint64 {
	if a < b {
		return 0
	}
	return a - b
}

// next is the day after one.
func next(day string) string {
	t, err := time.Parse(dayFormat, day)
	if err != nil {
		return "99999999"
	}
	return dayOf(t.AddDate(0, 0, 1))
}

// Tick is track.Follower's: it writes what waits, and then removes or hides what is old.
func (k *Keeper) Tick(now time.Time) (again bool) {
	if now.Before(k.retry) {
		return true
	}
	if !k.waiting.empty() {
		if err := k.write(); err != nil {
			k.failed(now, err)
			return true
		}
		k.wrote()
	}
	again, err := k.tidy.step(now, k.counted)
	if err != nil {
		k.failed(now, err)
		return true
	}
	k.goesOn()
	return again
}

// write writes what waits, in one transaction.
func (k *Keeper) write() error {
	ctx := context.Background()
	t := store.Txn{Delete: k.waiting.deletes()}
	for key, value := range k.waiting.puts {
		if value != nil {
			t.Put = append(t.Put, store.Put{Key: key, Value: value})
		}
	}
	for key, more := range k.waiting.totals {
		var sum Total
		value, there, err := find(ctx, k.f, key)
		if there {
			sum, err = parseTotal(store.Entry{Key: key, Value: value})
		}
		if err != nil {
			return err
		}
		sum.Name = more.Name
		sum.add(more)
		t.Put = append(t.Put, putTotal(key, sum))
	}
	if _, err := k.f.CommitAll(ctx, t); err != nil {
		return err
	}
	k.waiting = newWaiting()
	return nil
}

// failed says once that nothing can be written.
func (k *Keeper) failed(now time.Time, err error) {
	k.retry = now.Add(tryAgain)
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.stats.Trouble != "":
	case errors.As(err, new(unopened)):
		k.o.Log.Error("the history of sessions cannot be opened; the tunnel goes on, what fits into memory waits, and this is tried again every half minute", "error", err)
	case errors.Is(err, bolt.ErrDamaged):
		k.o.Log.Error("the history of sessions is damaged, and cannot be written; the tunnel goes on, and when this server starts the next time, it puts the file aside and begins a new one", "error", err)
	default:
		k.o.Log.Error("the history of sessions cannot be written; the tunnel goes on, what fits into memory waits, and this is tried again every few seconds", "error", err)
	}
	k.stats.Trouble = err.Error()
}

// wrote counts a transaction.
func (k *Keeper) wrote() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stats.Written++
}

// goesOn says that there is no trouble any more.
func (k *Keeper) goesOn() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.stats.Trouble != "" {
		k.o.Log.Info("the history of sessions is written again", "lost", k.stats.Lost)
		k.stats.Trouble = ""
	}
}

// Close writes what waits for the last time.
func (k *Keeper) Close() {
	if k.waiting.empty() {
		return
	}
	if err := k.write(); err != nil {
		k.o.Log.Error("the history of sessions lacks the end of some: they could not be written", "error", err)
	}
}
