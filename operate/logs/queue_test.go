package logs

import (
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// output is an output of the log that takes nothing while it is stuck.
type output struct {
	stuck chan struct{} // until it is closed; nil: never
	lines []string
}

func (o *output) Write(line []byte) (int, error) {
	if o.stuck != nil {
		<-o.stuck
	}
	o.lines = append(o.lines, strings.TrimSpace(string(line)))
	return len(line), nil
}

// forms are the ways in which handlers write to an output.
var forms = map[string]func(w io.Writer) func(q *Queue) slog.Handler{
	"as bytes": func(w io.Writer) func(q *Queue) slog.Handler {
		return func(q *Queue) slog.Handler { return NewHandler(NewWriter(q.Writer(w), Logfmt, false)) }
	},
	"as lines": func(w io.Writer) func(q *Queue) slog.Handler {
		return func(q *Queue) slog.Handler { return NewHandler(q.Sink(NewWriter(w, Logfmt, false))) }
	},
}

// TestQueueKeepsOrder: what was logged is written in its order, before a flush returns, and
// the queue leaves no goroutine.
func TestQueueKeepsOrder(t *testing.T) {
	for name, form := range forms {
		synctest.Test(t, func(t *testing.T) {
			out := new(output)
			h, q := Queued(form(out))
			q.Flush(time.Second) // of nothing
			log := slog.New(h)
			for n := range 1000 {
				log.Info(fmt.Sprint(n))
			}
			q.Flush(time.Second)
			if len(out.lines) != 1000 {
				t.Fatalf("%s: %d lines are written", name, len(out.lines))
			}
			for n, line := range out.lines {
				if !strings.HasSuffix(line, fmt.Sprint("message=", n)) {
					t.Fatalf("%s: line %d is %q", name, n, line)
				}
			}
		})
	}
}

// TestStuckOutput: an output that takes nothing holds nobody up, a flush waits as long as it
// is told, and the lines that are lost are told in their place, once for many.
func TestStuckOutput(t *testing.T) {
	for name, form := range forms {
		synctest.Test(t, func(t *testing.T) {
			out := &output{stuck: make(chan struct{})}
			h, q := Queued(form(out))
			log := slog.New(h)
			log.Info("first")
			synctest.Wait() // it is being written
			for range mostLines + 9 {
				log.Info("more")
			}
			began := time.Now()
			q.Flush(time.Second)
			if waited := time.Since(began); waited != time.Second {
				t.Errorf("%s: the flush took %v", name, waited)
			}
			close(out.stuck)
			synctest.Wait()
			log.Info("last")
			q.Flush(time.Second)
			n := len(out.lines)
			if n != 1+mostLines+2 || !strings.HasSuffix(out.lines[n-1], "message=last") {
				t.Fatalf("%s: %d lines, the last: %s", name, n, out.lines[n-1])
			}
			if told := out.lines[n-2]; !strings.HasPrefix(told, "level=warn ") || !strings.HasSuffix(told, "lines=9") {
				t.Errorf("%s: before the last is %s", name, told)
			}
		})
	}
}

// TestSlowOutput: one that takes a line now and then is told of lost lines seldom, and of the
// last ones though nothing is logged after them.
func TestSlowOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &output{stuck: make(chan struct{})}
		h, _ := Queued(forms["as bytes"](out))
		log := slog.New(h)
		log.Info("0")
		synctest.Wait()
		const lines = 4*mostLines + 1
		for n := range lines - 1 {
			log.Info("more")
			if n > mostLines && n%2 == 0 {
				out.stuck <- struct{}{}
				synctest.Wait()
			}
		}
		close(out.stuck)
		synctest.Wait()
		told, lost := 0, 0
		for _, line := range out.lines {
			if _, n, ok := strings.Cut(line, "lines="); ok {
				k, _ := strconv.Atoi(n)
				told, lost = told+1, lost+k
			}
		}
		if told == 0 || told > 3 || len(out.lines)-told+lost != lines {
			t.Errorf("%d lines are told of as lost, by %d lines; %d are written", lost, told, len(out.lines)-told)
		}
	})
}

// TestLongLines: few lines that are long fill the queue, too.
func TestLongLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &output{stuck: make(chan struct{})}
		h, q := Queued(forms["as bytes"](out))
		for range 300 {
			slog.New(h).Info(strings.Repeat("x", mostBytes/32))
		}
		if q.missed < 100 || q.bytes > mostBytes {
			t.Errorf("%d lines are lost, %d bytes wait", q.missed, q.bytes)
		}
		close(out.stuck)
	})
}
