package profile

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"culvert/access/pki"
	"culvert/config"
)

// aboutCert is what `openssl x509 -text` writes above a certificate.
const aboutCert = "Certificate:\n    Data:\n        Version: 3 (0x2)\n"

// filed is a client's configuration whose certificate and key are where texts of
// configurations and files, by name, say: CERT, KEY, LOCKED (the key with the passphrase
// "secret") and ABOVE (another certificate) stand for the PEM.
type filed struct {
	dir    string
	ca     *pki.Authority
	own    pki.Pair
	places *strings.Replacer
}

func newFiled(t *testing.T, files map[string]string) *filed {
	t.Helper()
	now := time.Now()
	ca, err := pki.NewAuthority(rand.Reader, now, pki.Options{Name: "ca"})
	if err != nil {
		t.Fatal(err)
	}
	own, err := ca.IssueClient(rand.Reader, now, "phone", 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	key, err := pki.ParseKey(own.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	locked, err := pki.EncryptKey(key, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	f := &filed{dir: t.TempDir(), ca: ca, own: own, places: strings.NewReplacer("CERT\n", string(own.CertPEM), "KEY\n", string(own.KeyPEM), "LOCKED\n", string(locked), "ABOVE\n", string(ca.CertPEM()))}
	if err := os.Mkdir(filepath.Join(f.dir, "real"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if to, ok := strings.CutPrefix(text, "-> "); ok {
			err = os.Symlink(to, filepath.Join(f.dir, name))
		} else {
			err = os.WriteFile(filepath.Join(f.dir, name), []byte(f.places.Replace(text)), 0o640)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// read reads the configuration as it is now, with its key locked.
func (f *filed) read(t *testing.T) *config.Config {
	t.Helper()
	path := filepath.Join(f.dir, "my.conf")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, "\nclient\nremote vpn.example\ncd "+f.dir+"\n<ca>\n"+string(f.ca.CertPEM())+"</ca>\n"...)
	c, err := config.ParseFile(path, text, func(name string) ([]byte, error) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(f.dir, name)
		}
		return os.ReadFile(name)
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// identity is what a client of the configuration shows.
func identity(t *testing.T, c *config.Config) tls.Certificate {
	t.Helper()
	if err := Unlock(c, func(string, bool) (string, error) { return "secret", nil }); err != nil {
		t.Fatal(err)
	}
	id, err := pki.ParseIdentity(ownChain(c.Trust), c.Trust.Key.Text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// texts are those of all files, by name.
func (f *filed) texts(t *testing.T) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(f.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		all[strings.TrimPrefix(path, f.dir+string(filepath.Separator))] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// inFiles are configurations whose key stays when the certificate is renewed: what files
// there are, which of them is written, and what it holds then.
var inFiles = map[string]struct {
	files    map[string]string
	written  string
	want     string
	unixOnly bool
}{
	"both in files": {
		files:   map[string]string{"my.conf": "cert my.crt\nkey my.key\n", "my.crt": "CERT\n", "my.key": "KEY\n"},
		written: "my.crt", want: "CERT\n",
	},
	"what openssl and easy-rsa write about it": {
		files:   map[string]string{"my.conf": "cert my.crt\nkey my.key\n", "my.crt": "# mine\n" + aboutCert + "CERT\nABOVE\n", "my.key": "KEY\n"},
		written: "my.crt", want: "# mine\nCERT\nABOVE\n",
	},
	"both in one file, the key first": {
		files:   map[string]string{"my.conf": "cert my.pem\nkey my.pem\n", "my.pem": "KEY\n" + aboutCert + "CERT\nABOVE\n"},
		written: "my.pem", want: "KEY\nCERT\nABOVE\n",
	},
	"the certificate in the profile": {
		files:   map[string]string{"my.conf": "<cert>\nCERT\n</cert>\nkey my.key\nverb 3\n", "my.key": "KEY\n"},
		written: "my.conf", want: "<cert>\nCERT\n</cert>\nkey my.key\nverb 3\n",
	},
	"the key in the profile": {
		files:   map[string]string{"my.conf": "<key>\nKEY\n</key>\ncert my.crt\n", "my.crt": "CERT\n"},
		written: "my.crt", want: "CERT\n",
	},
	"a key with a passphrase in a file": {
		files:   map[string]string{"my.conf": "cert my.crt\nkey my.key\n", "my.crt": "CERT\n", "my.key": "LOCKED\n"},
		written: "my.crt", want: "CERT\n",
	},
	"a key with a passphrase in the profile": {
		files:   map[string]string{"my.conf": "<key>\nLOCKED\n</key>\n<cert>\nCERT\n</cert>\naskpass pass\n", "pass": "secret\n"},
		written: "my.conf", want: "<key>\nLOCKED\n</key>\n<cert>\nCERT\n</cert>\naskpass pass\n",
	},
	"links": {
		files:   map[string]string{"my.conf": "cert my.crt\nkey my.key\n", "my.crt": "-> real/its.crt", "real/its.crt": "CERT\n", "my.key": "KEY\n"},
		written: filepath.Join("real", "its.crt"), want: "CERT\n", unixOnly: true,
	},
}

// TestRenewingFiles: where the key stays, it signs the request, and the certificate alone is
// replaced, in the one file that has it; by this process, or by one that keeps rights, also
// from a `chroot`.
func TestRenewingFiles(t *testing.T) {
	for name, test := range inFiles {
		for _, kept := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				if test.unixOnly && runtime.GOOS == "windows" {
					t.Skip("links take rights there")
				}
				renewedFile(t, newFiled(t, test.files), kept, test.written, test.want)
			})
		}
	}
}

func renewedFile(t *testing.T, f *filed, kept bool, written, want string) {
	c, before := f.read(t), f.texts(t)
	var r *Renewing
	var why string
	if kept {
		keeper, _ := NewRenewing(c)
		c.Process.Chroot = "/var/empty"
		r, why = RenewingBy(c, keeper.Keep)
	} else {
		r, why = NewRenewing(c)
	}
	if r == nil {
		t.Fatal(why)
	}
	own := identity(t, c)
	_, der := certified(t, f.ca, &own, r)
	next, err := r.Take(&own, der, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if !next.PrivateKey.(crypto.Signer).Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(next.Leaf.PublicKey) || len(next.Certificate) != len(own.Certificate) {
		t.Error("what is shown from now on does not fit together")
	}
	again := identity(t, f.read(t))
	if !again.Leaf.Equal(next.Leaf) || again.Leaf.Equal(own.Leaf) {
		t.Errorf("what is read again is %v", again.Leaf.SerialNumber)
	}
	after := f.texts(t)
	newText := strings.ReplaceAll(f.places.Replace(want), string(f.own.CertPEM), string(pki.EncodeCertificate(next.Leaf)))
	if after[written] != newText {
		t.Errorf("%s is now\n%s\nexpected\n%s", written, after[written], newText)
	}
	if after[written+beforeSuffix] != before[written] || len(after) != len(before)+1 {
		t.Errorf("%d files, before %d, and the copy is\n%s", len(after), len(before), after[written+beforeSuffix])
	}
	for name, text := range before {
		if name != written && after[name] != text {
			t.Errorf("%s was changed to\n%s", name, after[name])
		}
	}
	if info, err := os.Stat(filepath.Join(f.dir, written)); err != nil || info.Mode().Perm() != 0o640 && runtime.GOOS != "windows" {
		t.Errorf("%v, %v", info, err)
	}
	if err := r.Used(time.Now().Add(time.Hour)); err != nil || len(f.texts(t)) != len(before) {
		t.Errorf("the copy stays: %v", err)
	}
}

// TestRenewingFilesRefuses: a certificate for another key is not taken where the key stays,
// and neither is a key written.
func TestRenewingFilesRefuses(t *testing.T) {
	f := newFiled(t, inFiles["both in files"].files)
	c, before := f.read(t), f.texts(t)
	own := identity(t, c)
	request, key, err := pki.NewRequest(rand.Reader, "phone")
	if err != nil {
		t.Fatal(err)
	}
	_, foreign := certificate(t, f.ca, &own, request)
	r, _ := NewRenewing(c)
	if _, err := r.Request(&own); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Take(&own, foreign, time.Now()); err == nil || !strings.Contains(err.Error(), "another key") {
		t.Error(err)
	}
	for what, key := range map[string][]byte{"a key": key, "none": nil} {
		if r.Keep(own.Leaf.Raw, foreign, key) == nil {
			t.Errorf("with %s: written", what)
		}
	}
	if after := f.texts(t); len(after) != len(before) || after["my.crt"] != before["my.crt"] {
		t.Errorf("now there is %v", after)
	}
}

// TestRenewingWhole: a file that cannot be replaced stays whole, and it is said what to do.
func TestRenewingWhole(t *testing.T) {
	f := newFiled(t, inFiles["both in files"].files)
	c := f.read(t)
	own := identity(t, c)
	r, _ := NewRenewing(c)
	_, der := certified(t, f.ca, &own, r)
	blocked := filepath.Join(f.dir, "my.crt"+beforeSuffix, "full")
	if err := os.MkdirAll(blocked, 0o700); err != nil {
		t.Fatal(err)
	}
	before := f.texts(t)
	if _, err := r.Take(&own, der, time.Now()); err == nil {
		t.Error("taken without a copy of before")
	}
	if _, err := r.Request(&own); err == nil || !strings.Contains(err.Error(), "the last one could not be written") {
		t.Errorf("another is asked for at once: %v", err)
	}
	r, _ = NewRenewing(c)
	if after := f.texts(t); len(after) != len(before) || after["my.crt"] != before["my.crt"] {
		t.Errorf("now there is %v", after)
	}
	if err := os.WriteFile(filepath.Join(f.dir, "my.crt"), f.ca.CertPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Request(&own); err == nil || !strings.Contains(err.Error(), "connect again") {
		t.Errorf("a certificate that somebody else put there: %v", err)
	}
	if err := os.RemoveAll(f.dir); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Request(&own); err == nil || !strings.Contains(err.Error(), "have the file and its directory writable") {
		t.Error(err)
	}
	if err := r.Used(time.Now()); err != nil {
		t.Error(err)
	}
}

// TestRenewingReadOnly: it is seen before a certificate is asked for that its directory
// cannot be written.
func TestRenewingReadOnly(t *testing.T) {
	if os.Geteuid() <= 0 {
		t.Skip("root, and Windows, go by other rights")
	}
	f := newFiled(t, inFiles["both in files"].files)
	c := f.read(t)
	own := identity(t, c)
	if err := os.Chmod(f.dir, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(f.dir, 0o700)
	r, _ := NewRenewing(c)
	if _, err := r.Request(&own); err == nil || !strings.Contains(err.Error(), "have the file and its directory writable") {
		t.Error(err)
	}
}

// FuzzFirstCertificate: whatever a file holds, a certificate is replaced in it so that all
// else stays, or not at all.
func FuzzFirstCertificate(f *testing.F) {
	f.Add([]byte("CERT\n"))
	f.Add([]byte("KEY\n" + aboutCert + "CERT\nABOVE\n"))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\nCERT\n"))
	f.Add([]byte(" CERT\r\n-----BEGIN"))
	now := time.Now()
	ca, err := pki.NewAuthority(rand.Reader, now, pki.Options{Name: "ca"})
	if err != nil {
		f.Fatal(err)
	}
	authority, err := pki.ParseCertificates(ca.CertPEM())
	if err != nil {
		f.Fatal(err)
	}
	pair, err := ca.IssueClient(rand.Reader, now, "phone", 0)
	if err != nil {
		f.Fatal(err)
	}
	own, err := pki.ParseCertificates(pair.CertPEM)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for word, pem := range map[string][]byte{"CERT\n": pair.CertPEM, "ABOVE\n": ca.CertPEM()} {
			text = bytes.ReplaceAll(text, []byte(word), pem)
		}
		if from, to := firstCertificate(text); from >= to && from != -1 || to > len(text) {
			t.Fatalf("from %d to %d of %d", from, to, len(text))
		}
		next, err := new(Renewing).replaced(text, own[0], authority[0])
		if err != nil {
			return
		}
		if certs, err := pki.ParseCertificates(next); err != nil || !certs[0].Equal(authority[0]) {
			t.Fatalf("%v\n%s", err, next)
		}
	})
}
