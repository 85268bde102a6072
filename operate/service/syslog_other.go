//go:build !unix

package service

import (
	"log/slog"

	"culvert/host/process"
)

func newSyslog(string, slog.Leveler) (slog.Handler, error) { return nil, process.ErrUnsupported }
