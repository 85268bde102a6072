package hostnet

import (
	"os"
	"runtime"
	"strings"
)

// IPv6Off reports whether IPv6 is switched off for all adapters of this host, those that
// are to come included, so that nothing can leave by it. On systems other than Linux it
// is false, which means that nobody knows.
func IPv6Off() bool {
	if runtime.GOOS != "linux" {
		return false
	}
	for _, which := range []string{"all", "default"} {
		b, err := os.ReadFile("/proc/sys/net/ipv6/conf/" + which + "/disable_ipv6")
		if err == nil && strings.TrimSpace(string(b)) != "1" || err != nil && !os.IsNotExist(err) {
			return false
		}
	}
	return true
}
