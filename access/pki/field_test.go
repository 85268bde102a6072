package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"
)

// later is when the certificates of testdata are valid (testdata/make.sh).
var later = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func fixtureCert(t testing.TB, name string) *x509.Certificate {
	t.Helper()
	certs, err := ParseCertificates(fixture(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return certs[0]
}

// fixtureMaker is an authority that is always the same.
func fixtureMaker(t testing.TB) maker {
	t.Helper()
	key, err := ParseKey(fixture(t, "p256.key"))
	if err != nil {
		t.Fatal(err)
	}
	return maker{t: t, key: key.(*ecdsa.PrivateKey), cert: fixtureCert(t, "p256.crt")}
}

// edited is cert with parts of it changed and signed again by key.
func edited(t testing.TB, cert *x509.Certificate, key *ecdsa.PrivateKey, edit func(*outline)) []byte {
	t.Helper()
	o, err := parseOutline(cert.Raw)
	if err != nil {
		t.Fatal(err)
	}
	edit(&o)
	unsigned, err := o.appendDER(nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := parseOutline(unsigned)
	if err != nil {
		t.Fatal(err)
	}
	o.signature = signDER(t, key, again.content)
	der, err := o.appendDER(nil)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// signDER signs without chance (RFC 6979): what is signed again by the same key is the
// same.
func signDER(t testing.TB, key *ecdsa.PrivateKey, content []byte) []byte {
	t.Helper()
	digest := sha256.Sum256(content)
	signature, err := key.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

func certificatePEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: typeCertificate, Bytes: der})
}

func element(tag tags.Tag, parts ...[]byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes(bytes.Join(parts, nil)) })
	return b.BytesOrPanic()
}

func number(n int64) []byte {
	var b cryptobyte.Builder
	b.AddASN1Int64(n)
	return b.BytesOrPanic()
}

// commonNameOf is a name of one common name, as a string of the type tag.
func commonNameOf(tag tags.Tag, value string) []byte {
	return element(tags.SEQUENCE, element(tags.SET, element(tags.SEQUENCE, element(tags.OBJECT_IDENTIFIER, []byte{0x55, 4, 3}), element(tag, []byte(value)))))
}

func utc(text string) []byte         { return element(tags.UTCTime, []byte(text)) }
func generalized(text string) []byte { return element(tags.GeneralizedTime, []byte(text)) }

var ecdsaSHA256 = element(tags.SEQUENCE, []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2})

// rawList is a revocation list of these parts of its contents, signed by m.
func (m maker) rawList(parts ...[]byte) []byte {
	m.t.Helper()
	content := element(tags.SEQUENCE, parts...)
	bits := append([]byte{0}, signDER(m.t, m.key, content)...)
	return element(tags.SEQUENCE, content, ecdsaSHA256, element(tags.BIT_STRING, bits))
}

// version1 is a list of version 1 with these dates, that revokes the serial.
func (m maker) version1(from, to []byte, serial int64) []byte {
	entries := element(tags.SEQUENCE, element(tags.SEQUENCE, number(serial), utc("260101000000Z")))
	return m.rawList(ecdsaSHA256, m.cert.RawSubject, from, to, entries)
}

func listPEM(der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: typeCRL, Bytes: der}) }

