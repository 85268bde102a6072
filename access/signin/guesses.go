package signin

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"culvert/store"
)

// Wrong guesses outlive a server: it keeps them in the store when it ends, or starts over,
// and the next one begins with them. Otherwise each reload would give who guesses a fresh
// start.
const (
	guessesKey     = "guesses/wrong"
	guessesVersion = 1
	// maxKept is how many devices and places are kept, those with the last guesses: with
	// full tables beside them, they fit in a value.
	maxKept = 1 << 10
	// maxGuesses is how many of a budget are kept: no wait grows beyond that.
	maxGuesses = 64
	// keepTime is how long keeping may take.
	keepTime = 5 * time.Second
)

// guesses are what a guard has counted, as the store has it.
type guesses struct {
	Key    []byte          `json:"key"` // of the guard
	Names  []kept          `json:"names,omitempty"`
	Places []kept          `json:"places,omitempty"`
	Known  map[string]kept `json:"known,omitempty"`
}

// kept is a budget: its place in a table (0 without one), its guesses, and when the last
// was, in milliseconds since 1970.
type kept [3]int64

func (b *budget) keep(at int) kept {
	return kept{int64(at), int64(min(b.guesses, maxGuesses)), b.last.UnixMilli()}
}

// budget returns what was kept. None had its last guess after now.
func (k kept) budget(now time.Time) budget {
	last := time.UnixMilli(k[2])
	if last.After(now) {
		last = now
	}
	return budget{guesses: int(min(max(k[1], 0), maxGuesses)), last: last}
}

// counts reports whether a budget makes a difference to one that is new.
func (b *budget) counts(now time.Time) bool { return b.guesses > 0 && now.Sub(b.last) <= forget }

// counted returns what counts now; ok is false if that is nothing.
func (g *guard) counted(now time.Time) (all guesses, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	all = guesses{Key: g.key[:], Names: ofTable(g.names[:], now), Places: ofTable(g.places[:], now), Known: make(map[string]kept)}
	for key, b := range g.known {
		if b.counts(now) {
			all.Known[key] = b.keep(0)
		}
	}
	if len(all.Known) > maxKept {
		last := slices.SortedFunc(maps.Keys(all.Known), func(a, b string) int { return cmp.Compare(all.Known[b][2], all.Known[a][2]) })
		for _, key := range last[maxKept:] {
			delete(all.Known, key)
		}
	}
	return all, len(all.Names)+len(all.Places)+len(all.Known) > 0
}

func ofTable(table []budget, now time.Time) (all []kept) {
	for i := range table {
		if b := &table[i]; b.counts(now) {
			all = append(all, b.keep(i))
		}
	}
	return all
}

// resume goes on with what another guard has counted. It fails if that is none's.
func (g *guard) resume(all guesses, now time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(all.Key) != len(g.key) || len(all.Known) > maxKept || !fits(all.Names, strangeNames) || !fits(all.Places, strangePlaces) {
		return errors.New("record " + guessesKey + " is damaged: expected what a server has written")
	}
	copy(g.key[:], all.Key)
	for _, k := range all.Names {
		g.names[k[0]] = k.budget(now)
	}
	for _, k := range all.Places {
		g.places[k[0]] = k.budget(now)
	}
	for key, k := range all.Known {
		b := k.budget(now)
		g.known[key] = &b
	}
	return nil
}

func fits(all []kept, table int64) bool {
	return !slices.ContainsFunc(all, func(k kept) bool { return k[0] < 0 || k[0] >= table })
}

// recall has the guard go on with what the store has.
func (c *Checker) recall() {
	ctx, end := context.WithTimeout(context.Background(), keepTime)
	defer end()
	e, err := c.o.Store.Get(ctx, guessesKey)
	if errors.Is(err, store.ErrNotFound) {
		return
	}
	var all guesses
	if err == nil {
		_, err = store.Decode(e, guessesVersion, &all)
	}
	if err == nil {
		err = c.guard.resume(all, c.o.Now())
	}
	if err != nil {
		c.o.Log.Warn("wrong passwords of before this start are forgotten: whoever guesses begins anew", "error", err)
	}
}

// Carry copies what slows down wrong passwords from the store of a server that has ended to
// that of the next one, which has nothing yet.
func Carry(ctx context.Context, from, to store.Store) error {
	e, err := from.Get(ctx, guessesKey)
	if err == nil {
		_, err = to.Commit(ctx, store.Txn{Put: []store.Put{{Key: e.Key, Value: e.Value}}})
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// keepGuesses has the store keep what the guard has counted.
func (c *Checker) keepGuesses() {
	ctx, end := context.WithTimeout(context.Background(), keepTime)
	defer end()
	txn := store.Txn{Delete: []string{guessesKey}}
	all, some := c.guard.counted(c.o.Now())
	var err error
	if some {
		var value []byte
		value, err = store.Encode(guessesVersion, all)
		txn = store.Txn{Put: []store.Put{{Key: guessesKey, Value: value}}}
	}
	if err == nil {
		_, err = c.o.Store.Commit(ctx, txn)
	}
	if err != nil {
		c.o.Log.Warn("wrong passwords are not kept over the end of this server: whoever guesses begins anew then", "error", err)
	}
}
