// Package scutil speaks to macOS's configuration daemon by its tool
// scutil(8): name servers of a network service of our own.
//
// The keys are of SystemConfiguration's schema (SCSchemaDefinitions.h). A
// service of its own leaves the user's as they are, and a supplemental match
// leads names to it; the empty domain matches all.
package scutil

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// DNS is how a service resolves names.
type DNS struct {
	Servers []netip.Addr
	Search  []string // search domains
	Domains []string // the only domains asked for there; none: all
}

// ErrGone: there is no such key.
var ErrGone = errors.New("no such key")

// key is where a service's DNS is kept. The daemon forgets it at shutdown.
func key(service string) string { return "State:/Network/Service/culvert-" + service + "/DNS" }

// Set returns the script that gives a service its DNS. What a server sent ends up here
// in a script that root runs, so only names pass.
func Set(service string, d DNS) (string, error) {
	for _, name := range append(append([]string{service}, d.Search...), d.Domains...) {
		if !isName(name) {
			return "", fmt.Errorf("%q is no domain name: letters, digits, hyphens and dots", name)
		}
	}
	b := new(strings.Builder)
	fmt.Fprintln(b, "d.init")
	array(b, "ServerAddresses", text(d.Servers))
	array(b, "SearchDomains", d.Search)
	switch {
	case len(d.Domains) > 0:
		array(b, "SupplementalMatchDomains", d.Domains)
	case len(d.Servers) > 0:
		array(b, "SupplementalMatchDomains", []string{`""`})
	}
	fmt.Fprintf(b, "set %s\n", key(service))
	return b.String(), nil
}

// Remove returns the script that removes a service's DNS.
func Remove(service string) string { return "remove " + key(service) + "\n" }

func array(b *strings.Builder, name string, values []string) {
	if len(values) > 0 {
		fmt.Fprintf(b, "d.add %s * %s\n", name, strings.Join(values, " "))
	}
}

func text(addrs []netip.Addr) (s []string) {
	for _, a := range addrs {
		s = append(s, a.WithZone("").String())
	}
	return s
}

// isName reports whether s is a host or device name, and so a single word in a script.
func isName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' || r == '_')
	})
}

// Answer returns what the tool said as an error. The tool says nothing if all went
// well, and ends with status 0 either way.
func Answer(output []byte) error {
	switch said := strings.TrimSpace(string(output)); {
	case said == "":
		return nil
	case strings.Contains(said, "No such key"):
		return ErrGone
	default:
		return fmt.Errorf("scutil: %s", said)
	}
}
