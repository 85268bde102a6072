// Package negotiate decides what two peers have in common: peer-info, data
// ciphers, protocol flags and the push exchange, as text in and values out. It
// holds no connection and reads no clock.
package negotiate

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// Proto is IV_PROTO: what a peer can do (draft, "peer-info").
type Proto uint32

// The bits of IV_PROTO this implementation knows.
const (
	ProtoDataV2      Proto = 1 << 1  // P_DATA_V2 and peer-id
	ProtoRequestPush Proto = 1 << 2  // takes PUSH_REPLY unasked
	ProtoTLSEKM      Proto = 1 << 3  // data keys from the TLS exporter
	ProtoAuthPending Proto = 1 << 4  // keywords of AUTH_PENDING
	ProtoP2P         Proto = 1 << 5  // negotiates between two hosts too
	ProtoCCExit      Proto = 1 << 7  // EXIT and protocol-flags
	ProtoAuthTemp    Proto = 1 << 8  // AUTH_FAILED,TEMP
	ProtoEpoch       Proto = 1 << 10 // epoch keys and their data format
	ProtoDNSOption   Proto = 1 << 11 // `dns` options
	ProtoPushUpdate  Proto = 1 << 12 // takes PUSH_UPDATE
)

// localProto is what our client announces.
const localProto = ProtoDataV2 | ProtoRequestPush | ProtoTLSEKM | ProtoAuthPending | ProtoCCExit | ProtoAuthTemp | ProtoEpoch | ProtoDNSOption | ProtoPushUpdate

// PeerInfo is the peer-info of a key exchange message by name.
type PeerInfo map[string]string

// maxPeerInfo bounds the variables kept from a peer.
const maxPeerInfo = 64

// ParsePeerInfo reads lines of NAME=VALUE. Lines of another form, and those
// past the sixty-fourth, are left out.
func ParsePeerInfo(text string) PeerInfo {
	info := make(PeerInfo)
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "=")
		if ok && name != "" && len(info) < maxPeerInfo {
			info[name] = value
		}
	}
	return info
}

// PeerInfoNames returns the names that ParsePeerInfo keeps, in the order of the text.
func PeerInfoNames(text string) []string {
	var names []string
	for line := range strings.Lines(text) {
		name, _, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "=")
		if ok && name != "" && len(names) < maxPeerInfo && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// String is the text that ParsePeerInfo reads, names in order.
func (p PeerInfo) String() string {
	names := make([]string, 0, len(p))
	for name := range p {
		names = append(names, name)
	}
	sort.Strings(names)
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintf(&b, "%s=%s\n", name, p[name])
	}
	return b.String()
}

// Proto is the peer's IV_PROTO, 0 when it has none.
func (p PeerInfo) Proto() Proto {
	n, err := strconv.ParseUint(p["IV_PROTO"], 10, 32)
	if err != nil {
		return 0
	}
	return Proto(n)
}

// Has reports whether the peer announced every bit of want.
func (p PeerInfo) Has(want Proto) bool { return p.Proto()&want == want }

// Ciphers are the data ciphers the peer takes, nil when it cannot negotiate.
func (p PeerInfo) Ciphers() []string {
	if list := p["IV_CIPHERS"]; list != "" {
		return strings.Split(strings.ToUpper(list), ":")
	}
	if p["IV_NCP"] == "2" {
		return []string{"AES-256-GCM", "AES-128-GCM"}
	}
	return nil
}

// LocalPeerInfo is what our client tells a server: version and platform, the
// data ciphers in order of preference, and the largest MTU it takes. extra
// (UV_ variables and the like) is added and may replace.
func LocalPeerInfo(version, platform string, ciphers []string, mtu int, extra map[string]string) PeerInfo {
	info := PeerInfo{
		"IV_VER":     version,
		"IV_PLAT":    platform,
		"IV_NCP":     "2",
		"IV_CIPHERS": wireNames(ciphers),
		"IV_PROTO":   strconv.FormatUint(uint64(localProto), 10),
		"IV_MTU":     strconv.Itoa(mtu),
	}
	for name, value := range extra {
		info[name] = value
	}
	return info
}
