package logs

import (
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/coreos/go-systemd/v22/journal"
)

// Journal writes lines to the system's journal, with fields.
type Journal struct {
	identifier string
	send       func(message string, p journal.Priority, fields map[string]string) error
	beside     io.Writer // gets what the journal does not take
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
	return &Journal{identifier, journal.Send, beside}, true
}

// Write writes a line, and waits for the journal to take it.
func (j *Journal) Write(l Line) {
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
