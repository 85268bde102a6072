package pki

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	tags "golang.org/x/crypto/cryptobyte/asn1"
)

// theList is the one list of a text.
func theList(t *testing.T, text []byte, err error) *x509.RevocationList {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	lists, err := ParseRevocationLists(text)
	if err != nil || len(lists) != 1 {
		t.Fatalf("%d lists, %v", len(lists), err)
	}
	return lists[0]
}

// TestRevoke: a list grows by those who are revoked, each once, and keeps out
// them alone.
func TestRevoke(t *testing.T) {
	a := newAuthority(t, "A")
	ada, bob, eve := issueClient(t, a, "ada"), issueClient(t, a, "bob"), issueClient(t, a, "eve")
	text, err := a.Revoke(epoch, nil, ada)
	first := theList(t, text, err)
	later := epoch.AddDate(0, 1, 0)
	text, err = a.Revoke(later, first, bob, ada, bob)
	second := theList(t, text, err)
	if len(second.RevokedCertificateEntries) != 2 || listNumber(first).Int64() != 1 || listNumber(second).Int64() != 2 {
		t.Errorf("%d entries, numbers %v and %v", len(second.RevokedCertificateEntries), listNumber(first), listNumber(second))
	}
	if !second.NextUpdate.Equal(a.Certificate().NotAfter) || !second.ThisUpdate.Equal(later.Add(-backdate)) {
		t.Errorf("from %v to %v", second.ThisUpdate, second.NextUpdate)
	}
	for _, c := range []struct {
		list *x509.RevocationList
		cert *x509.Certificate
		in   bool
	}{{first, ada, false}, {first, bob, true}, {second, ada, false}, {second, bob, false}, {second, eve, true}, {nil, ada, true}} {
		if Listed(c.list, c.cert.SerialNumber) == c.in {
			t.Errorf("%s listed: %v", Subject(c.cert), !c.in)
		}
		if c.list == nil {
			continue
		}
		err := CheckRevoked([]*x509.Certificate{c.cert, a.Certificate()}, []*x509.RevocationList{c.list}, later)
		if (err == nil) != c.in || err != nil && !errors.As(err, new(*RevokedError)) {
			t.Errorf("%s: %v", Subject(c.cert), err)
		}
	}
	if _, err := newAuthority(t, "A").Revoke(later, first, bob); err == nil || !strings.Contains(err.Error(), "the list there is not of") {
		t.Errorf("after another authority's list: %v", err)
	}
	if _, err := a.Revoke(a.Certificate().NotAfter.Add(time.Second), nil, bob); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("past the authority's end: %v", err)
	}
}

// TestRevokeTakenBack: who was taken off a list can be put on it again.
func TestRevokeTakenBack(t *testing.T) {
	ca := newMaker(t, "CA")
	ada := ca.client(&x509.Certificate{})
	entry := x509.RevocationListEntry{SerialNumber: ada.SerialNumber, RevocationTime: noon, ReasonCode: removeFromCRL}
	if Listed(&x509.RevocationList{RevokedCertificateEntries: []x509.RevocationListEntry{entry}}, ada.SerialNumber) {
		t.Error("one that was taken off counts as listed")
	}
}

// TestWhoSignsLists: an authority whose key usage says what it may sign must be
// allowed lists; one that states none may sign anything.
func TestWhoSignsLists(t *testing.T) {
	for usage, ok := range map[x509.KeyUsage]bool{0: true, x509.KeyUsageCertSign: false, x509.KeyUsageCertSign | x509.KeyUsageCRLSign: true, x509.KeyUsageCRLSign: true} {
		m := newMaker(t, "CA")
		text := m.list(noon, noon.Add(time.Hour), 7)
		root := m
		root.cert = nil
		root.cert = root.sign(&x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: usage}, m.key.Public())
		list := theList(t, text, nil)
		leaf := root.client(&x509.Certificate{})
		if err := CheckRevoked([]*x509.Certificate{leaf, root.cert}, []*x509.RevocationList{list}, noon); (err == nil) != ok {
			t.Errorf("key usage %b: a list is checked with %v", usage, err)
		}
		a := &Authority{key: m.key, cert: root.cert}
		if usage == 0 {
			continue // crypto/x509 signs no list without a key usage
		}
		if _, err := a.Revoke(noon, nil, leaf); (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "cRLSign") {
			t.Errorf("key usage %b: a list is signed with %v", usage, err)
		}
	}
}

