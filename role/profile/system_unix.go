//go:build unix

package profile

import "golang.org/x/sys/unix"

// systemVersion returns the release that uname(2) reports, "" if it fails.
func systemVersion() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}
