//go:build unix

package profile

import "golang.org/x/sys/unix"

// systemVersion is the release that uname(2) names, "" where it fails.
func systemVersion() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}
