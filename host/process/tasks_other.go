//go:build !linux

package process

// Tasks returns the limit that holds for this process: none is known on this system.
func Tasks() TaskLimit { return noTaskLimit }

// UserTasks returns the limit that holds for this process once it is not root's: none
// is known on this system.
func UserTasks() TaskLimit { return noTaskLimit }

const thin = false

// BeThin has this process make do with few threads; not on this system.
func BeThin(bool) {}

// IsThin reports whether this process is a thin one: never on this system.
func IsThin() bool { return false }

// ReserveThreads begins threads ahead; not on this system.
func ReserveThreads(int) {}
