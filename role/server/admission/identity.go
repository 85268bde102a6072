package admission

import (
	"crypto/x509"

	"culvert/access/pki"
	"culvert/config"
	"culvert/internal/printable"
	"culvert/session"
	"culvert/session/negotiate"
)

// Nameless is the name of clients without one, as OpenVPN has it.
const Nameless = "UNDEF"

// Identity is what a client says and shows of itself.
type Identity struct {
	Name       string // common name, or user name; Nameless for none
	CommonName string // of its certificate; Nameless without
	User       string // that somebody checks; "" without
	Serial     string // of its certificate, in hex; "" without
	Agent      string // version and platform
	// StaysAway: it understands to come back after a while.
	StaysAway bool
}

// identify is who a client is that said h, whose certificates lead to an authority
// by way.
func identify(c *config.Config, h *session.Hello, way []*x509.Certificate) *Identity {
	id := &Identity{
		CommonName: Nameless,
		Agent:      printable.Name(h.PeerInfo["IV_VER"] + " " + h.PeerInfo["IV_PLAT"]),
		StaysAway:  h.PeerInfo.Has(negotiate.ProtoAuthTemp),
	}
	if chain := h.TLS.PeerCertificates; len(chain) > 0 {
		if name := pki.Username(chain[0], c.Trust.X509UsernameField); name != "" {
			id.CommonName = name
		}
	}
	if len(way) > 0 {
		id.Serial = pki.SerialHex(way[0])
	}
	id.Name = id.CommonName
	return id
}
