//go:build !unix

package service

import (
	"log/slog"

	"culvert/process"
)

func newSyslog(string, slog.Leveler) (slog.Handler, error) { return nil, process.ErrUnsupported }
