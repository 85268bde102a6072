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

// selfSigned makes a certificate with a subject and usages of the test's choice.
func selfSigned(t *testing.T, template x509.Certificate) *x509.Certificate {
	t.Helper()
	template.SerialNumber = big.NewInt(7)
	template.NotBefore, template.NotAfter = epoch, epoch.Add(day)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := sign(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestSubject(t *testing.T) {
	str := func(oid asn1.ObjectIdentifier, v string) pkix.AttributeTypeAndValue {
		return pkix.AttributeTypeAndValue{Type: oid, Value: v}
	}
	raw, err := asn1.Marshal(pkix.RDNSequence{
		{str(asn1.ObjectIdentifier{2, 5, 4, 6}, "KG")},
		{str(asn1.ObjectIdentifier{2, 5, 4, 7}, "Bi, shkek")},
		{str(asn1.ObjectIdentifier{2, 5, 4, 10}, "Mü \"q\"")},
		{str(asn1.ObjectIdentifier{2, 5, 4, 3}, `a\b`+"\n"), str(asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}, "12")},
		{str(asn1.ObjectIdentifier{1, 2, 3, 4}, "odd")},
		{str(asn1.ObjectIdentifier{2, 5, 4, 15}, "b")},
		{str(asn1.ObjectIdentifier{2, 5, 4, 3}, "last")},
	})
	if err != nil {
		t.Fatal(err)
	}
	cert := selfSigned(t, x509.Certificate{RawSubject: raw})
	const want = `C=KG, L=Bi, shkek, O=Mü "q", CN=a\\b\0A + UID=12, 1.2.3.4=odd, businessCategory=b, CN=last`
	if got := Subject(cert); got != want {
		t.Errorf("Subject:\n got %s\nwant %s", got, want)
	}
	if got := CommonName(cert); got != "last" {
		t.Errorf("CommonName %q, want the last", got)
	}
}

func TestCheckName(t *testing.T) {
	cert := selfSigned(t, x509.Certificate{Subject: pkix.Name{Country: []string{"KG"}, CommonName: "Server-1"}})
	for _, c := range []struct {
		name, typ string
		ok        bool
	}{
		{"C=KG, CN=Server-1", "subject", true},
		{"C=KG, CN=Server-1", "", true},
		{"CN=Server-1", "subject", false},
		{"Server-1", "name", true},
		{"Server-", "name", false},
		{"server-1", "name", false},
		{"Server-", "name-prefix", true},
		{"Server-11", "name-prefix", false},
		{"", "name-prefix", false},
	} {
		err := CheckName(cert, c.name, c.typ)
		var wrong *NameError
		if (err == nil) != c.ok || err != nil && !errors.As(err, &wrong) {
			t.Errorf("%q as %q: %v", c.name, c.typ, err)
		}
	}
	err := CheckName(cert, "x", "names")
	if err == nil || !strings.Contains(err.Error(), "name-prefix") {
		t.Errorf("unknown type: %v", err)
	}
}

func TestCheckUsage(t *testing.T) {
	a := newAuthority(t, "A")
	server, client := issueServer(t, a, "s"), issueClient(t, a, "c")
	bare := selfSigned(t, x509.Certificate{Subject: pkix.Name{CommonName: "bare"}})
	for _, c := range []struct {
		cert *x509.Certificate
		want Usage
		ok   bool
	}{
		{server, ServerUsage, true}, {server, ClientUsage, false}, {server, AnyUsage, true},
		{client, ClientUsage, true}, {client, ServerUsage, false},
		{bare, AnyUsage, true}, {bare, ServerUsage, false}, {bare, ClientUsage, false},
	} {
		if err := CheckUsage(c.cert, c.want); (err == nil) != c.ok {
			t.Errorf("%s as %v: %v", Subject(c.cert), c.want, err)
		}
	}
}

func TestExplain(t *testing.T) {
	a, other := newAuthority(t, "Right CA"), newAuthority(t, "Wrong CA")
	twin := newAuthority(t, "Right CA")
	server := issueServer(t, a, "srv")
	verify := func(root *Authority, now time.Time, u Usage) error {
		return Verify([]*x509.Certificate{server}, []*x509.Certificate{root.Certificate()}, now, u)
	}
	later, before := epoch.Add(LeafLifetime+time.Hour), epoch.Add(-48*time.Hour)
	for _, c := range []struct {
		what string
		err  error
		now  time.Time
		want []string
	}{
		{"expired", verify(a, later, ServerUsage), later, []string{"expired at 2028-06-03 12:00:00 UTC", "clock says 2028-06-03 13:00:00 UTC", "issue a new one"}},
		{"not yet", verify(a, before, ServerUsage), before, []string{"not yet valid", "clock says 2026-02-27 12:00:00 UTC", "begins at 2026-03-01 11:00:00 UTC"}},
		{"wrong CA", verify(other, epoch, ServerUsage), epoch, []string{`"CN=srv"`, `"CN=Right CA"`, `"CN=Wrong CA"`, "`ca`"}},
		{"same name", verify(twin, epoch, ServerUsage), epoch, []string{"made anew", `"CN=srv"`}},
		{"wrong end", verify(a, epoch, ClientUsage), epoch, []string{"is for TLS server", "clientAuth"}},
		{"remote-cert-tls", CheckUsage(server, ClientUsage), epoch, []string{"`remote-cert-tls client`", "is for TLS server"}},
		{"name", CheckName(server, "vpn", "name"), epoch, []string{`common name "srv"`, `expected "vpn"`, `verify-x509-name "srv" name`}},
		{"nothing shown", Verify(nil, nil, epoch, ServerUsage), epoch, []string{"showed no certificate"}},
		{"anything else", errors.New("other"), epoch, []string{"other"}},
	} {
		got := Explain(c.err, c.now)
		for _, w := range c.want {
			if !strings.Contains(got, w) {
				t.Errorf("%s:\n%s\ndoes not say %q", c.what, got, w)
			}
		}
	}
	if got := Explain(nil, epoch); got != "" {
		t.Errorf("no error explained as %q", got)
	}
}

// TestCheckPurpose: what a certificate states of its key must allow the end that
// it is used at; what it does not state rules nothing out.
func TestCheckPurpose(t *testing.T) {
	netscape := func(bits byte) []pkix.Extension {
		value, err := asn1.Marshal(asn1.BitString{Bytes: []byte{bits}, BitLength: 8})
		if err != nil {
			t.Fatal(err)
		}
		return []pkix.Extension{{Id: nsCertTypeOID, Value: value}}
	}
	eku := func(u ...x509.ExtKeyUsage) x509.Certificate { return x509.Certificate{ExtKeyUsage: u} }
	for _, c := range []struct {
		what           string
		template       x509.Certificate
		client, server bool
	}{
		{"nothing stated", x509.Certificate{}, true, true},
		{"digitalSignature", x509.Certificate{KeyUsage: x509.KeyUsageDigitalSignature}, true, true},
		{"keyAgreement", x509.Certificate{KeyUsage: x509.KeyUsageKeyAgreement}, true, true},
		{"keyEncipherment", x509.Certificate{KeyUsage: x509.KeyUsageKeyEncipherment}, false, true},
		{"keyCertSign", x509.Certificate{KeyUsage: x509.KeyUsageCertSign}, false, false},
		{"clientAuth", eku(x509.ExtKeyUsageClientAuth), true, false},
		{"serverAuth", eku(x509.ExtKeyUsageServerAuth), false, true},
		{"both", eku(x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth), true, true},
		{"any", eku(x509.ExtKeyUsageAny), false, false},
		{"any and clientAuth", eku(x509.ExtKeyUsageAny, x509.ExtKeyUsageClientAuth), true, false},
		{"an unknown one", x509.Certificate{UnknownExtKeyUsage: []asn1.ObjectIdentifier{{1, 2, 3}}}, false, false},
		{"Netscape client", x509.Certificate{ExtraExtensions: netscape(0x80)}, true, false},
		{"Netscape server", x509.Certificate{ExtraExtensions: netscape(0x40)}, false, true},
	} {
		c.template.Subject.CommonName = "peer"
		cert := selfSigned(t, c.template)
		for usage, ok := range map[Usage]bool{ClientUsage: c.client, ServerUsage: c.server} {
			err := CheckPurpose(cert, usage)
			if (err == nil) != ok || err != nil && !errors.As(err, new(*PurposeError)) {
				t.Errorf("%s for a %v: %v", c.what, usage, err)
			}
		}
	}
}
