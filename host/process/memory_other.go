//go:build !linux

package process

// MemoryLimit is 0: only Linux has control groups.
func MemoryLimit() int64 { return 0 }
