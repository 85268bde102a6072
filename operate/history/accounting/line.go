// Package accounting tells others about a server's sessions, as people bill by it: lines of JSON
// in a file, and RADIUS servers. Both are told when a session begins, each few minutes while it
// goes on, and when it ends. The server never waits for either.
package accounting

import (
	"encoding/json"
	"log/slog"
	"net/netip"
	"time"

	"culvert/internal/printable"
	"culvert/operate/history/track"
)

// Line is a line of the file. Fields keep their names and meaning over versions; others may be
// added.
type Line struct {
	Time    time.Time `json:"time"`
	Event   string    `json:"event"`   // start, interim or stop
	Session string    `json:"session"` // of this session alone
	Server  string    `json:"server,omitempty"`
	User    string    `json:"user,omitempty"`
	Device  string    `json:"device"`
	Serial  string    `json:"serial,omitempty"`
	Agent   string    `json:"agent,omitempty"`
	Remote  string    `json:"remote,omitempty"`
	// IPv4 and IPv6 are its addresses in the tunnel.
	IPv4   netip.Addr `json:"ipv4,omitzero"`
	IPv6   netip.Addr `json:"ipv6,omitzero"`
	Cipher string     `json:"cipher,omitempty"`
	Begin  time.Time  `json:"begin"`
	// Seconds and bytes are of the whole session so far: a later line takes the place of an
	// earlier one. In is what came from the client.
	Seconds  float64 `json:"seconds"`
	BytesIn  uint64  `json:"bytes_in"`
	BytesOut uint64  `json:"bytes_out"`
	// Packets, Cause and Why are those of a stop.
	PacketsIn  uint64      `json:"packets_in,omitempty"`
	PacketsOut uint64      `json:"packets_out,omitempty"`
	Cause      track.Cause `json:"cause,omitempty"`
	Why        string      `json:"why,omitempty"`
}

// The events of lines.
const (
	start   = "start"
	interim = "interim"
	stop    = "stop"
)

// eventOf is the event for a change; "": there is none.
func eventOf(c track.Change) string {
	switch c {
	case track.Begun:
		return start
	case track.Went:
		return interim
	case track.Ended:
		return stop
	}
	return ""
}

// lineOf is the line about a change of a session.
func lineOf(event string, s *track.Session) ([]byte, error) {
	l := Line{
		Time: s.Until().UTC(), Event: event, Session: s.ID, Server: s.Server, User: printable.Name(s.User), Device: printable.Name(s.Device), Serial: s.Serial, Agent: printable.Name(s.Agent),
		Remote: s.Remote, IPv4: s.IPv4, IPv6: s.IPv6, Cipher: s.Cipher, Begin: s.Begin.UTC(), Seconds: s.Seconds(),
		BytesIn: s.BytesIn, BytesOut: s.BytesOut, PacketsIn: s.PacketsIn, PacketsOut: s.PacketsOut, Cause: s.Cause, Why: s.Why,
	}
	text, err := json.Marshal(l)
	return append(text, '\n'), err
}

// Log is the file: a track.Follower. Make it with NewLog. Its methods are for one goroutine, but
// for Stats.
type Log struct {
	tally
	write   func(lines []byte) error
	log     *slog.Logger
	waiting [][]byte
	size    int
	retry   time.Time
}

// NewLog returns what has write append lines to a file, which it is to open for each call: so
// that the file may be renamed at any time, and a new one begins.
func NewLog(write func(lines []byte) error, log *slog.Logger) *Log {
	return &Log{write: write, log: log}
}

// How many bytes wait for a file that cannot be written, how many are written at once, and how
// long such a file is left alone.
const (
	mostWaiting = 16 << 20
	atOnce      = 256 << 10
	tryAgain    = 5 * time.Second
)

// Changed is track.Follower's.
func (a *Log) Changed(c track.Change, l *track.Live) {
	event := eventOf(c)
	if event == "" {
		return
	}
	line, err := lineOf(event, &l.Session)
	if err != nil || a.size+len(line) > mostWaiting {
		a.lose(1)
		return
	}
	a.waiting, a.size = append(a.waiting, line), a.size+len(line)
}

// Missed is track.Follower's.
func (a *Log) Missed(events uint64) {
	a.lose(events)
	a.log.Warn("the accounting log may lack sessions, or have them late: events came faster than they were written", "events", events)
}

// Tick is track.Follower's: it writes what waits.
func (a *Log) Tick(now time.Time) (again bool) {
	for len(a.waiting) > 0 && !now.Before(a.retry) {
		var lines []byte
		n := 0
		for n < len(a.waiting) && (n == 0 || len(lines)+len(a.waiting[n]) <= atOnce) {
			lines = append(lines, a.waiting[n]...)
			n++
		}
		if err := a.write(lines); err != nil {
			a.failed(now, err)
			break
		}
		a.waiting, a.size = a.waiting[n:], a.size-len(lines)
		if a.fares(nil) {
			a.log.Info("the accounting log is written again", "lost", a.Stats().Lost)
		}
	}
	return len(a.waiting) > 0
}

func (a *Log) failed(now time.Time, err error) {
	a.retry = now.Add(tryAgain)
	if a.fares(err) {
		a.log.Error("the accounting log cannot be written; the tunnel goes on, what fits into memory waits, and this is tried again every few seconds", "error", err)
	}
}

// Close writes what waits for the last time.
func (a *Log) Close() {
	a.retry = time.Time{}
	if lost := a.Stats().Lost; a.Tick(time.Now()) || lost > 0 {
		a.log.Error("the accounting log lacks lines that could not be written", "lines", uint64(len(a.waiting))+lost)
	}
}
