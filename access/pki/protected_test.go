package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/youmark/pkcs8"
	tags "golang.org/x/crypto/cryptobyte/asn1"
	"software.sslmate.com/src/go-pkcs12"
)

// protectedKeys are one key under the password "word", in each way that
// OpenSSL writes.
func protectedKeys(t testing.TB) map[string][]byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	old, err := x509.EncryptPEMBlock(rand.Reader, "EC PRIVATE KEY", sec1, []byte("word"), x509.PEMCipherAES256) //lint:ignore SA1019 reading it is tested
	if err != nil {
		t.Fatal(err)
	}
	pbes2, err := pkcs8.MarshalPrivateKey(key, []byte("word"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{
		"RFC 1423": pem.EncodeToMemory(old),
		"PBES2":    pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: pbes2}),
	}
}

func TestDecryptKey(t *testing.T) {
	for name, text := range protectedKeys(t) {
		if !KeyEncrypted(text) {
			t.Errorf("%s: not seen to be encrypted", name)
		}
		plain, err := DecryptKey(text, []byte("word"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := ParseKey(plain); err != nil || KeyEncrypted(plain) {
			t.Errorf("%s: what was opened is no key: %v", name, err)
		}
		for range 3 {
			if _, err := DecryptKey(text, []byte(rand.Text())); !errors.Is(err, ErrPassword) {
				t.Errorf("%s: a wrong password gives %v", name, err)
			}
		}
	}
}

// TestDecryptOpenSSLKeys: keys as OpenSSL protects them today.
func TestDecryptOpenSSLKeys(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("no openssl on this machine; the formats are covered by TestDecryptKey")
	}
	for _, algorithm := range [][]string{{"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"}, {"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"}, {"-algorithm", "ED25519"}} {
		out, err := exec.Command(openssl, append(append([]string{"genpkey"}, algorithm...), "-aes-256-cbc", "-pass", "pass:word")...).Output()
		if err != nil {
			t.Fatal(err)
		}
		plain, err := DecryptKey(out, []byte("word"))
		if err != nil {
			t.Errorf("%v: %v", algorithm, err)
			continue
		}
		if _, err := ParseKey(plain); err != nil {
			t.Errorf("%v: %v", algorithm, err)
		}
	}
}

// TestOldProtection: a key under a scheme that is not read comes with the command
// that works for it.
func TestOldProtection(t *testing.T) {
	for scheme, legacy := range map[string]bool{
		"1.2.840.113549.1.5.3":    true,  // MD5 and DES
		"1.2.840.113549.1.12.1.3": false, // SHA-1 and triple DES
		"1.2.840.113549.1.12.1.6": true,  // SHA-1 and RC2
	} {
		id, err := asn1.Marshal(parseOID(t, scheme))
		if err != nil {
			t.Fatal(err)
		}
		algorithm := element(tags.SEQUENCE, id, element(tags.SEQUENCE, element(tags.OCTET_STRING, []byte("saltsalt")), number(2048)))
		text := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: element(tags.SEQUENCE, algorithm, element(tags.OCTET_STRING, make([]byte, 64)))})
		_, err = DecryptKey(text, []byte("word"))
		if err == nil || !strings.Contains(err.Error(), "openssl pkcs8 -topk8 -v2 aes256") || strings.Contains(err.Error(), "-provider legacy") != legacy {
			t.Errorf("%s: %v", scheme, err)
		}
	}
}

func parseOID(t *testing.T, text string) (id asn1.ObjectIdentifier) {
	t.Helper()
	for _, part := range strings.Split(text, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			t.Fatal(err)
		}
		id = append(id, n)
	}
	return id
}

func FuzzDecryptKey(f *testing.F) {
	for _, name := range []string{"rfc1423.key", "pbes2.key"} { // of protectedKeys, but always the same
		b, _ := pem.Decode(fixture(f, name))
		f.Add(b.Bytes, true)
		f.Add(b.Bytes, false)
	}
	f.Fuzz(func(t *testing.T, der []byte, modern bool) {
		if len(der) > 4096 {
			return
		}
		b := &pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der}
		if !modern {
			b = &pem.Block{Type: "EC PRIVATE KEY", Bytes: der, Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00112233445566778899AABBCCDDEEFF"}}
		}
		if plain, err := DecryptKey(pem.EncodeToMemory(b), []byte("word")); err == nil {
			if _, err := ParseKey(plain); err != nil {
				t.Errorf("opened to something that is no key: %v", err)
			}
		}
	})
}

func TestPKCS12(t *testing.T) {
	ca, leaf, key := chainForPKCS12(t)
	for _, encoder := range []*pkcs12.Encoder{pkcs12.Modern, pkcs12.LegacyDES} {
		der, err := encoder.Encode(key, leaf, []*x509.Certificate{ca}, "word")
		if err != nil {
			t.Fatal(err)
		}
		keyPEM, certPEM, caPEM, err := ParsePKCS12(der, "word")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseIdentity(certPEM, keyPEM); err != nil {
			t.Error(err)
		}
		if roots, err := ParseCertificates(caPEM); err != nil || len(roots) != 1 || !roots[0].Equal(ca) {
			t.Errorf("authorities: %v", err)
		}
		if _, _, _, err := ParsePKCS12(der, "wrong"); !errors.Is(err, ErrPassword) {
			t.Errorf("a wrong password gives %v", err)
		}
		for _, bad := range [][]byte{nil, []byte("-----BEGIN"), der[:len(der)/2]} {
			if _, _, _, err := ParsePKCS12(bad, "word"); err == nil || errors.Is(err, ErrPassword) {
				t.Errorf("%d bytes of junk give %v", len(bad), err)
			}
		}
	}
}