// TestListsOfTheField: lists that OpenSSL makes and takes, and crypto/x509 does
// not read. Each revokes serial number -42.
func TestListsOfTheField(t *testing.T) {
	ca := newMaker(t, "CA")
	good := ca.client(&x509.Certificate{SerialNumber: big.NewInt(42)})
	revoked, err := x509.ParseCertificate(edited(t, good, ca.key, func(o *outline) { o.serial = number(-42) }))
	if err != nil {
		t.Fatal(err)
	}
	from, to := utc("260601110000Z"), utc("260601130000Z")
	for name, der := range map[string][]byte{
		"version 1":           ca.version1(from, to, -42),
		"no zone":             ca.version1(utc("260601110000"), generalized("20260601130000"), -42),
		"no seconds":          ca.version1(utc("2606011100Z"), generalized("202606011300Z"), -42),
		"offsets":             ca.version1(utc("260601160000+0600"), generalized("20260601083000.5-0430"), -42),
		"hours alone":         ca.version1(from, generalized("2026060113Z"), -42),
		"no end":              ca.version1(from, nil, -42),
		"issuer spelt anew":   ca.rawList(ecdsaSHA256, commonNameOf(bmpString, "\x00c\x00A\x00 "), from, to, element(tags.SEQUENCE, element(tags.SEQUENCE, number(-42), from))),
		"issuer of odd chars": newOddMaker(t, ca).version1(from, to, -42),
	} {
		lists, err := ParseRevocationLists(listPEM(der))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		issuer := ca.cert
		if strings.HasPrefix(name, "issuer of") {
			issuer = newOddMaker(t, ca).cert
		}
		if err := CheckRevoked([]*x509.Certificate{good, issuer}, lists, noon); err != nil {
			t.Errorf("%s: one that is not listed: %v", name, err)
		}
		if err := CheckRevoked([]*x509.Certificate{revoked, issuer}, lists, noon); !errors.As(err, new(*RevokedError)) {
			t.Errorf("%s: one that is listed: %v", name, err)
		}
		if err := CheckRevoked([]*x509.Certificate{good, issuer}, lists, noon.Add(2*time.Hour)); name != "no end" && !errors.As(err, new(*ListError)) {
			t.Errorf("%s: past its end: %v", name, err)
		}
	}
}

// newOddMaker is m under a name with characters that its string type does not
// allow.
func newOddMaker(t testing.TB, m maker) maker {
	odd, err := readCertificate(edited(t, m.cert, m.key, func(o *outline) {
		o.subject = commonNameOf(tags.PrintableString, "a_b@c")
		o.issuer = o.subject
	}))
	if err != nil {
		t.Fatal(err)
	}
	m.cert = odd
	return m
}

// TestListsThatCannotStand: what is refused with its reason, since who is
// revoked could not be said for certain.
func TestListsThatCannotStand(t *testing.T) {
	ca := newMaker(t, "CA")
	critical := []byte{1, 1, 0xff}
	extension := func(id byte, value []byte, flags ...byte) []byte {
		return element(tags.SEQUENCE, []byte{6, 3, 0x55, 0x1d, id}, flags, element(tags.OCTET_STRING, value))
	}
	list := func(entry, own []byte) []byte {
		entries := element(tags.SEQUENCE, element(tags.SEQUENCE, number(42), utc("260101000000Z"), entry))
		return listPEM(ca.rawList(number(1), ecdsaSHA256, ca.cert.RawSubject, utc("260601110000Z"), utc("260601130000Z"), entries,
			element(tags.Tag(0).Constructed().ContextSpecific(), element(tags.SEQUENCE, own))))
	}
	yes := func(n uint8) []byte { return element(tags.Tag(n).ContextSpecific(), []byte{0xff}) }
	scope := func(n uint8) []byte { return extension(28, element(tags.SEQUENCE, yes(n)), critical...) }
	for _, c := range []struct {
		name string
		text []byte
		want string // "": it is taken
	}{
		{"number", list(nil, extension(20, number(7))), ""},
		{"for users", list(nil, scope(1)), ""},
		{"for authorities", list(nil, scope(2)), ""},
		{"indirect", list(nil, scope(4)), "several authorities (an indirect list)"},
		{"for attributes", list(nil, scope(5)), "attribute certificates"},
		{"delta", list(nil, extension(27, number(6), critical...)), "only what changed since another list (a delta list)"},
		{"unknown", list(nil, extension(99, number(6))), ""},
		{"unknown and critical", list(nil, extension(99, number(6), critical...)), "the extension 2.5.29.99, which is critical and not supported"},
		{"entry's unknown and critical", list(element(tags.SEQUENCE, extension(99, number(6), critical...)), extension(20, number(7))), "entry 1: it has the extension 2.5.29.99"},
		{"entry of another issuer", list(element(tags.SEQUENCE, extension(29, element(tags.SEQUENCE), critical...)), extension(20, number(7))), "indirect"},
	} {
		lists, err := ParseRevocationLists(c.text)
		if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) || c.want == "" && err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if err == nil && CheckRevoked([]*x509.Certificate{ca.client(&x509.Certificate{}), ca.cert}, lists, noon) == nil {
			t.Errorf("%s: what it lists is let in", c.name)
		}
	}
	back := list(element(tags.SEQUENCE, extension(21, []byte{10, 1, 8})), extension(20, number(7)))
	lists, err := ParseRevocationLists(back)
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckRevoked([]*x509.Certificate{ca.client(&x509.Certificate{}), ca.cert}, lists, noon); err != nil {
		t.Errorf("removed from the list: %v", err)
	}
}

