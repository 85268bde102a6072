//go:build linux

package peer

import (
	"crypto/rand"
	"time"

	"culvert/access/pki"
	"culvert/session/wrap"
)

// Keys are what servers and clients of the OpenVPN protocol are given, in PEM.
// All clients share one certificate.
type Keys struct{ CA, ServerCert, ServerKey, ClientCert, ClientKey, TLSCrypt string }

// NewKeys makes an authority and what it signs.
func NewKeys() (k Keys, err error) {
	now := time.Now()
	ca, err := pki.NewAuthority(rand.Reader, now, pki.Options{Name: "bench"})
	if err != nil {
		return k, err
	}
	server, err := ca.IssueServer(rand.Reader, now, "server", 0)
	if err != nil {
		return k, err
	}
	client, err := ca.IssueClient(rand.Reader, now, "client", 0)
	if err != nil {
		return k, err
	}
	static, err := wrap.GenerateStaticKey(rand.Reader)
	if err != nil {
		return k, err
	}
	return Keys{string(ca.CertPEM()), string(server.CertPEM), string(server.KeyPEM),
		string(client.CertPEM), string(client.KeyPEM), string(static.Format())}, nil
}
