package hooks

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"culvert/internal/printable"
)

// What of a run goes to the log: a program that prints without end fills no disk, and
// a line without end no memory.
const (
	maxLine  = 1024 // bytes of a line; the rest is left out
	maxLines = 500  // lines of a run
)

// lateOutput is how long output is read that is still on its way when a program is
// killed. Somebody who left its process group may hold the pipe for ever.
const lateOutput = 50 * time.Millisecond

// output takes what a program and its children print, until the last of them ends, and
// writes it to the log line by line.
type output struct {
	read, write *os.File
	done        chan struct{}
}

func newOutput(log *slog.Logger, directive string) (*output, error) {
	if log == nil {
		log = slog.Default()
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("no pipe for its output: %w", err)
	}
	o := &output{read: r, write: w, done: make(chan struct{})}
	go func() {
		defer close(o.done)
		defer r.Close()
		copyLines(r, func(line string) { log.Info(line, "by", directive) })
	}()
	return o, nil
}

// end is called when the program has ended. Its output is in the log when end returns,
// unless children go on printing: theirs is read on, except when ctx has ended.
func (o *output) end(ctx context.Context) {
	o.write.Close()
	late := time.NewTimer(lateOutput)
	defer late.Stop()
	select {
	case <-o.done:
		return
	case <-late.C:
	}
	if ctx.Err() != nil {
		o.read.SetReadDeadline(time.Now())
		o.read.Close()
	}
}

// copyLines calls line for each line of what it reads, made safe to print, within the
// bounds, and reads on to the end: whoever prints must not wait.
func copyLines(r io.Reader, line func(string)) {
	var pending []byte
	lines, dropped := 0, 0
	emit := func() {
		if lines < maxLines {
			line(printable.Line(string(pending)))
		} else {
			dropped++
		}
		lines++
		pending = pending[:0]
	}
	buffer := make([]byte, 4096)
	for {
		n, err := r.Read(buffer)
		for rest := buffer[:n]; len(rest) > 0; {
			part, after, found := bytes.Cut(rest, []byte("\n"))
			pending = append(pending, part[:min(len(part), maxLine-len(pending))]...)
			if found {
				emit()
			}
			rest = after
		}
		if err != nil {
			break
		}
	}
	if len(pending) > 0 {
		emit()
	}
	if dropped > 0 {
		line(fmt.Sprintf("%d more lines are left out: of one run, the log takes %d", dropped, maxLines))
	}
}
