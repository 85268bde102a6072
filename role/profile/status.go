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
	file, err := OpenStatus(c)
	if err != nil {
		log.Warn("the status file cannot be written; name one in a directory that is there", "error", err)
	}
	return WriteStatus(c, log, file, text)
}

// OpenStatus opens the file of `status`, for WriteStatus; nil if there is none.
func OpenStatus(c config.Process) (*process.File, error) {
	if c.Status == "" {
		return nil, nil
	}
	return process.OpenFile(c.Status)
}

// WriteStatus is KeepStatus with a file of OpenStatus, which it closes in the end.
func WriteStatus(c config.Process, log *slog.Logger, file *process.File, text func() []byte) (stop func()) {
	if file == nil {
		return func() {}
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		keepStatus(c.StatusInterval, end, func() {
			if err := file.Replace(text()); err != nil {
				log.Warn("the status file cannot be written", "error", err)
			}
		})
	}()
	return func() {
		close(end)
		<-ended
		file.Close()
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
