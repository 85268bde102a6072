//go:build !linux

package hostnet

// MayMark reports whether this thread may set a mark.
func MayMark() bool { return CanMark }
