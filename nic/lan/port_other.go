//go:build !linux

package lan

import (
	"fmt"
	"log/slog"
	"runtime"
)

// Open fails: this system has no packet sockets.
func Open(i Interface, _ *slog.Logger) (*Proxy, error) {
	return nil, fmt.Errorf("%s: answering for others on a segment works on Linux only, not on %s", i.Name, runtime.GOOS)
}