// TestListsOfOneName: whose a list is, its signature says.
func TestListsOfOneName(t *testing.T) {
	before, after := noon.Add(-time.Hour), noon.Add(time.Hour)
	old, anew := newMaker(t, "CA"), newMaker(t, "CA")
	ofOld, ofNew := old.client(&x509.Certificate{}), anew.client(&x509.Certificate{})
	roots := []*x509.Certificate{old.cert, anew.cert}
	for _, c := range []struct {
		name         string
		lists        []byte
		oldIn, newIn bool
	}{
		{"both", append(old.list(before, after), anew.list(before, after, 42)...), true, false},
		{"both, without key ids", append(listPEM(old.version1(utc("260601110000Z"), nil, 7)), listPEM(anew.version1(utc("260601110000Z"), nil, 42))...), true, false},
		{"one alone", anew.list(before, after, 42), true, false},
		{"one too old, one in force", append(anew.list(before, noon.Add(-time.Minute)), anew.list(before, after)...), true, true},
	} {
		lists, err := ParseRevocationLists(c.lists)
		if err != nil {
			t.Fatal(err)
		}
		for _, leaf := range []struct {
			chain []*x509.Certificate
			in    bool
		}{{[]*x509.Certificate{ofOld, old.cert}, c.oldIn}, {[]*x509.Certificate{ofNew, anew.cert}, c.newIn}} {
			if err := CheckRevoked(leaf.chain, lists, noon, roots...); (err == nil) != leaf.in {
				t.Errorf("%s: %v, want in: %v", c.name, err, leaf.in)
			}
		}
	}
	lists, err := ParseRevocationLists(anew.list(before, after))
	if err != nil {
		t.Fatal(err)
	}
	if left := Unlisted(roots, lists); len(left) != 1 || left[0] != old.cert {
		t.Errorf("%d authorities without a list", len(left))
	}
}

// TestListText: the ways in which lists lie in files.
func TestListText(t *testing.T) {
	text := newMaker(t, "CA").list(noon, noon)
	block, _ := pem.Decode(text)
	for name, text := range map[string][]byte{
		"DER": block.Bytes, "text before": append([]byte("Certificate Revocation List (CRL):\n    Version 2\n"), text...),
		"CRLF": bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")), "BOM": append([]byte("\ufeff"), text...),
		"behind a certificate on one line": append(bytes.TrimSpace(encodeCertificate(newMaker(t, "x").cert)), text...),
		"something behind its end":         append(bytes.TrimSpace(text), "  # ours"...),
	} {
		if lists, err := ParseRevocationLists(text); err != nil || len(lists) != 1 {
			t.Errorf("%s: %d lists, %v", name, len(lists), err)
		}
	}
}

// TestOpenSSLVersion1List: one as `openssl ca -gencrl` makes it, over SHA-1.
func TestOpenSSLVersion1List(t *testing.T) {
	lists, err := ParseRevocationLists(fixture(t, "version1.crl"))
	if err != nil {
		t.Fatal(err)
	}
	ca := fixtureCert(t, "rsa.crt")
	leaf := fixtureCert(t, "sha224-leaf.crt") // of the same serial number
	if err := CheckRevoked([]*x509.Certificate{leaf, ca}, lists, later); !errors.As(err, new(*RevokedError)) {
		t.Errorf("listed: %v", err)
	}
	if err := CheckRevoked([]*x509.Certificate{ca, ca}, lists, later); err != nil {
		t.Errorf("not listed: %v", err)
	}
}

