package logs

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"culvert/internal/subsystem"
)

// Bounds of a Ring, where whichever is reached first makes room by the oldest line, and of
// a Queue, which has no room then.
const (
	mostLines = 4096
	mostBytes = 1 << 20
)

// Numbered is a line with its place in a Ring.
type Numbered struct {
	Line
	Number uint64 // from 1 on, one more for each line
}

// Ring keeps the latest lines. Adding waits for no reader: one that is slow finds that
// lines are gone, and how many. The zero value is ready.
type Ring struct {
	mu    sync.Mutex
	lines []Numbered // the oldest first
	bytes int
	last  uint64        // the newest line's number
	news  chan struct{} // closed when a line is added; nil: nobody waits
	epoch string        // tells its numbers from those of another one; "": none has asked
}

// Epoch is a word of this ring alone, by which its numbers are told from another's.
func (r *Ring) Epoch() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.epoch == "" {
		r.epoch = strconv.FormatInt(time.Now().UnixNano(), 36)
	}
	return r.epoch
}

// Last is the newest line's number; 0: there is none yet.
func (r *Ring) Last() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// Add adds a line; it is a Sink.
func (r *Ring) Add(l Line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	r.lines = append(r.lines, Numbered{l, r.last})
	r.bytes += size(&l)
	for len(r.lines) > mostLines || r.bytes > mostBytes && len(r.lines) > 1 {
		r.bytes -= size(&r.lines[0].Line)
		r.lines[0] = Numbered{}
		r.lines = r.lines[1:]
	}
	if r.news != nil {
		close(r.news)
		r.news = nil
	}
}

// size is about how much memory a line takes.
func size(l *Line) int {
	n := 128 + len(l.Message)
	for _, a := range l.Attributes {
		n += 48 + len(a.Key)
		if text, ok := a.Value.(string); ok {
			n += len(text)
		}
	}
	return n
}

// chunk is how many lines are looked at before others may use the ring.
const chunk = 256

// some returns the first lines after a number, and how many are gone between them.
func (r *Ring) some(after uint64) (lines []Numbered, missed uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := r.last - uint64(len(r.lines)) + 1
	if after+1 < first {
		missed = first - 1 - after
		after = first - 1
	}
	if after >= r.last {
		return nil, missed
	}
	rest := r.lines[after+1-first:]
	return append(lines, rest[:min(len(rest), chunk)]...), missed
}

// Page is what a reader is given.
type Page struct {
	Lines []Numbered
	// Next is where to go on: the number of the last line that was looked at.
	Next uint64
	// Missed is how many lines after the one that was asked for were gone already, whether
	// or not they were wanted.
	Missed uint64
}

// After returns the first lines after a number that a filter wants, at most so many.
func (r *Ring) After(after uint64, want Wanted, limit int) Page {
	p := Page{Next: after}
	for len(p.Lines) < limit {
		lines, missed := r.some(p.Next)
		p.Missed += missed
		if len(lines) == 0 {
			p.Next += missed
			break
		}
		for _, l := range lines {
			p.Next = l.Number
			if want.has(&l.Line) {
				if p.Lines = append(p.Lines, l); len(p.Lines) == limit {
					break
				}
			}
		}
	}
	return p
}

// Latest returns the newest lines that a filter wants, at most so many, the oldest first.
func (r *Ring) Latest(want Wanted, limit int) Page {
	p := Page{}
	for {
		lines, _ := r.some(p.Next)
		if len(lines) == 0 {
			return p
		}
		for _, l := range lines {
			p.Next = l.Number
			if want.has(&l.Line) {
				p.Lines = append(p.Lines, l)
			}
		}
		p.Lines = p.Lines[max(0, len(p.Lines)-limit):]
	}
}

// Wait waits for a line after a number. It reports false when ctx ends first.
func (r *Ring) Wait(ctx context.Context, after uint64) bool {
	r.mu.Lock()
	if r.last > after {
		r.mu.Unlock()
		return true
	}
	if r.news == nil {
		r.news = make(chan struct{})
	}
	news := r.news
	r.mu.Unlock()
	select {
	case <-news:
		return true
	case <-ctx.Done():
		return false
	}
}

// Wanted says which lines a reader wants. The zero value wants all from info on.
type Wanted struct {
	Least     slog.Level
	Subsystem subsystem.Name // "": all
	Client    string         // "": all
	Text      string         // is in the line, in upper or lower case; "": all
}

func (w *Wanted) has(l *Line) bool {
	return l.Level >= w.Least &&
		(w.Subsystem == "" || l.Subsystem == w.Subsystem) &&
		(w.Client == "" || l.Client() == w.Client) &&
		(w.Text == "" || strings.Contains(strings.ToLower(l.Text()), strings.ToLower(w.Text)))
}
