//go:build !linux

package process

// Place is what tells this machine from others: nothing, on this system.
func Place() (words []string, ok bool) { return nil, false }
