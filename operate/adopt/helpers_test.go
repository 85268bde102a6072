package adopt

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"

	"github.com/youmark/pkcs8"

	"culvert/access/pki"
)

// endedList is a list of the world's authority that ended yesterday; it revokes whom
// crl.pem revokes.
func endedList(t *testing.T, w *world) string {
	t.Helper()
	lists, err := pki.ParseRevocationLists([]byte(read(t, w.root, "crl.pem")))
	if err != nil {
		t.Fatal(err)
	}
	key, err := pki.ParseKey([]byte(w.caKey()))
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(7), ThisUpdate: now.AddDate(0, -2, 0), NextUpdate: now.AddDate(0, 0, -1),
		RevokedCertificateEntries: lists[0].RevokedCertificateEntries,
	}, w.authority.Certificate(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
}

// protected is a key with a passphrase.
func protected(t *testing.T, keyPEM, passphrase string) string {
	t.Helper()
	key, err := pki.ParseKey([]byte(keyPEM))
	if err != nil {
		t.Fatal(err)
	}
	der, err := pkcs8.MarshalPrivateKey(crypto.PrivateKey(key), []byte(passphrase), nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der}))
}
