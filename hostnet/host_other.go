//go:build !linux && !windows && !darwin && !freebsd && !openbsd

package hostnet

import "os"

// DefaultStateDir holds one undo journal per device, unless Options say else.
const DefaultStateDir = "/var/run/culvert"

const (
	defaultMetric6 = 0
	rights         = "an administrator's rights"
	mendIPv6       = "switch it on to have it"
)

func newHost(Options) (*host, error) { return nil, ErrUnsupported }

func lockDir(string) (unlock func(), err error) { return nil, ErrUnsupported }

func readOwn(path string) ([]byte, error) { return os.ReadFile(path) }
