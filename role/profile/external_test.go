package profile

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"testing"

	"github.com/youmark/pkcs8"

	"culvert/access/pki"
	"culvert/config"
)

// token is a KeyStore that signs as OpenVPN's management notes say, by the words of
// the algorithm alone.
type token struct {
	key   crypto.Signer
	cert  []byte
	asked []string
	err   error
}

func (k *token) Certificate(_ context.Context, hint string) ([]byte, error) {
	k.asked = append(k.asked, hint)
	return k.cert, k.err
}

func (k *token) Sign(ctx context.Context, data []byte, algorithm string) ([]byte, error) {
	k.asked = append(k.asked, algorithm)
	if k.err != nil {
		return nil, k.err
	}
	padding, rest, _ := strings.Cut(algorithm, ",")
	digest, hash := data, crypto.SHA256
	for _, word := range strings.Split(rest, ",") {
		switch word {
		case "hashalg=SHA384":
			hash = crypto.SHA384
		case "hashalg=SHA512":
			hash = crypto.SHA512
		case "data=message":
			h := hash.New()
			h.Write(data)
			digest = h.Sum(nil)
		}
	}
	switch padding {
	case "ECDSA":
		return k.key.Sign(rand.Reader, digest, hash)
	case "RSA_PKCS1_PADDING":
		if bytes.Equal(digest, data) {
			hash = 0 // the DigestInfo is in it
		}
		return rsa.SignPKCS1v15(nil, k.key.(*rsa.PrivateKey), hash, digest)
	case "RSA_PKCS1_PSS_PADDING":
		return rsa.SignPSS(rand.Reader, k.key.(*rsa.PrivateKey), hash, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	case "RSA_NO_PADDING":
		key := k.key.(*rsa.PrivateKey)
		return new(big.Int).Exp(new(big.Int).SetBytes(data), key.D, key.N).FillBytes(make([]byte, key.Size())), nil
	}
	return nil, fmt.Errorf("unknown algorithm %q", algorithm)
}

// external is a client whose key is in a token, and the settings of its server.
func external(t *testing.T, key crypto.Signer, can config.ExternalKey) (*token, *tls.Config, *tls.Config) {
	t.Helper()
	w := newWorld(t)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "ada"}, NotBefore: w.leaf.NotBefore, NotAfter: w.leaf.NotAfter,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, w.ca, key.Public(), w.key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, _ := x509.ParseCertificate(der)
	c := *w.config
	c.Trust.Cert = &config.File{Text: certPEM(leaf)}
	c.Management.ExternalKey = &can
	client, err := TLS(&c, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	client.VerifyConnection = nil // the server's certificate is none of this test's
	pool := x509.NewCertPool()
	pool.AddCert(w.ca)
	server := &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, SessionTicketsDisabled: true,
		Certificates: []tls.Certificate{{Certificate: [][]byte{w.leaf.Raw}, PrivateKey: w.key}}}
	return &token{key: key}, client, server
}

// meet has both shake hands, and returns the errors of client and server.
func meet(client, server *tls.Config) (error, error) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	theirs := make(chan error, 1)
	go func() { theirs <- tls.Server(b, server).Handshake(); b.Close() }()
	c := tls.Client(a, client)
	ours := c.Handshake()
	if ours == nil {
		_, _ = c.Read(make([]byte, 1)) // TLS 1.3: what the server thinks of the certificate
	}
	a.Close()
	return ours, <-theirs
}

