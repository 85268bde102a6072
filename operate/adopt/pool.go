package adopt

import (
	"bytes"
	"net/netip"
	"strings"
)

// Lease is a line of the file of ifconfig-pool-persist: who had which addresses. In
// topology net30, IPv4 is the network address of the client's four.
type Lease struct {
	Name string
	IPv4 netip.Addr // zero: none
	IPv6 netip.Addr // zero: none
}

// ParsePool reads the file of ifconfig-pool-persist. A line that cannot be read is in
// faults, and the others count.
func ParsePool(text []byte) (leases []Lease, faults []*LineError) {
	number := 0
	for line := range bytes.Lines(text) {
		number++
		row := strings.TrimSpace(string(line))
		if row == "" || row[0] == '#' || row[0] == ';' {
			continue
		}
		l, ok := parseLease(row)
		if !ok {
			faults = append(faults, &LineError{number, errPool})
			continue
		}
		leases = append(leases, l)
	}
	return leases, faults
}

func parseLease(row string) (l Lease, ok bool) {
	fields := strings.Split(row, ",")
	if len(fields) < 2 || len(fields) > 3 || fields[0] == "" {
		return l, false
	}
	l.Name = fields[0]
	for _, f := range fields[1:] {
		f = strings.TrimSpace(f)
		if f == "" {
			continue
		}
		a, err := netip.ParseAddr(f)
		if err != nil || a.Zone() != "" {
			return l, false
		}
		if a.Is4() {
			l.IPv4 = a
		} else {
			l.IPv6 = a
		}
	}
	return l, l.IPv4.IsValid() || l.IPv6.IsValid()
}
