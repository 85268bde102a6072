// Package dhcp serves one client what a tunnel's server pushed, by DHCP for
// IPv4 (RFC 2131) and for IPv6 (RFC 8415). What is served is a value and an
// answer follows from it and the question alone, so there is nothing to keep:
// the one client has the one address, or one it must give up.
//
// Messages are what UDP carries; the formats are insomniacslk/dhcp's.
package dhcp

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/insomniacslk/dhcp/rfc1035label"
)

// Outcome is what came of a message.
type Outcome string

// The outcomes. Only Ignored is silent where a reply is due: the message is for
// another server, or asks for what is not served.
const (
	Ignored  Outcome = "ignored"
	Offered  Outcome = "offered"
	Leased   Outcome = "leased"
	Refused  Outcome = "refused" // an address that is not, or no longer, the one served
	Informed Outcome = "informed"
	Released Outcome = "released"
	Declined Outcome = "declined" // the client found its address in use
	// Unavailable is for a prefix to delegate, or a temporary address.
	Unavailable Outcome = "unavailable"
)

// ErrMalformed is wrapped by errors about messages that no client may send.
var ErrMalformed = errors.New("malformed DHCP message")

// renewal is how soon a client asks again at the latest, so that it learns what
// was pushed since, where it takes no note of the carrier (NetworkManager of a
// TAP device, dhclient). It costs a few packets that stay on the machine.
const renewal = 30 * time.Second

// times are after how long a client asks this server again (T1), and any server
// (T2): by the shares of RFC 2131 section 4.4.5 and RFC 8415 section 14.2 for
// leases of up to a minute.
func times(lease time.Duration) (t1, t2 time.Duration) {
	t1 = min(lease/2, renewal)
	return t1, min(lease/8*7, 2*t1)
}

// labels are the names that have a form on the wire (RFC 1035 section 3.1), nil
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

// ips are those of the addresses that are of the family.
func ips(addrs []netip.Addr, is4 bool) (list []net.IP) {
	for _, a := range addrs {
		if a.Is4() == is4 {
			list = append(list, a.AsSlice())
		}
	}
	return list
}
