//go:build !unix

package service

import (
	"log/slog"

	"culvert/config"
	"culvert/host/process"
)

func newSyslog(string, config.LogFormat) (slog.Handler, error) { return nil, process.ErrUnsupported }
