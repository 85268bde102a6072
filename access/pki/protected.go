package pki

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/youmark/pkcs8"
	"software.sslmate.com/src/go-pkcs12"
)

// ErrPassword reports a password that does not open a key.
var ErrPassword = errors.New("the password is wrong")

// KeyEncrypted reports whether the first private key of a PEM text is protected by a
// password.
func KeyEncrypted(text []byte) bool {
	b := firstKey(text)
	return b != nil && encrypted(b)
}

func encrypted(b *pem.Block) bool {
	return strings.HasPrefix(b.Type, "ENCRYPTED") || strings.Contains(b.Headers["Proc-Type"], "ENCRYPTED")
}

func firstKey(text []byte) *pem.Block {
	for _, b := range decodeAll(text) {
		if strings.HasSuffix(b.Type, typeKey) {
			return b
		}
	}
	return nil
}

// DecryptKey decrypts the first private key of a PEM text: PKCS #8 with PBES2
// (RFC 8018), or OpenSSL's older format with headers. It returns the key as PEM
// without protection. It fails with ErrPassword if the password is wrong.
func DecryptKey(text, password []byte) ([]byte, error) {
	b := firstKey(text)
	if b == nil {
		return nil, complete(text, typeKey, 0)
	}
	if !encrypted(b) {
		return pem.EncodeToMemory(b), nil
	}
	if b.Type == "ENCRYPTED "+typeKey {
		return decryptPKCS8(b.Bytes, password)
	}
	// RFC 1423 is weak, but OpenSSL before 1.0 wrote its files so.
	der, err := x509.DecryptPEMBlock(b, password) //lint:ignore SA1019 reading only
	switch {
	case errors.Is(err, x509.IncorrectPasswordError):
		return nil, ErrPassword
	case err != nil:
		return nil, fmt.Errorf("the key cannot be decrypted: %w; convert it: openssl pkey -aes256 -in KEY -out NEWKEY", err)
	}
	plain := &pem.Block{Type: b.Type, Bytes: der}
	if _, err := parseKeyDER(plain); err != nil {
		// For one wrong password in 256 the padding looks right.
		return nil, ErrPassword
	}
	return pem.EncodeToMemory(plain), nil
}

// decryptPKCS8 opens EncryptedPrivateKeyInfo.
func decryptPKCS8(der, password []byte) (text []byte, err error) {
	defer func() {
		// The library trusts the lengths in the file; a damaged one may make it panic.
		if recover() != nil {
			text, err = nil, errors.New("the protected key is damaged; get a fresh copy")
		}
	}()
	var outer struct {
		Algorithm asn1.RawValue
		Data      []byte
	}
	if rest, err := asn1.Unmarshal(der, &outer); err != nil || len(rest) > 0 {
		return nil, errors.New("the protected key is damaged: no EncryptedPrivateKeyInfo in it; get a fresh copy")
	}
	if !affordable(outer.Algorithm.FullBytes) {
		return nil, errors.New("the encrypted key asks for more work than any program does; it is damaged or malicious")
	}
	key, _, err := pkcs8.ParsePrivateKey(der, password)
	if err != nil {
		if strings.Contains(err.Error(), "unsupported") || strings.Contains(err.Error(), "only PBES2") {
			return nil, errors.New("the key is encrypted in an unsupported way; expected PBES2 with PBKDF2 or scrypt; convert it: " + rewrite(outer.Algorithm.FullBytes))
		}
		return nil, ErrPassword
	}
	plain, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: typeKey, Bytes: plain}), nil
}

// rewrite returns the command that encrypts a key anew which is encrypted with the
// scheme of an AlgorithmIdentifier. OpenSSL 3 keeps RC2, RC4 and single DES in a
// separate provider.
func rewrite(algorithm []byte) string {
	const command = "openssl pkcs8 -topk8 -v2 aes256 -in KEY -out NEWKEY"
	var id pkix.AlgorithmIdentifier
	if _, err := asn1.Unmarshal(algorithm, &id); err != nil {
		return command
	}
	switch id.Algorithm.String() {
	case "1.2.840.113549.1.5.13", // PBES2
		"1.2.840.113549.1.12.1.3", "1.2.840.113549.1.12.1.4": // triple DES
		return command
	}
	return command + " -provider legacy -provider default (OpenSSL before 3: without the providers)"
}

// maxWork bounds what a key file can make us compute: iterations of PBKDF2, or
// N and r of scrypt multiplied.
const maxWork = 5_000_000

// affordable reports whether the work that an encryption algorithm (PBES2) asks for
// is within maxWork.
func affordable(algorithm []byte) bool {
	var scheme struct {
		ID     asn1.ObjectIdentifier
		Params struct {
			Derivation struct {
				ID     asn1.ObjectIdentifier
				Params []asn1.RawValue
			}
			Cipher asn1.RawValue
		}
	}
	if _, err := asn1.Unmarshal(algorithm, &scheme); err != nil {
		return true // not PBES2, so it is refused anyway
	}
	work := int64(1)
	for _, p := range scheme.Params.Derivation.Params {
		var n int64
		if p.Tag == asn1.TagInteger {
			if _, err := asn1.Unmarshal(p.FullBytes, &n); err != nil || n < 1 || n > maxWork {
				return false
			}
			work *= n
		}
		if work > maxWork*64 {
			return false
		}
	}
	return true
}

// ParsePKCS12 opens a PKCS #12 file: a private key, its certificate and the
// certificates of authorities, each as PEM. It fails with ErrPassword if the
// password is wrong.
func ParsePKCS12(der []byte, password string) (key, cert, authorities []byte, err error) {
	private, leaf, chain, err := pkcs12.DecodeChain(der, password)
	if errors.Is(err, pkcs12.ErrIncorrectPassword) {
		return nil, nil, nil, ErrPassword
	}
	if err != nil {
		return nil, nil, nil, fmt.Errorf("the PKCS #12 file cannot be read: %w; make it again: openssl pkcs12 -export -in CERT -inkey KEY -certfile CA -out FILE", err)
	}
	if _, ok := private.(crypto.Signer); !ok {
		return nil, nil, nil, fmt.Errorf("the PKCS #12 file has a key of type %T, expected RSA, ECDSA or Ed25519", private)
	}
	plain, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, c := range chain {
		authorities = append(authorities, encodeCertificate(c)...)
	}
	return pem.EncodeToMemory(&pem.Block{Type: typeKey, Bytes: plain}), encodeCertificate(leaf), authorities, nil
}

func encodeCertificate(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: typeCertificate, Bytes: c.Raw})
}
