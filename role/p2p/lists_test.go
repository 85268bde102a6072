package p2p

import (
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/access/pki"
	"culvert/internal/simnet"
	"culvert/role/event"
)

// TestRevokedHostIsLeft: whichever end has the list, the connection ends within a
// second, and there is no other.
func TestRevokedHostIsLeft(t *testing.T) {
	for _, role := range []string{"tls-client", "tls-server"} {
		t.Run(role+" has the list", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { revokedHost(t, role) })
		})
	}
}

func revokedHost(t *testing.T, role string) {
	network := simnet.New(simnet.Options{Delay: 10 * time.Millisecond})
	authority, err := pki.NewAuthority(rand.Reader, time.Now(), pki.Options{Name: "CA"})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(t.TempDir(), "crl.pem")
	lines := map[string][]string{role: {"crl-verify " + list}}
	idA, undoA := member(t, authority, list, authority.IssueClient)
	idB, undoB := member(t, authority, list, func(r io.Reader, now time.Time, name string, d time.Duration) (pki.Pair, error) {
		return authority.IssueServer(r, now, name, d)
	})
	b := start(t, network, addrB, append(lines["tls-server"], "tls-server", idB)...)
	a := start(t, network, addrA, append(lines["tls-client"], "tls-client", idA, "remote 192.0.2.2")...)
	pass(t, a, b, 1)
	has, undo := a, undoB
	if role == "tls-server" {
		has, undo = b, undoA
	}
	undo()
	time.Sleep(time.Second)
	if len(of[event.Revoked](has)) != 1 {
		t.Error("nothing after a second")
	}
	time.Sleep(time.Minute)
	if has.Peer() != nil || !slices.ContainsFunc(of[event.Failed](has), func(e event.Failed) bool {
		return strings.Contains(e.Err.Error(), "certificate refused: the certificate of")
	}) {
		t.Errorf("connected again, or for no such reason not: %v", of[event.Failed](has))
	}
	a.stop()
	b.stop()
}

// member is the configuration of one with a certificate of an authority, and what
// puts it on the list in a file, which there is from then on.
func member(t *testing.T, authority *pki.Authority, list string, issue func(io.Reader, time.Time, string, time.Duration) (pki.Pair, error)) (blocks string, revoke func()) {
	t.Helper()
	pair, err := issue(rand.Reader, time.Now(), "one", 0)
	if err != nil {
		t.Fatal(err)
	}
	certs, err := pki.ParseCertificates(pair.CertPEM)
	if err != nil {
		t.Fatal(err)
	}
	put := func(certs ...*x509.Certificate) {
		text, err := authority.Revoke(time.Now(), nil, certs...)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(list, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put()
	return fmt.Sprintf("<ca>\n%s</ca>\n<cert>\n%s</cert>\n<key>\n%s</key>", authority.CertPEM(), pair.CertPEM, pair.KeyPEM), func() { put(certs...) }
}
