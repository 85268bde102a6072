//go:build interop

package interop

import (
	"strings"
	"testing"

	"culvert/internal/digest"
)

// TestTLSAuth has both programs agree on each digest in turn, and on a key
// used one way only, the other way round, and both ways.
func TestTLSAuth(t *testing.T) {
	t.Parallel()
	directions := [][2]string{{"0", "1"}, {"1", "0"}, {"", ""}}
	for i, name := range digest.Names() {
		for j, who := range formatPairings[:2] {
			direction := directions[(i+j)%len(directions)]
			t.Run(name+"/"+strings.Join(direction[:], "-")+"/"+who.name(), func(t *testing.T) {
				t.Parallel()
				c := plain
				c.armour = "none" // the lines follow
				tun := connect(t, who, tlsAuth(serverParty(t, c), name, direction[0]), tlsAuth(clientParty(t, c), name, direction[1]))
				tun.client.ping(serverIPv4)
				for p, impl := range map[*process]implementation{tun.clientProc: who.client, tun.serverProc: who.server} {
					if impl.name == stock.name && p.count(controlAuthenticated) == 0 {
						t.Errorf("%s has no tls-auth", p.name)
					}
				}
			})
		}
	}
}

// tlsAuth gives a party a tls-auth key, its digest and its direction.
func tlsAuth(p party, digest, direction string) party {
	p.extra = append(p.extra, "auth "+digest, "<tls-auth>\n"+p.static+"</tls-auth>")
	if direction != "" {
		p.extra = append(p.extra, "key-direction "+direction)
	}
	return p
}

// TestForceCookie: clients of 2.6 have what it asks for.
func TestForceCookie(t *testing.T) {
	t.Parallel()
	for _, who := range formatPairings {
		t.Run(who.name(), func(t *testing.T) {
			t.Parallel()
			tun := connect(t, who, serverParty(t, plain, "tls-crypt-v2 v2.key force-cookie"), clientParty(t, plain))
			tun.client.ping(serverIPv4)
		})
	}
}