// TestAuthoritiesOfNoUse: they are named with the reason, and the others serve.
func TestAuthoritiesOfNoUse(t *testing.T) {
	good := newMaker(t, "good")
	for name, want := range map[string]string{
		"brainpool.crt": `"CN=brainpool" cannot be used here: its key is on the curve brainpoolP256r1`, "secp256k1.crt": "the curve secp256k1",
		"ed448.crt": "Ed448", "explicit-brainpool.crt": "written out (explicit parameters)", "trusted-server.crt": "TRUSTED CERTIFICATE",
		"version1.crl": "",
	} {
		certs, faults, err := ParseAuthorities(append(fixture(t, name), encodeCertificate(good.cert)...))
		if err != nil || len(certs) != 1 || !certs[0].Equal(good.cert) {
			t.Errorf("%s: %d certificates, %v", name, len(certs), err)
		}
		if want != "" && (len(faults) != 1 || !strings.Contains(faults[0].Error(), want)) {
			t.Errorf("%s: %v", name, faults)
		}
		if _, _, err = ParseAuthorities(fixture(t, name)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s alone: %v", name, err)
		}
	}
	for _, name := range []string{"explicit.crt", "trusted-alias.crt", "psskey.crt"} {
		if certs, faults, err := ParseAuthorities(fixture(t, name)); err != nil || len(certs) != 1 || len(faults) > 0 {
			t.Errorf("%s: %v, %v", name, faults, err)
		}
	}
	odd := edited(t, &x509.Certificate{Raw: decodeAll(fixture(t, "ed448.crt"))[0].Bytes}, good.key, func(o *outline) { o.subject = commonNameOf(tags.PrintableString, "a_b") })
	if _, _, err := ParseAuthorities(certificatePEM(odd)); err == nil || !strings.Contains(err.Error(), `"CN=a_b" cannot be used here: its key is of the kind Ed448`) {
		t.Errorf("a name of an odd spelling over a key of no use: %v", err)
	}
	if _, _, err := ParseAuthorities(bytes.TrimSuffix(encodeCertificate(good.cert), []byte("-----\n"))); err == nil {
		t.Error("a bundle that is cut short was taken")
	}
}

// TestSignaturesOfTheField: ways over signatures that crypto/x509 does not check.
func TestSignaturesOfTheField(t *testing.T) {
	for _, c := range []struct {
		leaf, ca string
		weak     bool
		want     string
	}{
		{"pss-leaf.crt", "rsa.crt", false, ""},
		{"sha224-leaf.crt", "rsa.crt", false, ""},
		{"psskey-leaf.crt", "psskey.crt", false, ""},
		{"explicit-leaf.crt", "explicit.crt", false, ""},
		{"sha1-leaf.crt", "rsa.crt", true, ""},
		{"md5-leaf.crt", "rsa.crt", true, ""},
		{"sha1-leaf.crt", "rsa.crt", false, `"CN=sha1-leaf" is signed over SHA-1, which can be forged`},
		{"md5-leaf.crt", "rsa.crt", false, "is signed over MD5"},
		{"pss-mask-leaf.crt", "rsa.crt", true, "whose mask (MGF1) uses another hash"},
		{"sha1-leaf.crt", "psskey.crt", true, "was signed by"},
	} {
		leaf, ca := fixtureCert(t, c.leaf), fixtureCert(t, c.ca)
		way, err := Verifier{Authorities: []*x509.Certificate{ca}, Weak: c.weak}.Chain([]*x509.Certificate{leaf}, later, ClientUsage)
		if got := Explain(err, later); c.want != "" && !strings.Contains(got, c.want) || (c.want == "") != (err == nil) {
			t.Errorf("%s, weak %v: %s", c.leaf, c.weak, got)
		}
		if err == nil && (len(way) != 2 || way[0] != leaf || way[1] != ca) {
			t.Errorf("%s: a way of %d certificates", c.leaf, len(way))
		}
	}
}