// TestExternalKey: what a management client is asked to sign, by what it can, and that
// TLS servers take what comes of it. The words are those that OpenVPN 2.6.14 sends.
func TestExternalKey(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	odd, err := rsa.GenerateKey(rand.Reader, 2049) // a byte more than PSS fills
	if err != nil {
		t.Fatal(err)
	}
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	for _, c := range []struct {
		name    string
		key     crypto.Signer
		can     config.ExternalKey
		version uint16 // the server's greatest; 0: TLS 1.3
		want    string
	}{
		{"ec", p256, config.ExternalKey{}, 0, "ECDSA"},
		{"ec of TLS 1.2", p384, config.ExternalKey{PKCS1: true}, tls.VersionTLS12, "ECDSA"},
		{"ec message", p384, config.ExternalKey{Message: true}, 0, "ECDSA,hashalg=SHA384,data=message"},
		{"pss", rsaKey, config.ExternalKey{PKCS1: true, PSS: true}, 0, "RSA_PKCS1_PSS_PADDING,hashalg=SHA256,saltlen=digest"},
		{"pss of TLS 1.2", rsaKey, config.ExternalKey{PSS: true}, tls.VersionTLS12, "RSA_PKCS1_PSS_PADDING,hashalg=SHA256,saltlen=digest"},
		{"pss message", rsaKey, config.ExternalKey{PSS: true, Message: true}, 0, "RSA_PKCS1_PSS_PADDING,hashalg=SHA256,saltlen=digest,data=message"},
		{"pkcs1", rsaKey, config.ExternalKey{PKCS1: true}, 0, "RSA_PKCS1_PADDING"},
		{"nothing said", rsaKey, config.ExternalKey{}, 0, "RSA_PKCS1_PADDING"},
		{"pkcs1 message", rsaKey, config.ExternalKey{PKCS1: true, Message: true}, 0, "RSA_PKCS1_PADDING,hashalg=SHA256,data=message"},
		{"raw", rsaKey, config.ExternalKey{NoPadding: true}, 0, "RSA_NO_PADDING"},
		{"raw of TLS 1.2", odd, config.ExternalKey{NoPadding: true}, tls.VersionTLS12, "RSA_NO_PADDING"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, client, server := external(t, c.key, c.can)
			server.MaxVersion = c.version
			ours, theirs := meet(bound(t.Context(), client, k), server)
			if ours != nil || theirs != nil {
				t.Fatalf("client %v, server %v; asked %q", ours, theirs, k.asked)
			}
			if len(k.asked) != 1 || k.asked[0] != c.want {
				t.Errorf("asked for %q, want %q", k.asked, c.want)
			}
		})
	}
}

// TestExternalKeyFails: no store, one that fails, and one that signs with another key.
func TestExternalKeyFails(t *testing.T) {
	key, _ := rsa.GenerateKey(rand.Reader, 2048)
	other, _ := rsa.GenerateKey(rand.Reader, 3072)
	k, client, server := external(t, key, config.ExternalKey{PSS: true})
	if ours, _ := meet(client, server); ours == nil || !strings.Contains(ours.Error(), errNoStore.Error()) {
		t.Errorf("without a store: %v", ours)
	}
	k.err = context.Canceled
	if ours, _ := meet(bound(t.Context(), client, k), server); ours == nil || !strings.Contains(ours.Error(), context.Canceled.Error()) {
		t.Errorf("cancelled: %v", ours)
	}
	k.err, k.key = nil, other
	if ours, _ := meet(bound(t.Context(), client, k), server); ours == nil || !strings.Contains(ours.Error(), "has 384 bytes, and one with this RSA key has 256") {
		t.Errorf("another key: %v", ours)
	}
	plain := &tls.Config{Certificates: []tls.Certificate{{PrivateKey: key}}}
	if bound(t.Context(), plain, k) != plain || bound(t.Context(), &tls.Config{}, k) == nil {
		t.Error("a key of this process is changed")
	}
}

