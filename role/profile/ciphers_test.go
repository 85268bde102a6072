package profile

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"strings"
	"testing"

	"culvert/config"
)

const (
	ecdsa256 = tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
	rsa256   = tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
	rsaCBC   = tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA
	ecdsaCBC = tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA
	static   = tls.TLS_RSA_WITH_AES_256_GCM_SHA384
)

// TestCipherLists: lists of the field, in OpenSSL's language and by names.
func TestCipherLists(t *testing.T) {
	for list, want := range map[string]struct {
		ids    []uint16 // nil: the defaults
		none   bool
		level  int
		remark string // "": none
	}{
		"DEFAULT":                       {level: -1},
		"HIGH:!aNULL:!eNULL":            {level: -1},
		"!aNULL:!MD5":                   {level: -1},
		"DEFAULT:@SECLEVEL=0":           {level: 0},
		"@SECLEVEL=1:@STRENGTH":         {level: 1},
		"DEFAULT:@SECLEVEL=9":           {level: -1, remark: "from 0 to 5"},
		"DEFAULT:!EXP:!LOW:!MEDIUM:!DH": {level: -1},
		"DEFAULT:!DHE:!PSK:-SRP:+RC4":   {level: -1},
		"TLS-ECDHE-RSA-WITH-AES-256-GCM-SHA384:TLS-ECDHE-RSA-WITH-AES-256-CBC-SHA384": {ids: []uint16{rsa256}, level: -1, remark: "AES-256-CBC-SHA384 not available here, and left out; in use: TLS-ECDHE-RSA-WITH-AES-256-GCM-SHA384"},
		"ecdhe-rsa-aes256-gcm-sha384":                      {ids: []uint16{rsa256}, level: -1},
		"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384":            {ids: []uint16{rsa256}, level: -1},
		"ECDHE+AESGCM+AES256":                              {ids: []uint16{rsa256, ecdsa256}, level: -1},
		"ECDHE+AESGCM+AES256,DHE+AESGCM":                   {ids: []uint16{rsa256, ecdsa256}, level: -1},
		"kEECDH+AES256:!aRSA":                              {ids: []uint16{ecdsa256, ecdsaCBC}, level: -1},
		"!ECDSA:AES256:!AESGCM":                            {ids: []uint16{rsaCBC}, level: -1},
		"DHE-RSA-AES256-SHA:DHE-RSA-CAMELLIA256-SHA":       {ids: []uint16{rsa256, ecdsa256, rsaCBC, ecdsaCBC}, level: -1, remark: "(ECDHE) are offered in its place"},
		"TLS-DHE-RSA-WITH-AES-256-GCM-SHA384:!ECDSA":       {ids: []uint16{rsa256, rsaCBC}, level: -1, remark: "(ECDHE)"},
		"TLS-RSA-WITH-AES-256-GCM-SHA384":                  {ids: []uint16{static}, level: -1, remark: "key exchange by RSA alone"},
		"AES256-GCM-SHA384":                                {ids: []uint16{static}, level: -1, remark: "key exchange by RSA alone"},
		"ALL:!RSA":                                         {level: -1},
		"RSA+AESGCM+AES256":                                {ids: []uint16{static}, level: -1, remark: "key exchange by RSA alone"},
		"PSK-AES256-CBC-SHA:TLS-RSA-WITH-3DES-EDE-CBC-SHA": {none: true, level: -1},
		"TLS-DHE-RSA-WITH-CAMELLIA-256-CBC-SHA":            {none: true, level: -1},
		"TLS_AES_256_GCM_SHA384":                           {none: true, level: -1},
		"HIGH:nonsense":                                    {level: -1, remark: "nonsense not available here"},
		"HIGH:@NONSENSE":                                   {level: -1, remark: "@NONSENSE is not known here"},
	} {
		got := parseCiphers(strings.Split(list, ":"))
		slices.Sort(want.ids)
		if !slices.Equal(got.ids, want.ids) || (got.ids == nil) != (want.ids == nil) || got.none != want.none || got.level != want.level {
			t.Errorf("%s: suites %x, none %v, level %d; want %x", list, got.ids, got.none, got.level, want.ids)
		}
		if text := strings.Join(got.remarks, "\n"); (text == "") != (want.remark == "") || !strings.Contains(text, want.remark) {
			t.Errorf("%s: remarks %q", list, text)
		}
	}
}

