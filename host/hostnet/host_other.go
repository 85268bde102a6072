//go:build !linux && !windows && !darwin && !freebsd && !openbsd

package hostnet

import (
	"context"
	"log/slog"
	"os"
)

// DefaultStateDir holds one undo journal per device, unless Options say else.
const DefaultStateDir = "/var/run/culvert"

const (
	defaultMetric6 = 0
	rights         = "an administrator's rights"
	mendIPv6       = "switch it on to have it"
)

func newHost(Options) (*host, error) { return nil, ErrUnsupported }

func lockDir(context.Context, string, *slog.Logger) (unlock func(), err error) {
	return nil, ErrUnsupported
}

// PrivateDir makes a directory for this user alone.
func PrivateDir(dir string) error { return os.MkdirAll(dir, 0o700) }

func readOwn(path string) ([]byte, error) { return os.ReadFile(path) }

// TrustDir returns an error if another user could have made a directory.
func TrustDir(string) error { return nil }