// TestFieldSignaturesForged: a signature that only looks like one of those is
// refused, and so is what else a way may not have.
func TestFieldSignaturesForged(t *testing.T) {
	ca := fixtureCert(t, "rsa.crt")
	for _, name := range []string{"pss-leaf.crt", "sha224-leaf.crt", "sha1-leaf.crt", "md5-leaf.crt"} {
		der := bytes.Clone(fixtureCert(t, name).Raw)
		der[len(der)-20] ^= 1 // in its signature
		forged, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		v := Verifier{Authorities: []*x509.Certificate{ca}, Weak: true}
		if _, err := v.Chain([]*x509.Certificate{forged}, later, ClientUsage); err == nil {
			t.Errorf("%s: a forged signature was taken", name)
		}
		good := fixtureCert(t, name)
		if _, err := v.Chain([]*x509.Certificate{good}, later, ServerUsage); err == nil {
			t.Errorf("%s: a client's certificate was taken for a server's", name)
		}
		if _, err := v.Chain([]*x509.Certificate{good}, later.AddDate(200, 0, 0), ClientUsage); Alert(err) != alertExpired {
			t.Errorf("%s: after its end: %v", name, err)
		}
		if _, err := (Verifier{Authorities: []*x509.Certificate{good}, Weak: true}).Chain([]*x509.Certificate{fixtureCert(t, "psskey-leaf.crt")}, later, ClientUsage); err == nil {
			t.Errorf("%s: another authority's certificate was taken", name)
		}
	}
}

// TestWayOverOddName: what an authority signed names it in other string types.
// A client's certificate signs for nobody, and an authority whose time is over
// is named.
func TestWayOverOddName(t *testing.T) {
	ca := newMaker(t, "CA")
	leaf, err := x509.ParseCertificate(edited(t, ca.client(&x509.Certificate{}), ca.key, func(o *outline) { o.issuer = commonNameOf(bmpString, "\x00C\x00a") }))
	if err != nil {
		t.Fatal(err)
	}
	chain, roots := []*x509.Certificate{leaf}, []*x509.Certificate{ca.cert}
	if err := Verify(chain, roots, noon, ClientUsage); err != nil {
		t.Error(err)
	}
	between := ca.client(&x509.Certificate{Subject: pkix.Name{CommonName: "no authority"}})
	under := maker{t: t, cert: between, key: ca.key}.client(&x509.Certificate{Subject: pkix.Name{CommonName: "eve"}})
	err = Verify([]*x509.Certificate{under, between}, roots, noon, ClientUsage)
	if got := Explain(err, noon); !strings.Contains(got, `"CN=no authority" signed a certificate but is no authority`) || Alert(err) != alertUnknownCA {
		t.Errorf("alert %d: %s", Alert(err), got)
	}
	short := newMaker(t, "short")
	short.cert = short.sign(&x509.Certificate{SerialNumber: big.NewInt(9), Subject: pkix.Name{CommonName: "short"}, IsCA: true, BasicConstraintsValid: true}, short.key.Public())
	long, err := x509.ParseCertificate(edited(t, short.client(&x509.Certificate{}), short.key, func(o *outline) {
		o.validity = element(tags.SEQUENCE, utc("260101000000Z"), utc("300101000000Z"))
	}))
	if err != nil {
		t.Fatal(err)
	}
	err = Verify([]*x509.Certificate{long}, []*x509.Certificate{short.cert}, noon.AddDate(0, 0, 1), ClientUsage)
	if got := Explain(err, noon.AddDate(0, 0, 1)); !strings.Contains(got, `"CN=short" expired`) || Alert(err) != alertExpired {
		t.Errorf("alert %d: %s", Alert(err), got)
	}
}

