//go:build interop

package interop

import (
	"slices"
	"strings"
	"syscall"
	"testing"
)

// updownCases are what servers push of names.
var updownCases = map[string][]string{
	"servers": {"dns server 7 address 10.8.0.3", "dns server 5 address 10.8.0.1 [fd00::53]:5353", "dns server 5 resolve-domains corp.example other.example",
		"dns server 5 dnssec yes", "dns server 5 transport DoT", "dns server 5 sni dns.example", "dns search-domains a.example b.example"},
	"options": {"dhcp-option DNS 10.8.0.1", "dhcp-option DNS6 fd00::53", "dhcp-option DOMAIN-SEARCH a.example", "dhcp-option DOMAIN corp.example",
		"dhcp-option DOMAIN other.example", "dhcp-option DOMAIN-SEARCH b.example"},
	"both":        {"dns server 5 address 10.8.0.1", "dhcp-option DNS 10.8.0.9", "dhcp-option DOMAIN corp.example", "dhcp-option DOMAIN-SEARCH a.example"},
	"only domain": {"dhcp-option DOMAIN corp.example"},
	"only search": {"dns search-domains b.example"},
}

// updownCalls has a client connect and leave, and returns the runs of its dns-updown.
func updownCalls(t *testing.T, impl implementation, push []string) []hookCall {
	h := newHosts(t)
	var server []string
	for _, p := range push {
		server = append(server, `push "`+p+`"`)
	}
	serverProc, clientProc := h.login(pairing{client: impl, server: ours}, server, []string{"script-security 2", "setenv MINE first", "dns-updown " + h.c.hooksForAll()})
	clientProc.up()
	for _, p := range []*process{clientProc, serverProc} {
		if err := p.stop(syscall.SIGTERM); err != nil {
			t.Errorf("%s: %v", p.name, err)
		}
	}
	return h.c.calls()
}

// TestUpdownOf27: dns-updown runs at the same moments, as the same user, with the same
// variables in the same order as with OpenVPN 2.7, which brought it.
func TestUpdownOf27(t *testing.T) {
	t.Parallel()
	for name, push := range updownCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, got := updownCalls(t, openvpn27.implementation, push), updownCalls(t, ours, push)
			if runs := 2; strings.HasPrefix(name, "only") && len(want) > 0 || !strings.HasPrefix(name, "only") && len(want) != runs || len(got) != len(want) {
				t.Fatalf("OpenVPN ran it %d times, and we %d times", len(want), len(got))
			}
			for i, c := range want {
				own := got[i].drop(map[string]string{"PATH": c.kind}, map[string]int{})
				if c.what() != got[i].what() || c.who != got[i].who || !slices.Equal(c.env, own) {
					t.Errorf("OpenVPN ran %s as %s with\n%s\nand we %s as %s with\n%s", c.what(), c.who, strings.Join(c.env, "\n"),
						got[i].what(), got[i].who, strings.Join(own, "\n"))
				}
			}
		})
	}
}
