package profile

import (
	"fmt"
	"log/slog"
	"time"

	"culvert/config"
	"culvert/host/process"
)

// KeepStatus writes what text returns to the file of `status`, now and at the
// interval given there. The function that it returns writes the file a last time and
// stops.
func KeepStatus(c config.Process, log *slog.Logger, text func() []byte) (stop func()) {
	s := StatusFile{Log: log, Text: text}
	s.Begin(c)
	return s.End
}

// StatusFile writes what Text returns to the file of `status`, which another
// configuration may change while it does. It is for one goroutine at a time.
type StatusFile struct {
	Log  *slog.Logger
	Text func() []byte

	of  config.Process
	end func()
}

// Begin writes the file from now on, at the start and at the interval of a configuration.
func (s *StatusFile) Begin(c config.Process) {
	file, err := openStatus(c)
	if err != nil {
		s.Log.Warn("the status file cannot be written; name one in a directory that is there", "error", err)
	}
	s.of, s.end = c, writeStatus(c, s.Log, file, s.Text)
}

// Change has the status written as another configuration says. The same file stays open,
// since a process without root's rights may be unable to open it again. If it cannot open
// the other one, it goes on with the former.
func (s *StatusFile) Change(c config.Process) {
	if sameStatus(s.of, c) {
		return
	}
	file, err := openStatus(c)
	if err != nil {
		s.Log.Warn("the other status file cannot be opened, so the status goes where it went before; name one that this process may open, or start it again", "error", err)
		return
	}
	s.end()
	s.of, s.end = c, writeStatus(c, s.Log, file, s.Text)
}

// End writes the file a last time, and stops.
func (s *StatusFile) End() { s.end() }

// sameStatus reports whether two configurations have the same status file.
func sameStatus(a, b config.Process) bool {
	return a.Status == b.Status && a.StatusInterval == b.StatusInterval
}

// openStatus opens the file of `status`; nil if there is none.
func openStatus(c config.Process) (*process.File, error) {
	if c.Status == "" {
		return nil, nil
	}
	return process.OpenFile(c.Status)
}

// writeStatus is KeepStatus with a file of openStatus, which it closes in the end.
func writeStatus(c config.Process, log *slog.Logger, file *process.File, text func() []byte) (stop func()) {
	if file == nil {
		return func() {}
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		say := turns(log)
		keepStatus(c.StatusInterval, end, func() { say(file.Replace(text())) })
	}()
	return func() {
		close(end)
		<-ended
		file.Close()
	}
}

// turns returns what says once that the status file cannot be written, and once that it can be
// again.
func turns(log *slog.Logger) (say func(error)) {
	failing := false
	return func(err error) {
		switch {
		case err != nil && !failing:
			log.Warn("the status file cannot be written; this is tried again each time", "error", err)
		case err == nil && failing:
			log.Info("the status file is written again")
		}
		failing = err != nil
	}
}

func keepStatus(interval time.Duration, end <-chan struct{}, write func()) {
	defer write()
	write()
	if interval <= 0 {
		<-end
		return
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			write()
		case <-end:
			return
		}
	}
}

// Statistics are the bytes that a host with one peer has carried:
// tunnel.Statistics, for the status file.
type Statistics struct {
	AdapterRead, AdapterWritten uint64 // IP packets out of and into the adapter
	PacketsRead, PacketsWritten uint64 // how many IP packets those are
	LinkRead, LinkWritten       uint64 // packets of the data channel
}

// Text returns the status file of a host with one peer, as OpenVPN writes it
// (man page, status).
func (s Statistics) Text(now time.Time) []byte {
	return fmt.Appendf(nil, `OpenVPN STATISTICS
Updated,%s
TUN/TAP read bytes,%d
TUN/TAP write bytes,%d
TCP/UDP read bytes,%d
TCP/UDP write bytes,%d
Auth read bytes,%d
END
`, now.Format(time.DateTime), s.AdapterRead, s.AdapterWritten, s.LinkRead, s.LinkWritten, s.AdapterWritten)
}
