package hostnet

import "golang.org/x/sys/unix"

// MayMark reports whether the calling thread has a capability by which Linux lets it set a
// mark: NET_ADMIN, or since Linux 5.17 NET_RAW. Whoever has neither has made no fence.
func MayMark() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData // of 64 capabilities
	if unix.Capget(&header, &data[0]) != nil {
		return true // setting one then says what is wrong
	}
	return data[0].Effective&(1<<unix.CAP_NET_ADMIN|1<<unix.CAP_NET_RAW) != 0
}
