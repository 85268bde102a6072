//go:build !unix && !windows

package profile

// systemVersion is not known here.
func systemVersion() string { return "" }
