// Package signingtest is a sign command for tests: the test's own program, which signs by
// a key in a file, or does what goes wrong with such commands.
package signingtest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"os"
	"testing"
	"time"

	"culvert/access/pki"
	"culvert/access/signing"
)

// What a command does.
const (
	Signs   = "signs"
	Issues  = "issues"  // answers with certificates of its own, from the request
	Wide    = "wide"    // as Issues, for clients and servers both
	Other   = "other"   // signs with another key
	Rubbish = "rubbish" // answers with something else
	Silent  = "silent"  // ends without an answer
	Fails   = "fails"   // says why, and fails
	Hangs   = "hangs"
)

const word = "culvert-signs-for-a-test"

// Main is a test's TestMain.
func Main(m *testing.M) {
	if len(os.Args) > 4 && os.Args[1] == word {
		os.Exit(run(os.Args[2], os.Args[3], os.Args[4]))
	}
	os.Exit(m.Run())
}

// Command is a command that does something, with the key and the authority's certificate
// in files.
func Command(does, keyFile, certFile string) signing.Command {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return signing.Command{Argv: []string{self, word, does, keyFile, certFile}}
}

func run(does, keyFile, certFile string) int {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return 1
	}
	switch does {
	case Rubbish:
		fmt.Println("Please insert the card \x1b[31m")
		return 0
	case Silent:
		return 0
	case Fails:
		fmt.Fprintln(os.Stderr, "the card is locked\nask the officer")
		return 3
	case Hangs:
		time.Sleep(time.Hour)
	}
	answer, err := answer(text, does, keyFile, certFile)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	os.Stdout.Write(answer)
	return 0
}

func answer(text []byte, does, keyFile, certFile string) ([]byte, error) {
	r, err := signing.ParseRequest(text)
	if err != nil {
		return nil, err
	}
	keyText, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, err
	}
	key, err := pki.ParseKey(keyText)
	if err != nil {
		return nil, err
	}
	if does == Other {
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return nil, err
		}
	}
	switch {
	case r.Want == signing.PublicKey:
		der, err := x509.MarshalPKIXPublicKey(key.Public())
		return (&signing.Answer{PublicKey: der}).Append(nil), err
	case (does == Issues || does == Wide) && r.CSR != nil:
		return issue(r, key, certFile, does == Wide)
	}
	what := r.Digest
	if r.Hash() == 0 {
		what = r.TBS
	}
	signature, err := key.Sign(rand.Reader, what, r.Hash())
	return (&signing.Answer{Signature: signature}).Append(nil), err
}

// issue makes a certificate as an authority of its own would: name, key and alternative
// names are those of the request, all else is its own.
func issue(r *signing.Request, key crypto.Signer, certFile string, wide bool) ([]byte, error) {
	text, err := os.ReadFile(certFile)
	if err != nil {
		return nil, err
	}
	certs, err := pki.ParseCertificates(text)
	if err != nil {
		return nil, err
	}
	request, err := x509.ParseCertificateRequest(r.CSR)
	if err == nil {
		err = request.CheckSignature()
	}
	if err != nil {
		return nil, err
	}
	uses := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if len(request.DNSNames) > 0 {
		uses = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	if wide {
		uses = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	}
	begin := certs[0].NotBefore
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(r.Digest[:16]), Subject: request.Subject, DNSNames: request.DNSNames, IPAddresses: request.IPAddresses,
		NotBefore: begin, NotAfter: begin.Add(90 * 24 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: uses,
	}, certs[0], request.PublicKey, key)
	return bytes.Join([][]byte{[]byte("issued:"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}, []byte("\n")), err
}
