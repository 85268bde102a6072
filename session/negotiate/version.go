package negotiate

import (
	"strconv"
	"strings"
)

// Before reports whether a peer is an OpenVPN of before a version, such as 2, 4.
// One that does not say its version is, since all have since; other programs,
// whose versions are no numbers, are not.
func (p PeerInfo) Before(major, minor int) bool {
	version := p["IV_VER"]
	if version == "" {
		return true
	}
	parts := strings.SplitN(version, ".", 3)
	first, err := strconv.Atoi(parts[0])
	if err != nil || len(parts) == 1 {
		return false
	}
	digits := strings.IndexFunc(parts[1], func(r rune) bool { return r < '0' || r > '9' })
	if digits < 0 {
		digits = len(parts[1])
	}
	second, err := strconv.Atoi(parts[1][:digits])
	return err == nil && (first < major || first == major && second < minor)
}
