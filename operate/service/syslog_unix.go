//go:build unix

package service

import (
	"log/slog"
	"log/syslog"
)

// newSyslog writes to the system's logger under a name.
func newSyslog(name string, level slog.Leveler) (slog.Handler, error) {
	w, err := syslog.New(syslog.LOG_DAEMON|syslog.LOG_NOTICE, name)
	if err != nil {
		return nil, err
	}
	return newSeverities(level, w.Debug, w.Info, w.Warning, w.Err), nil
}
