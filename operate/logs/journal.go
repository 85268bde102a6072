package logs

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/journal"
)

// journalQueue is how many lines may wait for the system's journal.
const journalQueue = 1024

// Journal writes lines to the system's journal, with fields. A journal that does not read
// holds nobody up: lines for which there is no room are lost, and counted.
type Journal struct {
	identifier string
	send       func(message string, p journal.Priority, fields map[string]string) error
	beside     io.Writer // gets what the journal does not take
	queue      chan queued
	lost       atomic.Uint64
}

// queued is a line, or a request to say when all before it is written.
type queued struct {
	line    Line
	reached chan<- struct{}
}

// StderrIsJournal reports whether the system's journal reads the standard error output.
func StderrIsJournal() bool {
	yes, err := journal.StderrIsJournalStream()
	return yes && err == nil
}

// OpenJournal opens the journal of this host for a program of a name. Lines that it does not
// take, as from within a chroot, go to beside, in the form that a journal reads there. It
// reports false if there is no journal.
func OpenJournal(identifier string, beside io.Writer) (*Journal, bool) {
	if !journal.Enabled() {
		return nil, false
	}
	return newJournal(identifier, beside, journal.Send), true
}

func newJournal(identifier string, beside io.Writer, send func(string, journal.Priority, map[string]string) error) *Journal {
	j := &Journal{identifier: identifier, send: send, beside: beside, queue: make(chan queued, journalQueue)}
	go j.run()
	return j
}

// Add is a Sink.
func (j *Journal) Add(l Line) {
	select {
	case j.queue <- queued{line: l}:
	default:
		j.lost.Add(1)
	}
}

// Flush waits until what was added before is written, but no longer than limit.
func (j *Journal) Flush(limit time.Duration) {
	reached := make(chan struct{})
	enough := time.NewTimer(limit)
	defer enough.Stop()
	select {
	case j.queue <- queued{reached: reached}:
	case <-enough.C:
		return
	}
	select {
	case <-reached:
	case <-enough.C:
	}
}

// run writes for as long as the process lives.
func (j *Journal) run() {
	for q := range j.queue {
		if q.reached != nil {
			close(q.reached)
			continue
		}
		if n := j.lost.Swap(0); n > 0 {
			j.write(Line{Level: slog.LevelWarn, Subsystem: "process", Message: fmt.Sprintf("%d lines of the log are lost, since the journal did not take them in time", n)})
		}
		j.write(q.line)
	}
}

func (j *Journal) write(l Line) {
	p := priority(l.Level)
	if err := j.send(l.Text(), p, j.fields(&l)); err != nil && j.beside != nil {
		fmt.Fprintf(j.beside, "<%d>%s\n", p, l.Text())
	}
}

func priority(l slog.Level) journal.Priority {
	switch {
	case l >= slog.LevelError:
		return journal.PriErr
	case l >= slog.LevelWarn:
		return journal.PriWarning
	case l >= slog.LevelInfo:
		return journal.PriInfo
	}
	return journal.PriDebug
}

// fields are those of a line, beside its text and priority.
func (j *Journal) fields(l *Line) map[string]string {
	all := map[string]string{"SYSLOG_IDENTIFIER": j.identifier, "CULVERT_SUBSYSTEM": string(l.Subsystem)}
	for _, a := range l.Attributes {
		all[fieldName(a.Key)] = fmt.Sprint(a.Value)
	}
	return all
}

// mostOfAFieldName is the journal's own limit, in bytes.
const mostOfAFieldName = 64

// fieldName is an attribute's key as the journal wants it: CULVERT_RETRY_IN for retry-in.
func fieldName(key string) string {
	name := "CULVERT_" + strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z' || r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, key)
	return name[:min(len(name), mostOfAFieldName)]
}
