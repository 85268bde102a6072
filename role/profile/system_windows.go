package profile

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// systemVersion is the version that Windows has for programs that ask the
// kernel, such as 10.0.22631.
func systemVersion() string {
	v := windows.RtlGetVersion()
	return fmt.Sprintf("%d.%d.%d", v.MajorVersion, v.MinorVersion, v.BuildNumber)
}
