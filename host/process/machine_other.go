//go:build !linux

package process

// Place identifies this machine: by nothing, on this system.
func Place() (words []string, ok bool) { return nil, false }
