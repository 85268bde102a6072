package profile

import (
	"log/slog"
	"time"

	"culvert/config"
	"culvert/host/process"
)

// KeepStatus writes what text gives to the file of `status`, now and as often
// as it says. The function returned writes it a last time and ends that.
func KeepStatus(c *config.Config, log *slog.Logger, text func() []byte) (stop func()) {
	if c.Process.Status == "" {
		return func() {}
	}
	file, err := process.OpenFile(c.Process.Status)
	if err != nil {
		log.Warn("the status file cannot be written; name one in a directory that is there", "error", err)
		return func() {}
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		keepStatus(c.Process.StatusInterval, end, func() {
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
