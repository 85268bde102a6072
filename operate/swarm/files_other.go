//go:build !linux && !darwin

package swarm

// reserveFiles leaves it to the system to refuse sockets, each with its error.
func reserveFiles(int) error { return nil }
