package hooks

import (
	"crypto/sha1" // names certificates in variables, as programs expect
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"

	"culvert/access/pki"
)

// SetCertificates sets the variables that describe a peer's chain, its own certificate
// first, down to a depth: 0 for all, else those above only (manual, "Environmental
// Variables"). name is the peer's common name; track are the attributes that x509-track
// names, none for all of the subjects.
func (e *Env) SetCertificates(chain []*x509.Certificate, down int, name string, track []string) {
	for depth := len(chain) - 1; depth >= down; depth-- {
		if depth == 0 {
			e.Set("common_name", name)
		}
		e.setCertificate(depth, chain[depth], track)
	}
}

func (e *Env) setCertificate(depth int, cert *x509.Certificate, track []string) {
	if len(track) > 0 {
		e.setTracked(depth, cert, track)
	} else {
		e.setSubject(depth, cert)
	}
	one, two := sha1.Sum(cert.Raw), sha256.Sum256(cert.Raw)
	at := func(name, value string) { e.Set(fmt.Sprintf("%s_%d", name, depth), value) }
	at("tls_id", pki.Subject(cert))
	at("tls_digest", withColons(one[:]))
	at("tls_digest_sha256", withColons(two[:]))
	at("tls_serial", cert.SerialNumber.String())
	at("tls_serial_hex", pki.SerialHex(cert))
}

// setSubject sets all attributes of a certificate's subject.
func (e *Env) setSubject(depth int, cert *x509.Certificate) {
	seen := map[string]int{}
	for _, a := range pki.Attributes(cert) {
		if strings.ContainsAny(a.Name, "=. ") {
			continue
		}
		name := fmt.Sprintf("X509_%d_%s", depth, a.Name)
		if n := seen[a.Name]; n > 0 {
			name += fmt.Sprintf("_%d", n)
		}
		seen[a.Name]++
		e.setAttribute(name, a.Value)
	}
}

// setAttribute sets an attribute of a certificate. As with OpenVPN, line ends become question
// marks.
func (e *Env) setAttribute(name, value string) {
	e.Set(name, strings.NewReplacer("\r", "?", "\n", "?").Replace(value))
}

func withColons(hash []byte) string {
	parts := make([]string, len(hash))
	for i, b := range hash {
		parts[i] = hex.EncodeToString([]byte{b})
	}
	return strings.Join(parts, ":")
}

// SetAddress sets a peer's outer address and port; kind is "trusted" or "untrusted".
func (e *Env) SetAddress(kind string, a netip.AddrPort) {
	name := kind + "_ip"
	if a.Addr().Is6() && !a.Addr().Is4In6() {
		name += "6"
	}
	e.Set(name, a.Addr().Unmap().String())
	e.SetInt(kind+"_port", int64(a.Port()))
}

// SetPeerInfo sets what a peer says of itself; names are those of told in the order in
// which they came.
func (e *Env) SetPeerInfo(told map[string]string, names []string) {
	for _, name := range names {
		if value, ok := told[name]; ok {
			e.SetPeer(name, value)
		}
	}
}
