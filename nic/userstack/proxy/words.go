package proxy

import (
	"log/slog"
	"sync"
	"time"
)

// words logs what happens to programs' connections: a few lines a minute, and then
// how many more there were.
type words struct {
	log *slog.Logger

	mu    sync.Mutex
	said  int         // in this minute
	timer *time.Timer // ends the minute; nil before its first line
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

// sum ends the minute, and logs how many lines it left out.
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
