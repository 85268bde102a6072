package profile

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// systemVersion returns the version of Windows as the kernel reports it, such as
// 10.0.22631.
func systemVersion() string {
	v := windows.RtlGetVersion()
	return fmt.Sprintf("%d.%d.%d", v.MajorVersion, v.MinorVersion, v.BuildNumber)
}
