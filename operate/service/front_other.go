//go:build !linux

package service

// inFront reports that a terminal is this process's own.
func inFront(int) bool { return true }
