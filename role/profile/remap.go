package profile

import (
	"errors"
	"fmt"

	"culvert/config"
)

// ErrRemapped ends a process that would connect anew, because `remap-usr1 SIGTERM` asks for
// that.
var ErrRemapped = errors.New("remap-usr1 SIGTERM asks to end then")

// Remap carries out `remap-usr1` for a connection that ended for a reason, before another
// one is begun. With SIGTERM it returns the reason with
// ErrRemapped, which is no failure. With
// SIGHUP it calls reload, which has the configuration read again, unless that is nil.
func Remap(c *config.Config, reason error, reload func()) (end error) {
	switch c.Process.RemapUSR1 {
	case "SIGTERM":
		return fmt.Errorf("%w; %w", reason, ErrRemapped)
	case "SIGHUP":
		if reload != nil {
			reload()
		}
	}
	return nil
}
