package pki

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	tags "golang.org/x/crypto/cryptobyte/asn1"
)

// TestProfileBounds: the least key that each profile takes, the one below it,
// and which signatures of a chain count.
func TestProfileBounds(t *testing.T) {
	rsaKey := func(bits uint) any { return &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), bits-1), E: 65537} }
	ecKey := func(c elliptic.Curve) any { return &ecdsa.PublicKey{Curve: c} }
	with := func(key any, by x509.SignatureAlgorithm) *x509.Certificate {
		return &x509.Certificate{PublicKey: key, SignatureAlgorithm: by, SerialNumber: big.NewInt(1)}
	}
	good := ecKey(elliptic.P256())
	root := with(good, x509.ECDSAWithSHA512) // a root's own signature is nobody's to check
	for _, c := range []struct {
		name    string
		leaf    *x509.Certificate
		allowed string // profiles
	}{
		{"RSA 1023", with(rsaKey(1023), x509.ECDSAWithSHA256), "insecure"},
		{"RSA 1024", with(rsaKey(1024), x509.ECDSAWithSHA256), "insecure legacy"},
		{"RSA 2047", with(rsaKey(2047), x509.ECDSAWithSHA256), "insecure legacy"},
		{"RSA 2048", with(rsaKey(2048), x509.ECDSAWithSHA256), "insecure legacy preferred"},
		{"P-224", with(ecKey(elliptic.P224()), x509.ECDSAWithSHA256), "insecure legacy preferred"},
		{"P-256", with(good, x509.ECDSAWithSHA256), "insecure legacy preferred suiteb"},
		{"P-384", with(ecKey(elliptic.P384()), x509.ECDSAWithSHA384), "insecure legacy preferred suiteb"},
		{"P-521", with(ecKey(elliptic.P521()), x509.ECDSAWithSHA256), "insecure legacy preferred"},
		{"Ed25519", with(ed25519.PublicKey{}, x509.ECDSAWithSHA256), "insecure legacy preferred"},
		{"P-256 signed over SHA-512", with(good, x509.ECDSAWithSHA512), "insecure legacy preferred"},
		{"P-256 signed by RSA", with(good, x509.SHA256WithRSA), "insecure legacy preferred"},
	} {
		for _, profile := range []string{"insecure", "legacy", "preferred", "suiteb"} {
			want := strings.Contains(c.allowed, profile)
			if err := CheckProfile([]*x509.Certificate{c.leaf, root}, profile); (err == nil) != want {
				t.Errorf("%s under %s: %v", c.name, profile, err)
			}
			if err := CheckProfile([]*x509.Certificate{root, c.leaf}, profile); err == nil && !want && profile != "suiteb" {
				t.Errorf("%s as the authority under %s was taken", c.name, profile)
			}
		}
	}
}