// TestCheckList: at the first and the last second of a list, outside of them,
// and under authorities that did and did not sign it.
func TestCheckList(t *testing.T) {
	ca, impostor, other := newMaker(t, "CA"), newMaker(t, "CA"), newMaker(t, "other")
	from, to := noon.Add(-time.Minute), noon.Add(time.Minute)
	bounded, endless := theList(t, ca.list(from, to), nil), theList(t, listPEM(ca.version1(utc("260601115900Z"), nil, 7)), nil)
	for _, c := range []struct {
		name string
		list *x509.RevocationList
		by   []*x509.Certificate
		at   time.Time
		ok   bool
	}{
		{"at its beginning", bounded, []*x509.Certificate{ca.cert}, from, true},
		{"before it", bounded, []*x509.Certificate{ca.cert}, from.Add(-time.Second), false},
		{"at its end", bounded, []*x509.Certificate{ca.cert}, to, true},
		{"after it", bounded, []*x509.Certificate{ca.cert}, to.Add(time.Second), false},
		{"without end", endless, []*x509.Certificate{ca.cert}, to.AddDate(9, 0, 0), true},
		{"without end, before its beginning", endless, []*x509.Certificate{ca.cert}, from.Add(-time.Second), false},
		{"of an impostor", bounded, []*x509.Certificate{impostor.cert}, noon, false},
		{"of the second of that name", bounded, []*x509.Certificate{impostor.cert, ca.cert}, noon, true},
		{"of the first of that name", bounded, []*x509.Certificate{ca.cert, impostor.cert}, noon, true},
		{"of nobody here", bounded, []*x509.Certificate{other.cert}, noon, true},
	} {
		if err := CheckList(c.list, c.by, c.at); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestListParsing: where a list ends in a file, and what a fault in one is
// called.
func TestListParsing(t *testing.T) {
	ca := newMaker(t, "CA")
	text := ca.list(noon, noon)
	block, _ := pem.Decode(text)
	if list := theList(t, append(bytes.Clone(block.Bytes), "\n\n"...), nil); !bytes.Equal(list.Raw, block.Bytes) {
		t.Error("what follows a list in DER is taken for a part of it")
	}
	content := element(tags.SEQUENCE, ecdsaSHA256, ca.cert.RawSubject, utc("260601110000Z"))
	unsigned := element(tags.SEQUENCE, content, ecdsaSHA256, element(tags.BIT_STRING, []byte{0}))
	if _, err := ParseRevocationLists(unsigned); err == nil {
		t.Error("a list without a signature was taken")
	}
	_, err := ParseRevocationLists(append(text, listPEM([]byte("x"))...))
	if err == nil || !strings.HasPrefix(err.Error(), "revocation list 2 cannot") {
		t.Errorf("the second is damaged: %v", err)
	}
	_, err = ParseRevocationLists(listPEM(ca.rawList(number(2), ecdsaSHA256, ca.cert.RawSubject, utc("260601110000Z"))))
	if err == nil || !strings.Contains(err.Error(), "it is of version 3,") {
		t.Errorf("a version to come: %v", err)
	}
	if got := keyID(element(tags.SEQUENCE, element(tags.Tag(0).ContextSpecific(), []byte("key")))); string(got) != "key" {
		t.Errorf("key identifier %q", got)
	}
}

// TestSearchEnds: after so many signatures, whatever a peer shows.
func TestSearchEnds(t *testing.T) {
	var between []*x509.Certificate
	for range 5 {
		between = append(between, newMaker(t, "CA").cert)
	}
	s := searcher{between: between, left: 3}
	if way := s.from([]*x509.Certificate{newMaker(t, "CA").client(&x509.Certificate{})}); way != nil || s.left != 0 {
		t.Errorf("a way of %d, %d checks left", len(way), s.left)
	}
}

// TestPSSParameters: what is left out of them has the values of RFC 4055, but
// all of them must not be left out (section 3.1).
func TestPSSParameters(t *testing.T) {
	salt := func(n int64) []byte {
		return element(tags.SEQUENCE, element(tags.Tag(2).ContextSpecific().Constructed(), number(n)))
	}
	for _, c := range []struct {
		der  []byte
		want int // -1: refused
	}{{nil, -1}, {element(tags.SEQUENCE), 20}, {salt(0), 0}, {salt(1024), 1024}, {salt(1025), -1}, {salt(-1), -1}} {
		s, err := parsePSS(c.der)
		if (err == nil) != (c.want >= 0) || err != nil && !errors.As(err, new(*SchemeError)) || err == nil && (s != scheme{hash: crypto.SHA1, pss: true, salt: c.want}) {
			t.Errorf("%x: %v, %v", c.der, s, err)
		}
	}
}

// TestEd25519Schemes: it signs what is there itself, and no hash of it.
func TestEd25519Schemes(t *testing.T) {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text := []byte("text")
	for s, ok := range map[scheme]bool{{}: true, {hash: crypto.SHA256}: false, {hash: crypto.SHA256, pss: true}: false} {
		if err := s.verify(public, text, ed25519.Sign(key, text)); (err == nil) != ok {
			t.Errorf("%v: %v", s, err)
		}
	}
	if (scheme{}).verify(public, []byte("other"), ed25519.Sign(key, text)) == nil {
		t.Error("another text was taken")
	}
	for want, s := range map[string]scheme{"Ed25519": {}, "SHA-256": {hash: crypto.SHA256}, "RSA-PSS with SHA-256 and a salt of 32 bytes": {hash: crypto.SHA256, pss: true, salt: 32}} {
		if s.String() != want {
			t.Errorf("%v, want %s", s, want)
		}
	}
}
