//go:build !unix

package process

// Trusted has nothing to ask: no program of this system is run as root.
func Trusted(string) error { return nil }
