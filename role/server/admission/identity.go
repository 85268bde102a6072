package admission

import (
	"crypto/x509"

	"culvert/access"
	"culvert/access/pki"
	"culvert/config"
	"culvert/internal/printable"
	"culvert/session"
	"culvert/session/negotiate"
)

// identify returns who a client is that said h, and whose certificates lead to an
// authority by way.
func identify(c *config.Config, h *session.Hello, way []*x509.Certificate) *access.Identity {
	id := &access.Identity{
		CommonName: access.Nameless,
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
