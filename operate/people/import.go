package people

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"culvert/access/users"
	"culvert/store"
	"culvert/store/memory"
)

// ErrFilled is the error of Import for a store that has records.
var ErrFilled = errors.New("the store has records already")

// Imported is what Import did.
type Imported struct{ Put, Deleted, Same int }

// Import puts what Export wrote into a store that is empty, or, with replace, in the place
// of what it holds. A text with a fault changes nothing, and the error names its lines.
// Nor does one whose records this program cannot read. Somebody else who changes or removes
// a record meanwhile ends it; what they add stays.
//
// All of it happens in one transaction where the store is Whole, as all are that a server's
// directory has. Others change up to 500 records in one step, and when a step fails, those
// before it are taken back.
func Import(ctx context.Context, s store.Store, name string, r io.Reader, replace bool) (done Imported, err error) {
	all, err := parseText(name, r)
	if err != nil {
		return done, err
	}
	if err := readable(ctx, name, all); err != nil {
		return done, err
	}
	now, err := s.List(ctx, "")
	if err != nil {
		return done, err
	}
	if len(now.Entries) > 0 && !replace {
		return done, fmt.Errorf("%w: %d; to put those of %s in their place, use --replace", ErrFilled, len(now.Entries), name)
	}
	steps, done := plan(now.Entries, all)
	if w, ok := s.(store.Whole); ok {
		if _, err = w.CommitAll(ctx, atOnce(steps, now.Entries)); !errors.Is(err, store.ErrSteps) {
			return imported(done, err)
		}
	}
	for i := range steps {
		if steps[i].at, err = s.Commit(ctx, steps[i].txn); err != nil {
			return Imported{}, takeBack(s, steps[:i], err)
		}
	}
	return done, nil
}

// atOnce is one transaction for all steps, if all is still as it was read: what stays the
// same, too, or a change made meanwhile would be passed over in silence.
func atOnce(steps []step, read []store.Entry) (t store.Txn) {
	held := make(map[string]bool)
	for _, s := range steps {
		t.If, t.Put, t.Delete = append(t.If, s.txn.If...), append(t.Put, s.txn.Put...), append(t.Delete, s.txn.Delete...)
		for _, c := range s.txn.If {
			held[c.Key] = true
		}
	}
	for _, e := range read {
		if !held[e.Key] {
			t.If = append(t.If, store.Compare{Key: e.Key, Revision: e.Revision})
		}
	}
	return t
}

// imported is what was done by one transaction.
func imported(done Imported, err error) (Imported, error) {
	switch {
	case err == nil:
		return done, nil
	case errors.As(err, new(*store.ConflictError)):
		err = fmt.Errorf("%w; nothing was changed: run it again", err)
	}
	return Imported{}, err
}

// readable fails for records that this program cannot read.
func readable(ctx context.Context, name string, all []record) error {
	lines := make(map[string]int, len(all))
	s := memory.New()
	for at, r := range all {
		lines[r.Key] = at
	}
	var faults []error
	for _, r := range all {
		if _, err := s.Commit(ctx, store.Txn{Put: []store.Put{r.Put}}); err != nil {
			return err
		}
		_, err := users.Open(ctx, s, func(err error) {
			if of := new(users.UnreadableError); errors.As(err, &of) {
				err = of.Err // it is in no store that commands could mend
			}
			if len(faults) < maxFaults {
				faults = append(faults, fmt.Errorf("%s:%d: %w", name, r.line, err))
			}
		})
		if err == nil {
			_, err = s.Commit(ctx, store.Txn{Delete: []string{r.Key}})
		}
		if err != nil {
			return err
		}
	}
	return errors.Join(faults...)
}

// step is a transaction, and what it changes was before.
type step struct {
	txn    store.Txn
	before []store.Entry  // that it changes or deletes
	at     store.Revision // of the transaction
}

// How much of a step: with a condition for each change.
const (
	stepRecords = store.MaxChanges / 2
	stepBytes   = store.MaxSize - store.MaxValue - store.MaxKey
)

// plan divides the way from entries to records, both by key, into steps.
func plan(now []store.Entry, want []record) (steps []step, done Imported) {
	there := make(map[string]store.Entry, len(now))
	for _, e := range now {
		there[e.Key] = e
	}
	size := 0
	change := func(key string, f func(*step), bytes int) {
		if n := len(steps); n == 0 || len(steps[n-1].txn.If) == stepRecords || size+bytes > stepBytes {
			steps, size = append(steps, step{}), 0
		}
		size += bytes
		s := &steps[len(steps)-1]
		e, is := there[key]
		s.txn.If = append(s.txn.If, store.Compare{Key: key, Revision: e.Revision})
		if is {
			s.before = append(s.before, e)
		}
		f(s)
	}
	wanted := make(map[string]bool, len(want))
	for _, r := range want {
		wanted[r.Key] = true
		if e, is := there[r.Key]; is && bytes.Equal(e.Value, r.Value) {
			done.Same++
			continue
		}
		done.Put++
		change(r.Key, func(s *step) { s.txn.Put = append(s.txn.Put, r.Put) }, len(r.Key)+len(r.Value))
	}
	for _, e := range now {
		if !wanted[e.Key] {
			done.Deleted++
			change(e.Key, func(s *step) { s.txn.Delete = append(s.txn.Delete, e.Key) }, 0)
		}
	}
	return steps, done
}

// takeBack undoes steps, the last first, and returns why with what came of that.
func takeBack(s store.Store, steps []step, why error) error {
	for i := len(steps) - 1; i >= 0; i-- {
		if _, err := s.Commit(context.Background(), steps[i].back()); err != nil {
			return fmt.Errorf("%w; and what was changed could not be taken back (%v): run it again, with --replace", why, err)
		}
	}
	return fmt.Errorf("%w; nothing was changed: run it again", why)
}

// back is the transaction that undoes a step, unless somebody else changed it since.
func (s *step) back() (t store.Txn) {
	for _, p := range s.txn.Put {
		t.If = append(t.If, store.Compare{Key: p.Key, Revision: s.at})
	}
	for _, key := range s.txn.Delete {
		t.If = append(t.If, store.Compare{Key: key})
	}
	before := make(map[string]bool, len(s.before))
	for _, e := range s.before {
		before[e.Key] = true
		t.Put = append(t.Put, store.Put{Key: e.Key, Value: e.Value})
	}
	for _, p := range s.txn.Put {
		if !before[p.Key] {
			t.Delete = append(t.Delete, p.Key)
		}
	}
	return t
}