// TestOwnCertificateSpeltOddly: what this side shows need not be to crypto/x509's
// taste; its bytes are sent as they are.
func TestOwnCertificateSpeltOddly(t *testing.T) {
	ca := newMaker(t, "CA")
	key, err := (&Authority{key: ca.key, cert: ca.cert}).KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	leaf := ca.client(&x509.Certificate{Subject: pkix.Name{CommonName: "ada"}})
	for name, c := range map[string]struct {
		edit func(*outline)
		want string
	}{
		"PrintableString": {func(o *outline) { o.subject = commonNameOf(tags.PrintableString, "ada@example_org") }, "CN=ada@example_org"},
		"IA5String":       {func(o *outline) { o.subject = commonNameOf(tags.IA5String, "адa") }, "CN=адa"},
		"NumericString":   {func(o *outline) { o.subject = commonNameOf(numericString, "12a") }, "CN=12a"},
		"UTF8String":      {func(o *outline) { o.subject = commonNameOf(tags.UTF8String, "M\xfcnchen") }, "CN=M\uFFFDnchen"},
		"UniversalString": {func(o *outline) { o.subject = commonNameOf(universalString, "\x00\x00\x00a\x00\x01\xF6\x00") }, "CN=a😀"},
		"BMPString":       {func(o *outline) { o.subject = commonNameOf(bmpString, "\x04\x10\x00b") }, "CN=Аb"},
		"T61String":       {func(o *outline) { o.subject = commonNameOf(tags.T61String, "M\xfcller") }, "CN=Müller"},
		"dates":           {func(o *outline) { o.validity = element(tags.SEQUENCE, utc("2601010000"), utc("300101000000+0100")) }, "CN=ada"},
		"negative serial": {func(o *outline) { o.serial = number(-7) }, "CN=ada"},
		"zero serial":     {func(o *outline) { o.serial = number(0) }, "CN=ada"},
		"overlong serial": {func(o *outline) { o.serial = element(tags.INTEGER, bytes.Repeat([]byte{0x7f}, 40)) }, "CN=ada"},
	} {
		der := edited(t, leaf, ca.key, c.edit)
		id, err := ParseIdentity(certificatePEM(append(der, "trailing"...)), key)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !bytes.Equal(id.Certificate[0], der) || Subject(id.Leaf) != c.want {
			t.Errorf("%s: subject %q, bytes as they were: %v", name, Subject(id.Leaf), bytes.Equal(id.Certificate[0], der))
		}
		if err := id.Leaf.CheckSignatureFrom(ca.cert); err != nil {
			t.Errorf("%s: signature: %v", name, err)
		}
		if name == "dates" && (!id.Leaf.NotBefore.Equal(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) || !id.Leaf.NotAfter.Equal(time.Date(2029, 12, 31, 23, 0, 0, 0, time.UTC))) {
			t.Errorf("from %v to %v", id.Leaf.NotBefore, id.Leaf.NotAfter)
		}
		if raw, issuer := IssuerOf(der); issuer != "CN=CA" || !bytes.Equal(raw, ca.cert.RawSubject) {
			t.Errorf("%s: issuer %q", name, issuer)
		}
	}
}

