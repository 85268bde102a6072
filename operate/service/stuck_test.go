package service

import (
	"bufio"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"culvert/config"
	"culvert/operate/logs"
)

// held ends the test if f does not end though nobody reads what it writes.
func held(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("who logs waits for a reader")
	}
}

// TestReaderOfStderrStopped: nobody waits for one that has stopped to read; when it reads
// again, it has the lines from before in their order, is told how many are lost, and has
// those that come then.
func TestReaderOfStderrStopped(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	stderr := os.Stderr
	os.Stderr = w
	defer func() { os.Stderr = stderr }()
	l := newLog(&config.Config{Process: config.Process{Verb: 3, SuppressTimestamps: true}}, false, Options{})
	const lines = 20_000 // more than pipe and queue have room for
	held(t, func() {
		for n := range lines {
			l.Info("line", "n", n)
		}
	})
	held(t, func() { Self{}.Failed(os.ErrInvalid) })
	in := bufio.NewScanner(r)
	for n := 0; in.Scan(); n++ {
		if text := in.Text(); strings.Contains(text, "WRN lines of the log are lost here") {
			break
		} else if text != "culvert: invalid argument" && !strings.HasPrefix(text, "INF line n=") {
			t.Fatalf("line %d is %q", n, text)
		}
	}
	l.Info("later")
	for in.Scan() && in.Text() != "INF later" {
	}
	if err := in.Err(); err != nil {
		t.Error(err)
	}
}

// TestLoggerThatTakesNothing: nobody waits for a system's logger that takes no line, in any
// form.
func TestLoggerThatTakesNothing(t *testing.T) {
	for name, form := range map[string]func(q *logs.Queue, w lineWriter) slog.Handler{
		"text":   func(q *logs.Queue, w lineWriter) slog.Handler { return newSeverities(slog.LevelDebug, q, w, w, w, w) },
		"logfmt": func(q *logs.Queue, w lineWriter) slog.Handler { return newFormatted(logs.Logfmt, q, w, w, w, w) },
	} {
		t.Run(name, func(t *testing.T) {
			free := make(chan struct{})
			var got []string
			h, q := logs.Queued(func(q *logs.Queue) slog.Handler {
				return form(q, func(line string) error {
					<-free
					got = append(got, line)
					return nil
				})
			})
			held(t, func() {
				for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
					slog.New(h).Log(t.Context(), level, "line")
				}
			})
			close(free)
			q.Flush(time.Minute)
			if len(got) != 4 {
				t.Errorf("it got %q", got)
			}
		})
	}
}
