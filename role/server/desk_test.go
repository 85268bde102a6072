package server

import (
	"testing"

	"culvert/config"
	"culvert/session"
	"culvert/session/negotiate"
)

// TestForceKeyExport: clients whose keys would be made in the old way are refused where
// the configuration says so, and told why.
func TestForceKeyExport(t *testing.T) {
	for _, proto := range []string{"", "6", "14"} { // the bit of the exporter is 8
		for _, force := range []bool{false, true} {
			d := &desk{cfg: &config.Config{Trust: config.Trust{ForceKeyExport: force}}, session: session.Config{Ciphers: []string{"AES-256-GCM"}}}
			h := &session.Hello{PeerInfo: negotiate.PeerInfo{"IV_CIPHERS": "AES-256-GCM", "IV_PROTO": proto}}
			_, refusal := d.cipher(h)
			if refused := refusal != nil; refused != (force && proto != "14") || refused && refusal.Reason != exportNeeded {
				t.Errorf("IV_PROTO=%s, forced %v: %v", proto, force, refusal)
			}
		}
	}
}
