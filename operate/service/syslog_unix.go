//go:build unix

package service

import (
	"log/slog"
	"log/syslog"

	"culvert/config"
	"culvert/operate/logs"
)

// newSyslog writes to the system's logger under a name.
func newSyslog(name string, f config.LogFormat) (slog.Handler, error) {
	w, err := syslog.New(syslog.LOG_DAEMON|syslog.LOG_NOTICE, name)
	if err != nil {
		return nil, err
	}
	if f != config.LogText {
		return newFormatted(logs.Format(f), w.Debug, w.Info, w.Warning, w.Err), nil
	}
	return newSeverities(slog.LevelDebug, w.Debug, w.Info, w.Warning, w.Err), nil
}
