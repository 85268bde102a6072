package seal

import (
	"fmt"
	"time"
)

const (
	defaultWindow = 8192
	maxWindow     = 65536
)

// Why a packet-id was refused. All are ErrReplay.
var (
	errZeroID   = fmt.Errorf("%w: packet-id 0 is never sent", ErrReplay)
	errReplayed = fmt.Errorf("%w: packet-id was received before", ErrReplay)
	errTooOld   = fmt.Errorf("%w: packet-id lies behind the window; if packets are reordered this far, raise replay-window", ErrReplay)
	errLate     = fmt.Errorf("%w: packet came too long after a later one; if packets are delayed this long, raise replay-window's time", ErrReplay)
)

// ticks is how many steps the time rule divides its span into.
const ticks = 8

// window decides whether a packet-id is new (draft, "Replay Protection"; man
// page, --replay-window). An id is acceptable that is
//   - not 0,
//   - less than size behind the highest accepted,
//   - not accepted before,
//   - not behind an id that was accepted longer ago than the time span. This is
//     enforced at the latest an eighth of the span after it is over.
//
// The zero value is a window of 8,192 ids without a time rule. It is not safe for
// concurrent use.
type window struct {
	size uint64
	top  uint64 // highest id accepted
	reorder
	words []uint64 // circular bitmap, a power of two of words; bit id%64 of word id/64

	unit  int64           // length of a tick in nanoseconds; 0 without a time rule
	tick  int64           // the latest tick seen
	floor uint64          // ids below it are late
	marks [ticks + 1]mark // top at the end of each of the latest ticks, at tick%len
}

type mark struct {
	tick int64
	top  uint64
}

// newWindow returns a window of size ids, 1 to 65,536, and a time span of any
// length, 0 for none. A size of 1 accepts ascending ids only.
func newWindow(size int, span time.Duration) window {
	w := window{size: uint64(size), words: makeWords(size)}
	if span > 0 {
		w.unit = max(int64(span)/ticks, 1)
	}
	return w
}

// makeWords returns a bitmap with a word for each that a run of size ids can
// touch.
func makeWords(size int) []uint64 {
	n := 1
	for n < (size+62)/64+1 {
		n *= 2
	}
	return make([]uint64, n)
}

// check returns nil when id would be accepted at now, in nanoseconds on a
// monotonic clock, and otherwise an ErrReplay with the reason.
func (w *window) check(id uint64, now int64) error {
	size := w.size
	if size == 0 {
		size = defaultWindow
	}
	w.expire(now)
	switch {
	case id == 0:
		return errZeroID
	case id > w.top:
		return nil
	case w.top-id >= size:
		w.refused = max(w.refused, w.top-id)
		return errTooOld
	case w.words[w.word(id)]&(1<<(id%64)) != 0:
		return errReplayed
	case id < w.floor:
		return errLate
	}
	return nil
}

// accept checks id and remembers it.
func (w *window) accept(id uint64, now int64) error {
	if err := w.check(id, now); err != nil {
		return err
	}
	if w.words == nil {
		w.words = makeWords(defaultWindow)
	}
	if id > w.top {
		w.advance(id)
	} else {
		w.deepest = max(w.deepest, w.top-id)
	}
	w.words[w.word(id)] |= 1 << (id % 64)
	return nil
}

// advance moves top up to id and clears the words between.
func (w *window) advance(id uint64) {
	first, last := w.top/64+1, id/64
	if last >= first && last-first >= uint64(len(w.words)) {
		clear(w.words)
	} else {
		for i := first; i <= last; i++ {
			w.words[i&uint64(len(w.words)-1)] = 0
		}
	}
	w.top = id
	if w.unit > 0 {
		w.marks[w.tick%int64(len(w.marks))] = mark{tick: w.tick, top: id}
	}
}

// expire raises floor to the highest id accepted more than ticks ago. Time
// that goes back, as between goroutines, counts as standing still.
func (w *window) expire(now int64) {
	if w.unit == 0 || now/w.unit <= w.tick {
		return
	}
	w.tick = now / w.unit
	for _, m := range w.marks {
		if w.tick-m.tick > ticks {
			w.floor = max(w.floor, m.top)
		}
	}
}

func (w *window) word(id uint64) int { return int(id / 64 & uint64(len(w.words)-1)) }
