//go:build !unix

package endpoint

// systemVersion is not known here.
func systemVersion() string { return "" }
