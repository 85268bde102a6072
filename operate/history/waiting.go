package history

import (
	"culvert/store"
)

// waiting is what is to be written next. A later change of a record takes the place of an earlier
// one, so that what waits is bounded by the number of sessions, and besides by mostWaiting.
type waiting struct {
	puts   map[string][]byte // nil: to be deleted
	totals map[string]Total  // to be added
	size   int
}

func newWaiting() waiting {
	return waiting{puts: make(map[string][]byte), totals: make(map[string]Total)}
}

func (w *waiting) empty() bool { return len(w.puts) == 0 && len(w.totals) == 0 }

// put has a record written, and reports whether there is room for it.
func (w *waiting) put(p store.Put) bool { return w.take(p.Key, p.Value) }

// delete has a record deleted, and reports whether there is room for that.
func (w *waiting) delete(key string) bool { return w.take(key, nil) }

// perEntry is what an entry needs besides its key and value.
const perEntry = 64

func (w *waiting) take(key string, value []byte) bool {
	old, there := w.puts[key]
	more := len(value) - len(old)
	if !there {
		more += len(key) + perEntry
	}
	if w.size+more > mostWaiting && more > 0 {
		return false
	}
	w.size += more
	w.puts[key] = value
	return true
}

// add has something added to a total. Where there is no room for another, it is not.
func (w *waiting) add(key string, more Total) bool {
	sum, there := w.totals[key]
	if !there {
		size := len(key) + len(more.Name) + 2*perEntry
		if w.size+size > mostWaiting {
			return false
		}
		w.size += size
		sum.Name = more.Name
	}
	sum.add(more)
	w.totals[key] = sum
	return true
}

// deletes are the keys to be deleted.
func (w *waiting) deletes() (keys []string) {
	for key, value := range w.puts {
		if value == nil {
			keys = append(keys, key)
		}
	}
	return keys
}
