package audit

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"slices"
	"time"

	"culvert/store"
)

// Sink takes lines of a record.
type Sink interface {
	Append(line []byte) error
}

// Store is a store whose changes are recorded: who made them (By), with which Command.
type Store struct {
	store.Store
	Sink    Sink
	By      string
	Command string
	// Failed is told of changes that were made and could not be recorded.
	Failed func(error)
}

// kept are keys that come and go by themselves, such as counters: nobody changes them.
var kept = [][]byte{[]byte("usage/"), []byte("sessions/"), []byte("orders/")}

// Commit is store.Store's, and records what changed.
func (s *Store) Commit(ctx context.Context, t store.Txn) (store.Revision, error) {
	before := s.before(ctx, t)
	revision, err := s.Store.Commit(ctx, t)
	if err == nil {
		s.record(changesOf(t, before))
	}
	return revision, err
}

// CommitAll is store.Whole's, and records what changed.
func (s *Store) CommitAll(ctx context.Context, t store.Txn) (store.Revision, error) {
	whole, ok := s.Store.(store.Whole)
	if !ok {
		return 0, store.ErrSteps
	}
	before := make(map[string]store.Entry)
	if snap, err := s.Store.List(ctx, ""); err == nil {
		for _, e := range snap.Entries {
			before[e.Key] = e
		}
	}
	revision, err := whole.CommitAll(ctx, t)
	if err == nil {
		s.record(changesOf(t, before))
	}
	return revision, err
}

// perLine is how many changes a line of the record has at most.
const perLine = 500

// record writes down changes that were made.
func (s *Store) record(all []Change) {
	at := time.Now().UTC()
	for changes := range slices.Chunk(all, perLine) {
		line, err := Entry{At: at, What: Changed, By: s.By, Command: s.Command, Changes: changes}.Line()
		if err == nil {
			err = s.Sink.Append(line)
		}
		if err != nil {
			s.Failed(err)
			return
		}
	}
}

// before are the entries that a transaction may change, as far as they are there.
func (s *Store) before(ctx context.Context, t store.Txn) map[string]store.Entry {
	all := make(map[string]store.Entry)
	look := func(key string) {
		if e, err := s.Store.Get(ctx, key); err == nil {
			all[key] = e
		}
	}
	for _, p := range t.Put {
		look(p.Key)
	}
	for _, key := range t.Delete {
		look(key)
	}
	return all
}

func changesOf(t store.Txn, before map[string]store.Entry) (all []Change) {
	for _, p := range t.Put {
		was, there := before[p.Key]
		switch {
		case passes(p.Key), there && bytes.Equal(was.Value, p.Value):
		case there:
			all = append(all, Change{p.Key, "set", differing(fields(was.Value), fields(p.Value))})
		default:
			all = append(all, Change{p.Key, "added", differing(nil, fields(p.Value))})
		}
	}
	for _, key := range t.Delete {
		if _, there := before[key]; there && !passes(key) {
			all = append(all, Change{Key: key, How: "removed"})
		}
	}
	return all
}

func passes(key string) bool {
	for _, prefix := range kept {
		if bytes.HasPrefix([]byte(key), prefix) {
			return true
		}
	}
	return false
}

// fields returns those of a record; nil: it has none that can be read.
func fields(value []byte) map[string]any {
	m := make(map[string]any)
	if _, err := store.Decode(store.Entry{Value: value}, newest, &m); err != nil {
		var single any
		if _, err := store.Decode(store.Entry{Value: value}, newest, &single); err != nil || errors.Is(err, store.ErrNewer) {
			return nil
		}
		return map[string]any{"value": single}
	}
	return m
}

// newest is a version beyond those of all records.
const newest = 1 << 30

// open are the fields whose values are recorded. Of others, which may be secrets, only that
// they changed is.
var open = map[string]bool{
	"name": true, "scope": true, "full_name": true, "email": true, "created": true, "disabled": true, "expires": true, "groups": true,
	"max_devices": true, "source": true, "user": true, "ipv4": true, "ipv6": true, "common_name": true, "require": true, "sources": true, "limits": true,
}

// differing returns the fields that differ, as they are now.
func differing(before, after map[string]any) map[string]any {
	d := make(map[string]any)
	for name, now := range after {
		if was, there := before[name]; !there || !reflect.DeepEqual(was, now) {
			d[name] = shown(name, now)
		}
	}
	for name := range before {
		if _, there := after[name]; !there {
			d[name] = nil
		}
	}
	return d
}

// shown is what is recorded of a field's value.
func shown(name string, value any) any {
	if !open[name] {
		return "(changed)"
	}
	return value
}
