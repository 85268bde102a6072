package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"
)

// under makes an authority that another signed.
func (m maker) under(name string, serial int64) maker {
	m.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		m.t.Fatal(err)
	}
	cert := m.sign(&x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, IsCA: true,
		AuthorityKeyId: m.cert.SubjectKeyId, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}, key.Public())
	return maker{t: m.t, cert: cert, key: key}
}

// TestAuthorityBetween: an authority in `ca` that another one signed is trusted
// by what that one says of it, whether or not the peer shows it.
func TestAuthorityBetween(t *testing.T) {
	root := newMaker(t, "Root")
	between := root.under("Between", 18)
	leaf := between.client(&x509.Certificate{Subject: pkix.Name{CommonName: "ada"}})
	shut := *root.cert
	shut.MaxPathLen, shut.MaxPathLenZero = 0, true
	old := *root.cert
	old.NotAfter = noon.Add(-time.Minute)
	for _, c := range []struct {
		name        string
		authorities []*x509.Certificate
		shown       []*x509.Certificate
		want        string // of the explanation; "": it is trusted
	}{
		{"both", []*x509.Certificate{root.cert, between.cert}, []*x509.Certificate{leaf}, ""},
		{"in another order", []*x509.Certificate{between.cert, root.cert}, []*x509.Certificate{leaf}, ""},
		{"shown by the peer", []*x509.Certificate{root.cert}, []*x509.Certificate{leaf, between.cert}, ""},
		{"both, and shown", []*x509.Certificate{root.cert, between.cert}, []*x509.Certificate{leaf, between.cert}, ""},
		{"none above it", []*x509.Certificate{between.cert}, []*x509.Certificate{leaf}, `"CN=Between", but not "CN=Root" that issued it`},
		{"the root shown by the peer", []*x509.Certificate{between.cert}, []*x509.Certificate{leaf, between.cert, root.cert}, "that issued it"},
		{"another root", []*x509.Certificate{newMaker(t, "Other").cert, between.cert}, []*x509.Certificate{leaf}, "that issued it"},
		{"a root that ended", []*x509.Certificate{&old, between.cert}, []*x509.Certificate{leaf}, `"CN=Root" expired`},
		{"a root that allows none", []*x509.Certificate{&shut, between.cert}, []*x509.Certificate{leaf}, "too many intermediates"},
		{"itself", []*x509.Certificate{leaf}, []*x509.Certificate{leaf}, "that issued it"},
	} {
		way, err := Verifier{Authorities: c.authorities}.Chain(c.shown, noon, ClientUsage)
		if c.want != "" {
			if said := Explain(err, noon); !strings.Contains(said, c.want) {
				t.Errorf("%s: %q, want %q", c.name, said, c.want)
			}
			continue
		}
		if err != nil || len(way) != 3 || way[1] != between.cert && !way[1].Equal(between.cert) || !way[2].Equal(root.cert) {
			t.Errorf("%s: %d certificates, %v", c.name, len(way), err)
			continue
		}
		if found := (Verifier{Authorities: c.authorities}).Way(c.shown); len(found) != 3 {
			t.Errorf("%s: %d certificates by signatures alone", c.name, len(found))
		}
		lists, err := ParseRevocationLists(append(root.list(noon.Add(-time.Hour), noon.Add(time.Hour), 18), between.list(noon.Add(-time.Hour), noon.Add(time.Hour))...))
		if err != nil {
			t.Fatal(err)
		}
		var revoked *RevokedError
		if err := CheckRevoked(way, lists, noon); !errors.As(err, &revoked) || !revoked.Cert.Equal(between.cert) {
			t.Errorf("%s: revoked by its root: %v", c.name, err)
		}
	}
}

// TestRoots: an authority's new key that its old one signed is no root.
func TestRoots(t *testing.T) {
	before := newMaker(t, "Root")
	after := before.under("Root", 2)
	if got := Roots([]*x509.Certificate{after.cert, before.cert}); len(got) != 1 || got[0] != before.cert {
		t.Errorf("%d roots", len(got))
	}
	leaf := after.client(&x509.Certificate{Subject: pkix.Name{CommonName: "ada"}})
	if _, err := (Verifier{Authorities: []*x509.Certificate{before.cert, after.cert}}).Chain([]*x509.Certificate{leaf}, noon, ClientUsage); err != nil {
		t.Error(err)
	}
}

// scoped is a list of some serials for part of what its authority issued.
func (m maker) scoped(s scope, serials ...int64) []byte {
	m.t.Helper()
	value, err := asn1.Marshal(s)
	if err != nil {
		m.t.Fatal(err)
	}
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: noon.Add(-time.Hour), NextUpdate: noon.Add(time.Hour),
		ExtraExtensions: []pkix.Extension{{Id: scopeOID, Critical: true, Value: value}}}
	for _, serial := range serials {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: big.NewInt(serial), RevocationTime: noon})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, m.cert, m.key)
	if err != nil {
		m.t.Fatal(err)
	}
	return listPEM(der)
}

// TestListForSome: a list that is not for a certificate's kind does not make it
// good, and revokes it when it names it.
func TestListForSome(t *testing.T) {
	ca := newMaker(t, "CA")
	chain := []*x509.Certificate{ca.client(&x509.Certificate{Subject: pkix.Name{CommonName: "ada"}}), ca.cert} // serial number 42
	all := ca.list(noon.Add(-time.Hour), noon.Add(time.Hour))
	for _, c := range []struct {
		name, want string
		text       []byte
	}{
		{"for users", "", ca.scoped(scope{Users: true})},
		{"for users, named", "is revoked", ca.scoped(scope{Users: true}, 42)},
		{"for authorities", "add the list that does", ca.scoped(scope{CAs: true})},
		{"for authorities, named", "is revoked", ca.scoped(scope{CAs: true}, 42)},
		{"for authorities, and one for all", "", append(ca.scoped(scope{CAs: true}), all...)},
		{"for both apart", "", append(ca.scoped(scope{CAs: true}), ca.scoped(scope{Users: true})...)},
		{"for some reasons", "add the list that does", ca.scoped(scope{Reasons: asn1.BitString{Bytes: []byte{0x60}, BitLength: 3}})},
	} {
		lists, err := ParseRevocationLists(c.text)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		err = CheckRevoked(chain, lists, noon)
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "not signed")) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}
