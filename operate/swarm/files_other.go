//go:build !linux && !darwin

package swarm

// reserveFiles does nothing: the system will refuse sockets, each with an error.
func reserveFiles(int) error { return nil }
