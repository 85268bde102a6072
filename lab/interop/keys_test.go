//go:build interop

package interop

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// credentials is everything the configurations of the tests refer to, made
// once for a run. Certificates and keys are PEM text; armour keys are as
// `openvpn --genkey` writes them.
type credentials struct {
	ca             authority
	server, client identity
	// staticKey is for tls-auth and tls-crypt; otherKey is a second one, for
	// peers that disagree.
	staticKey, otherKey  string
	v2Server, v2Client   string
	stranger             authority // nobody's friend
	strangerClient       identity
	expired, notYetValid validity
}

type identity struct{ cert, key string }

type validity struct{ server, client identity }

var credentialsDir = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "culvert-interop-")
	if err != nil {
		panic(err)
	}
	return dir
})

// keys returns the credentials of this run.
func keys(t testing.TB) *credentials {
	t.Helper()
	c, err := makeCredentials()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var makeCredentials = sync.OnceValues(func() (c *credentials, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("making keys: %v", r)
		}
	}()
	ca, stranger, now := newAuthority("culvert interop CA"), newAuthority("stranger CA"), time.Now()
	pair := func(from, to time.Duration) validity {
		return validity{ca.issue(serverName, now.Add(from), now.Add(to)), ca.issue(clientName, now.Add(from), now.Add(to))}
	}
	good := pair(-day, day)
	v2Server := genkey("tls-crypt-v2-server")
	return &credentials{
		ca: ca, server: good.server, client: good.client,
		staticKey: genkey("secret"), otherKey: genkey("secret"),
		v2Server: v2Server, v2Client: genkeyWith(v2Server, "tls-crypt-v2-client"),
		stranger:       stranger,
		strangerClient: stranger.issue(clientName, now.Add(-day), now.Add(day)),
		expired:        pair(-2*day, -day),
		notYetValid:    pair(day, 2*day),
	}, nil
})

const (
	serverName = "interop-server"
	clientName = "interop-client"
	day        = 24 * time.Hour
)

// authority signs test certificates.
type authority struct {
	cert string
	x509 *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(name string) authority {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-10 * day), NotAfter: time.Now().Add(10 * day),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	return authority{pemText("CERTIFICATE", der), must(x509.ParseCertificate(der)), key}
}

// issue makes a certificate for the server when name is serverName, and for a
// client otherwise.
func (a authority) issue(name string, from, to time.Time) identity {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	usage := x509.ExtKeyUsageClientAuth
	if name == serverName {
		usage = x509.ExtKeyUsageServerAuth
	}
	template := &x509.Certificate{
		SerialNumber: must(rand.Int(rand.Reader, big.NewInt(1<<62))),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    from, NotAfter: to,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage},
	}
	der := must(x509.CreateCertificate(rand.Reader, template, a.x509, key.Public(), a.key))
	return identity{pemText("CERTIFICATE", der), pemText("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key)))}
}

func pemText(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// genkey has stock OpenVPN make a key of its kind.
func genkey(kind string, args ...string) string {
	file := filepath.Join(must(os.MkdirTemp(credentialsDir(), "")), "key")
	cmd := exec.Command("openvpn", append(args, "--genkey", kind, file)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		panic(fmt.Errorf("openvpn --genkey %s: %w: %s", kind, err, out))
	}
	return string(must(os.ReadFile(file)))
}

// genkeyWith is genkey for a client key wrapped by a server key.
func genkeyWith(serverKey, kind string) string {
	file := filepath.Join(credentialsDir(), "v2-server.key")
	if err := os.WriteFile(file, []byte(serverKey), 0o600); err != nil {
		panic(err)
	}
	return genkey(kind, "--tls-crypt-v2", file)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
