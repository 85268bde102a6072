//go:build !unix

package service

import (
	"log/slog"

	"culvert/config"
	"culvert/host/process"
	"culvert/operate/logs"
)

func newSyslog(string, config.LogFormat) (func(*logs.Queue) slog.Handler, error) {
	return nil, process.ErrUnsupported
}
