//go:build unix

package service

import (
	"log/slog"
	"log/syslog"

	"culvert/config"
	"culvert/operate/logs"
)

// newSyslog returns what makes handlers that write to the system's logger under a name.
func newSyslog(name string, f config.LogFormat) (func(*logs.Queue) slog.Handler, error) {
	w, err := syslog.New(syslog.LOG_DAEMON|syslog.LOG_NOTICE, name)
	if err != nil {
		return nil, err
	}
	return func(q *logs.Queue) slog.Handler {
		if f != config.LogText {
			return newFormatted(logs.Format(f), q, w.Debug, w.Info, w.Warning, w.Err)
		}
		return newSeverities(slog.LevelDebug, q, w.Debug, w.Info, w.Warning, w.Err)
	}, nil
}
