package users

import (
	"hash/maphash"
	"iter"
	"maps"
	"slices"
)

// shards is a map that nobody changes: an edit makes another, which shares with it all
// parts in which nothing changed. The zero value is empty.
type shards[V any] struct {
	parts *[shardCount]map[string]V
	count int
}

// shardCount makes a change of one among 30,000 records copy some hundred.
const shardCount = 256

var shardSeed = maphash.MakeSeed()

func shardOf(key string) int { return int(maphash.String(shardSeed, key) % shardCount) }

// get returns the value of a key, or V's zero value.
func (s shards[V]) get(key string) (v V) {
	if s.parts != nil {
		v = s.parts[shardOf(key)][key]
	}
	return v
}

// any reports whether f holds for a value.
func (s shards[V]) any(f func(V) bool) bool {
	if s.parts == nil {
		return false
	}
	for _, part := range s.parts {
		for _, v := range part {
			if f(v) {
				return true
			}
		}
	}
	return false
}

// sorted yields all values by key.
func (s shards[V]) sorted() iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		if s.parts == nil {
			return
		}
		keys := make([]string, 0, s.count)
		for _, part := range s.parts {
			keys = slices.AppendSeq(keys, maps.Keys(part))
		}
		slices.Sort(keys)
		for _, key := range keys {
			if !yield(key, s.get(key)) {
				return
			}
		}
	}
}

// edit is a shards under change. Make it with edit{now: s}; now is the result, after which
// the edit is over.
type edit[V any] struct {
	now shards[V]
	own [shardCount]bool // parts that nobody else has
	any bool             // now.parts is the edit's own
}

// set gives a key a value.
func (e *edit[V]) set(key string, v V) {
	part := e.part(key)
	if _, there := part[key]; !there {
		e.now.count++
	}
	part[key] = v
}

// remove takes a key away.
func (e *edit[V]) remove(key string) {
	if e.now.parts == nil {
		return
	}
	if _, there := e.now.parts[shardOf(key)][key]; there {
		delete(e.part(key), key)
		e.now.count--
	}
}

// part is the part of a key, to be changed.
func (e *edit[V]) part(key string) map[string]V {
	if !e.any {
		parts := new([shardCount]map[string]V)
		if e.now.parts != nil {
			*parts = *e.now.parts
		}
		e.now.parts, e.any = parts, true
	}
	n := shardOf(key)
	if !e.own[n] {
		if e.now.parts[n] == nil {
			e.now.parts[n] = make(map[string]V)
		}
		e.now.parts[n], e.own[n] = maps.Clone(e.now.parts[n]), true
	}
	return e.now.parts[n]
}
