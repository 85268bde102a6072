//go:build !unix && !windows

package endpoint

// systemVersion is not known here.
func systemVersion() string { return "" }