// TestPadding checks our paddings against the standard library's verification, for
// keys of any length.
func TestPadding(t *testing.T) {
	for _, bits := range []int{1024, 1025, 1031, 2048} {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		raw := func(b []byte) []byte {
			return new(big.Int).Exp(new(big.Int).SetBytes(b), key.D, key.N).FillBytes(make([]byte, key.Size()))
		}
		digest := sha256.Sum256([]byte("abc"))
		padded, err := padPSS(digest[:], bits, crypto.SHA256)
		if err != nil || len(padded) != key.Size() {
			t.Fatalf("%d bits: %d bytes, %v", bits, len(padded), err)
		}
		if err := rsa.VerifyPSS(&key.PublicKey, crypto.SHA256, digest[:], raw(padded), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}); err != nil {
			t.Errorf("%d bits, PSS: %v", bits, err)
		}
		long := sha512.Sum384([]byte("abc"))
		info, err := digestInfo(long[:], crypto.SHA384)
		if err != nil {
			t.Fatal(err)
		}
		padded, err = padPKCS1(info, key.Size())
		if err == nil {
			err = rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA384, long[:], raw(padded))
		}
		if err != nil {
			t.Errorf("%d bits, PKCS #1: %v", bits, err)
		}
	}
	for _, err := range []error{second(padPSS(make([]byte, 64), 1024, crypto.SHA512)), second(padPKCS1(make([]byte, 120), 128)), second(digestInfo(nil, crypto.MD5))} {
		if err == nil {
			t.Error("no error for what does not fit")
		}
	}
}

func second(_ []byte, err error) error { return err }

func TestFetchCertificate(t *testing.T) {
	w := newWorld(t)
	block := &config.Config{}
	c := &config.Config{Management: config.Management{ExternalCert: "hint"}, Link: config.Link{Remotes: []config.Remote{{Settings: block}}}}
	k := &token{cert: certPEM(w.leaf)}
	if err := FetchCertificate(t.Context(), c, k); err != nil || k.asked[0] != "hint" || !bytes.Equal(c.Trust.Cert.Text, k.cert) || block.Trust.Cert != c.Trust.Cert {
		t.Errorf("%v: asked %q, has %+v", err, k.asked, c.Trust.Cert)
	}
	k.cert = []byte("no certificate")
	if err := FetchCertificate(t.Context(), c, k); err == nil || !strings.Contains(err.Error(), "management-external-cert") {
		t.Errorf("garbage: %v", err)
	}
	if err := FetchCertificate(t.Context(), new(config.Config), nil); err != nil {
		t.Errorf("no hint: %v", err)
	}
}

// clerk is an Asker with answers in turn.
type clerk struct {
	answers []Answer
	asked   []Question
	refused []Realm
}

func (k *clerk) Ask(ctx context.Context, q Question) (Answer, error) {
	k.asked = append(k.asked, q)
	if len(k.answers) == 0 {
		return Answer{}, context.Canceled
	}
	a := k.answers[0]
	k.answers = k.answers[1:]
	return a, nil
}

func (k *clerk) Refused(r Realm, _ string) { k.refused = append(k.refused, r) }

// TestUnlockBy: a wrong password of the private key is reported, and asked for again
// only with auth-retry interact, as OpenVPN does.
func TestUnlockBy(t *testing.T) {
	der, err := pkcs8.MarshalPrivateKey(newWorld(t).key, []byte("secret"), nil)
	if err != nil {
		t.Fatal(err)
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der})
	for _, c := range []struct {
		retry   config.AuthRetry
		answers []Answer
		refused int
		err     error
	}{
		{config.AuthRetryNone, []Answer{{Password: "secret"}}, 0, nil},
		{config.AuthRetryNone, []Answer{{Password: "wrong"}, {Password: "secret"}}, 1, pki.ErrPassword},
		{config.AuthRetryInteract, []Answer{{Password: "wrong"}, {Password: "worse"}, {Password: "secret"}}, 2, nil},
		{config.AuthRetryInteract, []Answer{{Password: "wrong"}}, 1, context.Canceled},
	} {
		cfg := &config.Config{Trust: config.Trust{Key: &config.File{Inline: true, Text: bytes.Clone(key)}}, Login: config.Login{Retry: c.retry}}
		k := &clerk{answers: c.answers}
		if err := UnlockBy(t.Context(), cfg, k); !errors.Is(err, c.err) || len(k.refused) != c.refused {
			t.Errorf("%+v: %v, refused %v", c, err, k.refused)
		}
		if want := (Question{Realm: RealmKey, Password: true}); k.asked[0] != want {
			t.Errorf("asked %+v", k.asked[0])
		}
	}
}
