//go:build !linux

package process

import "errors"

// Launch starts nothing: programs are chosen on Linux only.
func Launch(string, string, []string) error {
	return errors.New("programs are chosen for the tunnel on Linux only; choose networks or names (route-only, route-except), or connect with --userspace and use its proxy")
}
