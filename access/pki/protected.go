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

// EncryptKey protects a private key by a password: PKCS #8 with PBES2, scrypt and
// AES-256-CBC, which OpenSSL reads too.
func EncryptKey(key crypto.Signer, password []byte) ([]byte, error) {
	if len(password) == 0 {
		return nil, errors.New("an empty password protects nothing")
	}
	der, err := pkcs8.MarshalPrivateKey(key, password, &pkcs8.Opts{
		Cipher:  pkcs8.AES256CBC,
		KDFOpts: pkcs8.ScryptOpts{SaltSize: 16, CostParameter: 1 << 15, BlockSize: 8, ParallelizationParameter: 1},
	})
	if err != nil {
		return nil, fmt.Errorf("encrypt the key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED " + typeKey, Bytes: der}), nil
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
	case pbes2OID.String(), "1.2.840.113549.1.12.1.3", "1.2.840.113549.1.12.1.4": // the last two are triple DES
		return command
	}
	return command + " -provider legacy -provider default (OpenSSL before 3: without the providers)"
}

// What a key file can make us compute is bounded: iterations of PBKDF2, and N, r and
// p of scrypt multiplied, which takes 128 bytes of memory for each of N times r.
// OpenSSL writes 2,048 and 131,072.
const (
	maxIterations = 5_000_000
	maxScrypt     = 1 << 22
)

var (
	pbes2OID  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	pbkdf2OID = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	scryptOID = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11591, 4, 11}
)

// affordable reports whether the work that an encryption algorithm asks for is within
// those bounds (RFC 8018, appendix A; RFC 7914, section 7). What is neither PBKDF2 nor
// scrypt in PBES2 is refused without work, and passes here. The shapes are those that
// package pkcs8 reads by: what it takes, affordable has looked at.
func affordable(algorithm []byte) bool {
	var scheme pkix.AlgorithmIdentifier
	if _, err := asn1.Unmarshal(algorithm, &scheme); err != nil || !scheme.Algorithm.Equal(pbes2OID) {
		return true
	}
	var parts struct{ Derivation, Cipher pkix.AlgorithmIdentifier }
	if _, err := asn1.Unmarshal(scheme.Parameters.FullBytes, &parts); err != nil {
		return true
	}
	switch params := parts.Derivation.Parameters.FullBytes; {
	case parts.Derivation.Algorithm.Equal(pbkdf2OID):
		var p struct {
			Salt       []byte
			Iterations int
		}
		_, err := asn1.Unmarshal(params, &p)
		return err == nil && 1 <= p.Iterations && p.Iterations <= maxIterations
	case parts.Derivation.Algorithm.Equal(scryptOID):
		var p struct {
			Salt    []byte
			N, R, P int
		}
		_, err := asn1.Unmarshal(params, &p)
		work := 1
		for _, factor := range []int{p.N, p.R, p.P} {
			if factor < 1 || factor > maxScrypt/work {
				return false
			}
			work *= factor
		}
		return err == nil
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