// TestKeyUsageBits: each of the nine usages is asked for by its own bit.
func TestKeyUsageBits(t *testing.T) {
	bits := []uint16{0x80, 0x40, 0x20, 0x10, 0x08, 0x04, 0x02, 0x01, 0x8000}
	for i := range bits {
		cert := &x509.Certificate{KeyUsage: 1 << i, SerialNumber: big.NewInt(1)}
		for j, bit := range bits {
			if err := CheckKeyUsage(cert, []uint16{bit}); (err == nil) != (i == j) {
				t.Errorf("usage %d, asked for %x: %v", i, bit, err)
			}
		}
	}
	for want, err := range map[string]error{
		"has no key usage, and `remote-cert-ku` demands one":       CheckKeyUsage(&x509.Certificate{SerialNumber: new(big.Int)}, nil),
		"has key usage 80, and `remote-cert-ku` demands a0 or 08;": CheckKeyUsage(&x509.Certificate{SerialNumber: new(big.Int), KeyUsage: 1}, []uint16{0xa0, 8}),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestUsagesInWords: usages that have no name here count as such.
func TestUsagesInWords(t *testing.T) {
	server, other := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, []asn1.ObjectIdentifier{{1, 2, 3}}
	for want, cert := range map[string]*x509.Certificate{
		"no stated purpose": {}, "another purpose": {UnknownExtKeyUsage: other}, "TLS server": {ExtKeyUsage: server, UnknownExtKeyUsage: other},
		"TLS client and another purpose": {ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageCodeSigning}},
	} {
		if got := usages(cert); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestUsernameThatIsMissing: no name is taken of what is not there.
func TestUsernameThatIsMissing(t *testing.T) {
	cert := newMaker(t, "CA").client(&x509.Certificate{Subject: pkix.Name{CommonName: "ada"}})
	for _, fields := range [][]string{{"ext:subjectAltName"}, {"CN", "ext:subjectAltName"}, {"OU"}, {"OU", "CN"}} {
		if got := Username(cert, fields); got != "" {
			t.Errorf("%v: %q", fields, got)
		}
	}
}

// TestRenew: an authority renews what it issued, and nobody else's.
func TestRenew(t *testing.T) {
	a := newAuthority(t, "A")
	old := issueServer(t, a, "srv", "vpn.example.org")
	later := epoch.AddDate(1, 0, 0)
	p, err := a.Renew(rand.Reader, later, old, day, "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	certs, err := ParseCertificates(p.CertPEM)
	if err != nil {
		t.Fatal(err)
	}
	anew := certs[0]
	if !anew.PublicKey.(*ecdsa.PublicKey).Equal(old.PublicKey) || anew.SerialNumber.Cmp(old.SerialNumber) == 0 || p.KeyPEM != nil {
		t.Error("not the same key under a new number")
	}
	if Subject(anew) != Subject(old) || len(anew.DNSNames) != 1 || len(anew.IPAddresses) != 1 || !anew.NotAfter.Equal(later.Add(day)) {
		t.Errorf("%s, names %v and %v, until %v", Subject(anew), anew.DNSNames, anew.IPAddresses, anew.NotAfter)
	}
	if err := Verify(certs, []*x509.Certificate{a.Certificate()}, later, ServerUsage); err != nil {
		t.Error(err)
	}
	if _, err := newAuthority(t, "A").Renew(rand.Reader, later, old, day); err == nil {
		t.Error("another authority of that name renewed it")
	}
	if _, err := a.Renew(rand.Reader, epoch.Add(AuthorityLifetime+day), old, day); err == nil {
		t.Error("an authority past its end renewed it")
	}
	if _, err := a.Renew(rand.Reader, later, old, -day); err == nil {
		t.Error("a lifetime below nothing was taken")
	}
}

func TestLongestName(t *testing.T) {
	if cert := issueClient(t, newAuthority(t, "A"), strings.Repeat("ö", 64)); len(CommonName(cert)) != 128 {
		t.Errorf("name %q", CommonName(cert))
	}
}

// TestInstants: both sides of the century of UTCTime (RFC 5280, section
// 4.1.2.5.1), and what is no date.
func TestInstants(t *testing.T) {
	at := func(y, h int) time.Time { return time.Date(y, 1, 1, h, 0, 0, 0, time.UTC) }
	for text, want := range map[string]time.Time{
		"490101000000Z": at(2049, 0), "500101000000Z": at(1950, 0), "680101000000Z": at(1968, 0), "990101000000Z": at(1999, 0), "000101000000Z": at(2000, 0),
		"4901010000Z": at(2049, 0), "260101010000+01": at(2026, 0), "260101000000-0100": at(2026, 1),
	} {
		if got, err := parseInstant(text, "060102"); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	if got, err := parseInstant("20500101000000Z", "20060102"); err != nil || !got.Equal(at(2050, 0)) {
		t.Errorf("GeneralizedTime: %v, %v", got, err)
	}
	for _, text := range []string{"", "Z", "+0100", "49010100Z", "490101000060Z", "491301000000Z", "4901010000000Z"} {
		if got, err := parseInstant(text, "060102"); err == nil {
			t.Errorf("%q was taken for %v", text, got)
		}
	}
}

// TestMisfits: the first and last characters that each string type allows, and
// their neighbours that it does not.
func TestMisfits(t *testing.T) {
	for tag, c := range map[tags.Tag]struct{ good, bad string }{
		tags.PrintableString: {"azAZ09 '()+,-./:=?*&", "`{@[_;<>!\"#%ö"},
		tags.IA5String:       {"\x00 ~\x7f", "\u0080ö"},
		numericString:        {"0 9", "/:a"},
		tags.UTF8String:      {"\x00aö\uFFFC", "\uFFFD\xff"},
	} {
		for _, r := range c.good {
			if bad := misfit(tag, []byte(string(r))); bad != "" {
				t.Errorf("type %d, %q: %s", tag, r, bad)
			}
		}
		for _, r := range c.bad {
			if misfit(tag, []byte(string(r))) == "" {
				t.Errorf("type %d: %q was taken", tag, r)
			}
		}
	}
	for text, value := range map[string]string{nameText(bmpString, []byte("\x00a\x00")): "a", nameText(universalString, []byte("\x00\x00\x00a\x00\x00\x00")): "a"} {
		if text != value {
			t.Errorf("a string cut short: %q, want %q", text, value)
		}
	}
}

// TestBasePoint: a curve's base written in each way, one byte off, and cut.
func TestBasePoint(t *testing.T) {
	is := elliptic.P256().Params()
	x, y := is.Gx.FillBytes(make([]byte, 32)), is.Gy.FillBytes(make([]byte, 32)) // y is odd
	point := func(form byte, parts ...[]byte) []byte {
		p := []byte{form}
		for _, part := range parts {
			p = append(p, part...)
		}
		return p
	}
	for _, c := range []struct {
		point []byte
		want  bool
	}{
		{point(3, x), true}, {point(2, x), false}, {point(3, y), false}, {point(3, x, y), false}, {point(3, x, []byte{0}), false},
		{point(4, x, y), true}, {point(4, x, x), false}, {point(4, x), false}, {point(4, x, y, []byte{0}), false},
		{point(6, x, y), false}, {point(3, x[:31]), false}, {point(3), false}, {nil, false},
	} {
		if got := isBase(c.point, is, 32); got != c.want {
			t.Errorf("%x: %v", c.point, got)
		}
	}
}

// TestCofactor: it is 1 or left out on every curve known here.
func TestCofactor(t *testing.T) {
	o, err := parseOutline(decodeAll(fixture(t, "explicit.crt"))[0].Bytes)
	if err != nil {
		t.Fatal(err)
	}
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(o.key, &info); err != nil {
		t.Fatal(err)
	}
	parts, ok := strings.CutSuffix(string(info.Algorithm.Parameters.Bytes), "\x02\x01\x01")
	if !ok {
		t.Fatal("the fixture states no cofactor")
	}
	for cofactor, want := range map[string]bool{"": true, "\x02\x01\x01": true, "\x02\x01\x02": false} {
		if id, _ := namedCurve(element(tags.SEQUENCE, []byte(parts+cofactor))); (id != nil) != want {
			t.Errorf("cofactor %x: %v", cofactor, id)
		}
	}
}

// TestAffordable: the most work that a key file may ask for, and one more.
func TestAffordable(t *testing.T) {
	oid := func(id asn1.ObjectIdentifier) []byte {
		der, err := asn1.Marshal(id)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	cut := []byte{2, 4, 1} // an integer that ends before its end
	asks := func(kdf asn1.ObjectIdentifier, end []byte, costs ...int64) []byte {
		parts := [][]byte{element(tags.OCTET_STRING, []byte("salt"))}
		for _, n := range costs {
			parts = append(parts, number(n))
		}
		derivation := element(tags.SEQUENCE, oid(kdf), element(tags.SEQUENCE, append(parts, end)...))
		return element(tags.SEQUENCE, oid(pbes2OID), element(tags.SEQUENCE, derivation, element(tags.SEQUENCE, oid(kdf))))
	}
	for _, c := range []struct {
		algorithm []byte
		want      bool
	}{
		{asks(pbkdf2OID, nil, 1), true}, {asks(pbkdf2OID, nil, 0), false}, {asks(pbkdf2OID, nil, -1), false},
		{asks(pbkdf2OID, nil, maxIterations, 32), true}, {asks(pbkdf2OID, nil, maxIterations+1), false},
		{asks(pbkdf2OID, nil), false}, {asks(pbkdf2OID, cut, 2048), true}, {asks(pbkdf2OID, cut, 1<<48), false},
		{asks(scryptOID, nil, 1<<14, 8, 1), true}, {asks(scryptOID, nil, 1<<20, 4, 1), true}, {asks(scryptOID, nil, 1<<20, 4, 2), false},
		{asks(scryptOID, nil, 1<<62, 4, 1), false}, {asks(scryptOID, nil, 1<<14, 0, 1), false}, {asks(scryptOID, nil, 1<<14, 8), false},
		{asks(scryptOID, cut, 1<<14, 8, 1<<40), false}, {asks(asn1.ObjectIdentifier{1, 2, 3}, nil, 1<<40), true}, {[]byte("none"), true},
	} {
		if got := affordable(c.algorithm); got != c.want {
			t.Errorf("%x: %v", c.algorithm, got)
		}
	}
}

// TestBundles: what one authority of no use does to a bundle.
func TestBundles(t *testing.T) {
	good, bad := string(encodeCertificate(newMaker(t, "good").cert)), string(fixture(t, "brainpool.crt"))
	if _, err := ParseCertificates([]byte(good + bad)); err == nil {
		t.Error("a chain was taken without one of its certificates")
	}
	if certs, faults, err := ParseAuthorities([]byte(bad + good + bad)); err != nil || len(certs) != 1 || len(faults) != 2 {
		t.Errorf("%d authorities, %v, %v", len(certs), faults, err)
	}
	for text, want := range map[string]bool{bad: false, bad + bad: true} {
		if _, _, err := ParseAuthorities([]byte(text)); err == nil || strings.HasPrefix(err.Error(), "none of the ") != want {
			t.Errorf("%v", err)
		}
	}
	for _, kind := range []string{"CERTIFICATE", "TRUSTED CERTIFICATE", "X509 CERTIFICATE"} {
		whole := strings.ReplaceAll(good, "CERTIFICATE", kind)
		if certs, err := ParseCertificates([]byte(whole)); kind[0] != 'T' && (err != nil || len(certs) != 1) {
			t.Errorf("%s: %v", kind, err)
		}
		if _, err := ParseCertificates([]byte(whole[:len(whole)/2])); err == nil || !strings.Contains(err.Error(), "1 of 1 is cut short") {
			t.Errorf("half a %s: %v", kind, err)
		}
	}

}

// TestExplainBounds: as many authorities are named as fit on a line, and no
// certificate is blamed for an extension of another.
func TestExplainBounds(t *testing.T) {
	peer := newMaker(t, "another").client(&x509.Certificate{Subject: pkix.Name{CommonName: "ada"}})
	root := newMaker(t, "CA").cert
	for n, want := range map[int]string{0: "holds only no certificate;", 1: `holds only "CN=CA";`, 5: `"CN=CA";`, 6: `"CN=CA", 1 more;`, 8: `"CN=CA", 3 more;`} {
		var roots []*x509.Certificate
		for range n {
			roots = append(roots, root)
		}
		got := Explain(Verify([]*x509.Certificate{peer}, roots, noon, ClientUsage), noon)
		if !strings.Contains(got, want) || strings.Count(got, `"CN=CA"`) != min(n, 5) {
			t.Errorf("%d authorities: %s", n, got)
		}
	}
	odd := &x509.Certificate{RawSubject: peer.RawSubject, UnhandledCriticalExtensions: []asn1.ObjectIdentifier{{1, 2, 3}}}
	for leaf, want := range map[*x509.Certificate]string{odd: `"CN=ada" has an extension (1.2.3)`, peer: "of the peer, or of an authority between, has an extension that"} {
		if got := Explain(&ChainError{Leaf: leaf, Err: x509.UnhandledCriticalExtension{}}, noon); !strings.Contains(got, want) {
			t.Errorf("%s", got)
		}
	}
	for want, cert := range map[string]*x509.Certificate{
		"lacks basicConstraints CA:TRUE": {Version: 3, KeyUsage: x509.KeyUsageCertSign},
		"lacks keyCertSign":              {Version: 3, BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageDigitalSignature},
		"is no authority":                {Version: 3, KeyUsage: x509.KeyUsageDigitalSignature},
	} {
		if got := Explain(x509.CertificateInvalidError{Cert: cert, Reason: x509.NotAuthorizedToSign}, noon); !strings.Contains(got, want) {
			t.Errorf("%s, want %q", got, want)
		}
	}
	if got := refusal(&outline{subject: element(tags.SEQUENCE)}, errors.New("x")).Error(); !strings.HasPrefix(got, "it cannot be used") {
		t.Errorf("one without a name: %s", got)
	}
}