// TestNoSuiteLeft: TLS 1.3 is a way as well, where it is allowed.
func TestNoSuiteLeft(t *testing.T) {
	var heard []string
	got, err := TLS(clientConfig(t, "tls-cipher PSK-AES256-CBC-SHA"), false, func(text string) { heard = append(heard, text) })
	if err != nil || got.MinVersion != tls.VersionTLS13 || !strings.Contains(strings.Join(heard, "\n"), "only TLS 1.3 is offered") {
		t.Errorf("%v, %q", err, heard)
	}
	if got, err := TLS(clientConfig(t, "ecdh-curve sect571r1"), false, unheard); err != nil || got.CurvePreferences != nil {
		t.Errorf("an unknown curve: %v", err)
	}
	if got, err := TLS(clientConfig(t, "ecdh-curve secp384r1"), false, unheard); err != nil || !slices.Equal(got.CurvePreferences, []tls.CurveID{tls.CurveP384}) {
		t.Errorf("a known curve: %v", err)
	}
}

func TestCertProfile(t *testing.T) {
	for _, c := range []struct {
		profile string
		level   int
		want    string
		loud    bool
	}{
		{"legacy", -1, "legacy", false}, {"legacy", 1, "legacy", false}, {"legacy", 0, "insecure", true}, {"insecure", -1, "insecure", true},
		{"legacy", 2, "preferred", false}, {"legacy", 3, "preferred", true}, {"preferred", 0, "preferred", false}, {"suiteb", 0, "suiteb", false},
	} {
		said := ""
		got := certProfile(c.profile, c.level, func(text string) { said += text })
		if got != c.want || (said != "") != c.loud {
			t.Errorf("%s at level %d: %s, warned %q", c.profile, c.level, got, said)
		}
		if got == insecure && !strings.Contains(said, "over MD5, or by RSA-PSS over SHA-1, does not come in") {
			t.Errorf("what is not taken all the same: %q", said)
		}
	}
}

// TestCertificateAlwaysShown: a list of authorities that does not name ours is
// said, once, and the certificate shown all the same.
func TestCertificateAlwaysShown(t *testing.T) {
	var heard []string
	settings, err := TLS(clientConfig(t, ""), false, func(text string) { heard = append(heard, text) })
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(settings.Certificates[0].Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	other := newWorld(t).ca.RawSubject
	for _, c := range []struct {
		authorities [][]byte
		said        int // in all, by then
	}{{nil, 0}, {[][]byte{other, leaf.RawIssuer}, 0}, {[][]byte{other}, 1}, {[][]byte{other}, 1}} {
		shown, err := settings.GetClientCertificate(&tls.CertificateRequestInfo{AcceptableCAs: c.authorities})
		if err != nil || len(shown.Certificate) == 0 || len(heard) != c.said {
			t.Errorf("%d authorities: %v, heard %q", len(c.authorities), err, heard)
		}
	}
	if text := strings.Join(heard, ""); !strings.Contains(text, `takes those of "CN=CA"`) || !strings.Contains(text, "is of the authority") {
		t.Errorf("heard %q", text)
	}
}

// TestAuthorityOfNoUse: it does not keep a start from happening.
func TestAuthorityOfNoUse(t *testing.T) {
	w := newWorld(t)
	bad := []byte("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n")
	w.config.Trust.CA = &config.File{Inline: true, Text: append(bad, certPEM(w.ca)...), Pos: config.Pos{File: "x.conf", Line: 3}}
	w.expect(w.server()(), "")
	if text := strings.Join(w.remembers, "\n"); !strings.Contains(text, "x.conf:3: ca: the inline block: an authority is left out") {
		t.Errorf("heard %q", text)
	}
	w.config.Trust.CA.Text = bad
	_, err := TLS(w.config, true, nil)
	w.expect(err, "x.conf:3: ca")
}

func FuzzParseCiphers(f *testing.F) {
	f.Add("ECDHE+AESGCM:!aNULL:@SECLEVEL=0")
	f.Add("+:!:-:@:,")
	f.Fuzz(func(t *testing.T, text string) {
		names := slices.DeleteFunc(strings.Split(text, ":"), func(s string) bool { return s == "" })
		if list := parseCiphers(names); list.none && list.ids != nil {
			t.Errorf("%q: none, and %x", text, list.ids)
		}
	})
}
