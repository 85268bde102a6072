// Package dhcp serves one client what a tunnel's server pushed, by DHCP for IPv4
// (RFC 2131) and for IPv6 (RFC 8415). A lease is a value, and an answer follows
// from the lease and the question alone. So there is no state to keep: the one
// client has the one address, or an old one that it must give up.
//
// Messages are the payload of UDP; the formats are insomniacslk/dhcp's.
package dhcp

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/insomniacslk/dhcp/rfc1035label"
)

// Outcome is the result of a message.
type Outcome string

// The outcomes. Ignored is the only one without a reply where one is due: the
// message is for another server, or asks for something that is not served.
const (
	Ignored  Outcome = "ignored"
	Offered  Outcome = "offered"
	Leased   Outcome = "leased"
	Refused  Outcome = "refused" // an address that is not, or no longer, the one served
	Informed Outcome = "informed"
	Released Outcome = "released"
	Declined Outcome = "declined" // the client found its address in use
	// Unavailable means that the client asked for a prefix to delegate, or a
	// temporary address.
	Unavailable Outcome = "unavailable"
)

// ErrMalformed is wrapped by errors about messages that no client may send.
var ErrMalformed = errors.New("malformed DHCP message")

// renewal is the longest time until a client asks again, so that it learns what was
// pushed since then even if it does not watch the carrier (NetworkManager on a TAP
// device, dhclient). It costs a few packets that stay on the machine.
const renewal = 30 * time.Second

// times returns after how long a client asks this server again (T1), and any server
// (T2): the shares of RFC 2131 section 4.4.5 and RFC 8415 section 14.2, for leases
// of up to a minute.
func times(lease time.Duration) (t1, t2 time.Duration) {
	t1 = min(lease/2, renewal)
	return t1, min(lease/8*7, 2*t1)
}

// labels returns the names that have a form on the wire (RFC 1035 section 3.1), nil
// if none has.
func labels(names []string) *rfc1035label.Labels {
	var l rfc1035label.Labels
	for _, name := range names {
		if name = strings.TrimSuffix(name, "."); HasForm(name) {
			l.Labels = append(l.Labels, name)
		}
	}
	if l.Labels == nil {
		return nil
	}
	return &l
}

// HasForm reports whether a domain name has a form on the wire: labels of 1 to 63
// bytes, 253 in all, with their dots.
func HasForm(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
	}
	return len(name) <= 253
}

// ips returns the addresses that are of the family.
func ips(addrs []netip.Addr, is4 bool) (list []net.IP) {
	for _, a := range addrs {
		if a.Is4() == is4 {
			list = append(list, a.AsSlice())
		}
	}
	return list
}
