package proxy

import (
	"log/slog"
	"sync"
	"time"
)

// words are what is said of programs' connections: a few a minute, and how many
// more there were.
type words struct {
	log *slog.Logger

	mu    sync.Mutex
	said  int         // in this minute
	timer *time.Timer // ends it; nil before the first word of one
}

const wordsAMinute = 10

func (w *words) say(text string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer == nil {
		w.timer = time.AfterFunc(time.Minute, w.sum)
	}
	if w.said++; w.said <= wordsAMinute {
		w.log.Info(text, args...)
	} else {
		w.log.Debug(text, args...)
	}
}

// sum ends the minute, and says how many were left out of it.
func (w *words) sum() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Stop()
	}
	if more := w.said - wordsAMinute; more > 0 {
		w.log.Info("more connections of programs failed within a minute; verb 4 shows each", "count", more)
	}
	w.said, w.timer = 0, nil
}
