package negotiate

import (
	"fmt"
	"strings"
)

// Fields of an options string that name what stands between a packet and the
// data channel: any compression framing, and `fragment`.
const (
	FieldCompression = "comp-lzo"
	FieldFragments   = "mtu-dynamic"
)

// OptionsString is the text two peers compare to warn of configurations that
// do not fit (OCC). Differences never stop a session. fields are added, such as
// FieldCompression.
func OptionsString(server bool, devType string, mtu int, proto, cipher string, fields ...string) string {
	role := "tls-client"
	if server {
		role = "tls-server"
	}
	if cipher != "" {
		cipher = "cipher " + cipher + ","
	}
	extra := ""
	for _, f := range fields {
		extra += f + ","
	}
	return fmt.Sprintf("V4,dev-type %s,tun-mtu %d,proto %s,%s%skey-method 2,%s", devType, mtu, proto, extra, cipher, role)
}

// OptionValue is the value of one name in an options string, "" if absent, in
// upper case.
func OptionValue(options, name string) string {
	for field := range strings.SplitSeq(options, ",") {
		if key, value, ok := strings.Cut(field, " "); ok && key == name {
			return strings.ToUpper(value)
		}
	}
	return ""
}

// HasCompression reports whether an options string names compression framing.
// OpenVPN writes "comp-lzo" for every kind. minivpn writes its `compress` line
// as it is; `compress` alone stands for no framing.
func HasCompression(options string) bool {
	for field := range strings.SplitSeq(options, ",") {
		if field == FieldCompression || strings.HasPrefix(field, FieldCompression+" ") || strings.HasPrefix(field, "compress ") {
			return true
		}
	}
	return false
}