// TestExplicitKeys: a key whose curve is written out, in both formats.
func TestExplicitKeys(t *testing.T) {
	for _, name := range []string{"explicit.key", "explicit-sec1.key"} {
		id, err := ParseIdentity(fixture(t, "explicit.crt"), fixture(t, name))
		if err != nil || id.Leaf.PublicKey.(*ecdsa.PublicKey).Curve != elliptic.P256() {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, want := range map[string]string{"ed448.key": "Ed448", "brainpool.key": "brainpoolP256r1"} {
		if _, err := ParseKey(fixture(t, name)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestReasons: what crypto/tls says of a peer's certificate, in words with a
// cure; the texts are the library's own.
func TestReasons(t *testing.T) {
	ca := newMaker(t, "CA")
	leaf := ca.client(&x509.Certificate{Subject: pkix.Name{CommonName: "ada"}})
	explicit, err := parseOutline(decodeAll(fixture(t, "explicit.crt"))[0].Bytes)
	if err != nil {
		t.Fatal(err)
	}
	for want, edit := range map[string]func(*outline){
		"string_mask = utf8only": func(o *outline) { o.subject = commonNameOf(tags.PrintableString, "a_b") },
		"it is for ASCII alone":  func(o *outline) { o.issuer = commonNameOf(tags.IA5String, "ö") },
		"NumericString":          func(o *outline) { o.issuer = commonNameOf(numericString, "x") },
		"utf8 = yes":             func(o *outline) { o.subject = commonNameOf(tags.UTF8String, "\xff") },
		"UCS-2":                  func(o *outline) { o.subject = commonNameOf(bmpString, "\xd8\x00") },
		"UniversalString":        func(o *outline) { o.subject = commonNameOf(universalString, "\x00\x00\x00a") },
		"dates":                  func(o *outline) { o.validity = element(tags.SEQUENCE, utc("260101000000"), utc("300101000000Z")) },
		"(explicit parameters)":  func(o *outline) { o.key = explicit.key },
		"two algorithms":         func(o *outline) { o.algorithm = element(tags.SEQUENCE, []byte{6, 3, 0x2b, 0x65, 0x70}) },
		"get a fresh copy":       func(o *outline) { o.rest = []byte{0xa3, 1, 0} },
	} {
		_, err := x509.ParseCertificate(edited(t, leaf, ca.key, edit))
		if err == nil {
			t.Errorf("%s: the library took it", want)
			continue
		}
		if got := Reason(err); !strings.Contains(got, want) {
			t.Errorf("%v: %q does not say %q", err, got, want)
		}
	}
}

func TestAlert(t *testing.T) {
	a, other := newAuthority(t, "CA"), newAuthority(t, "other")
	server := issueServer(t, a, "srv")
	verify := func(root *Authority, now time.Time, u Usage) error {
		return Verify([]*x509.Certificate{server}, []*x509.Certificate{root.Certificate()}, now, u)
	}
	for want, err := range map[uint8]error{
		alertUnknownCA: verify(other, epoch, ServerUsage), alertExpired: verify(a, epoch.AddDate(3, 0, 0), ServerUsage),
		alertUnsupported: verify(a, epoch, ClientUsage), alertRevoked: &RevokedError{Cert: server}, alertCertificateUnknown: &NameError{},
		alertBadCertificate: &WeakError{Cert: server}, alertRequired: Verify(nil, nil, epoch, ServerUsage),
	} {
		if got := Alert(err); got != want {
			t.Errorf("alert %d for %v, want %d", got, err, want)
		}
	}
}

// TestMadeSeedIsFixed: a seed of FuzzReadCertificate that is made is the same in each run.
func TestMadeSeedIsFixed(t *testing.T) {
	const want = "05f0ba52c83820cd2b9d094c9886e5a594ea02b1f4f5f949b447c5b082fb0d70"
	cert := newOddMaker(t, fixtureMaker(t)).cert
	if got := fmt.Sprintf("%x", sha256.Sum256(cert.Raw)); got != want {
		t.Errorf("a certificate of SHA-256 %s, want %s", got, want)
	}
	if err := checkSignature(cert, cert, true); err != nil {
		t.Error(err)
	}
}

func FuzzReadCertificate(f *testing.F) {
	for _, name := range []string{"explicit.crt", "brainpool.crt", "psskey.crt", "pss-leaf.crt", "ed448.crt"} {
		f.Add(decodeAll(fixture(f, name))[0].Bytes)
	}
	f.Add(newOddMaker(f, fixtureMaker(f)).cert.Raw)
	f.Fuzz(func(t *testing.T, der []byte) {
		cert, err := readCertificate(der)
		if err == nil && (cert.PublicKey == nil && publicKey(cert) == nil || !bytes.HasPrefix(der, cert.Raw)) {
			t.Error("a certificate that is none")
		}
		if o, err := parseOutline(der); err == nil {
			again, err := o.appendDER(nil)
			if second, bad := parseOutline(again); err != nil || bad != nil || !bytes.Equal(second.rest, o.rest) || !bytes.Equal(second.subject, o.subject) {
				t.Errorf("put together again: %v, %v", err, bad)
			}
		}
		if cert != nil {
			checkSignature(cert, cert, true)
		}
	})
}

func FuzzParseName(f *testing.F) {
	f.Add(commonNameOf(tags.UTF8String, "ada"), commonNameOf(bmpString, "\x00a\x00d"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if name, err := parseName(a); err == nil {
			nameString(name)
			if !sameName(a, a) || sameName(a, b) != sameName(b, a) {
				t.Error("no comparison")
			}
		}
		respellName(a)
	})
}

func FuzzParseScheme(f *testing.F) {
	for _, name := range []string{"pss-leaf.crt", "pss-mask-leaf.crt", "sha1-leaf.crt"} {
		s, _, err := parseSigned(decodeAll(fixture(f, name))[0].Bytes)
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(s.algorithm))
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		if s, err := parseScheme(der); err == nil && s.hash != 0 && !s.hash.Available() {
			t.Errorf("%v: a hash that is not there", s)
		}
		namedCurve(der)
		parseExplicitKey(der)
		keyAlgorithm(der)
	})
}
