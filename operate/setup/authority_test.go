package setup

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culvert/access/pki"
	"culvert/access/signing"
	"culvert/access/signing/signingtest"
)

func TestMain(m *testing.M) { signingtest.Main(m) }

func knows(passphrase string) Passphrase {
	return func(string) ([]byte, error) { return []byte(passphrase), nil }
}

// remoteKey writes a key for a sign command, and returns the command.
func remoteKey(t *testing.T) signing.Command {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key")
	write(t, path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	return signingtest.Command(signingtest.Signs, path, "")
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// below makes an authority below a root: the chain, and its key.
func below(t *testing.T) (chain, root, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	top, err := pki.NewAuthority(rand.Reader, epoch, pki.Options{Name: "Root", Key: rootKey})
	if err != nil {
		t.Fatal(err)
	}
	middle, err := pki.NewAuthority(rand.Reader, epoch, pki.Options{Name: "Middle", Key: private})
	if err != nil {
		t.Fatal(err)
	}
	root = top.CertPEM()
	rootCert := *top.Certificate()
	rootCert.MaxPathLen, rootCert.MaxPathLenZero = -1, false // a path length is not looked at here
	der, err := x509.CreateCertificate(rand.Reader, middle.Certificate(), &rootCert, private.Public(), rootKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if key, err = middle.KeyPEM(); err != nil {
		t.Fatal(err)
	}
	return append(pki.EncodeCertificate(cert), root...), root, key
}

// trusts verifies a certificate by ca.crt.
func trusts(t *testing.T, dir string, cert []byte) error {
	t.Helper()
	certs, err := pki.ParseCertificates(cert)
	if err != nil {
		t.Fatal(err)
	}
	authorities, err := pki.ParseCertificates(read(t, dir, caCertFile))
	if err != nil {
		t.Fatal(err)
	}
	if !(server{trusted: authorities}).issued(certs[0]) {
		return errors.New("not issued by one of ca.crt")
	}
	return nil
}

// TestAuthorityKeys: wherever the key is, everything works that needs it.
func TestAuthorityKeys(t *testing.T) {
	chain, _, key := below(t)
	for name, c := range map[string]struct {
		key  AuthorityKey
		ask  Passphrase
		file string
	}{
		"file":          {AuthorityKey{}, nil, caKeyFile},
		"passphrase":    {AuthorityKey{Passphrase: []byte("open sesame")}, knows("open sesame"), caKeyFile},
		"command":       {AuthorityKey{Command: remoteKey(t)}, nil, sourceFile},
		"below another": {AuthorityKey{Chain: chain, Key: key}, nil, caKeyFile},
		"protected":     {AuthorityKey{Chain: chain, Key: key, Passphrase: []byte("x")}, knows("x"), caKeyFile},
	} {
		t.Run(name, func(t *testing.T) {
			o := initOptions(filepath.Join(t.TempDir(), "vpn"))
			o.Key = c.key
			made, err := Init(o)
			if err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(filepath.Join(made.Dir, c.file))
			if err != nil || info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s: %v, %v", c.file, info, err)
			}
			if secret := len(c.key.Passphrase) > 0; secret != pki.KeyEncrypted(read(t, made.Dir, c.file)) {
				t.Errorf("encrypted: expected %v", secret)
			}
			client := clientOptions(made.Dir, "phone")
			client.Ask = c.ask
			profile, err := AddClient(client)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(profile, read(t, made.Dir, caCertFile)) {
				t.Error("the profile lacks the authority, or those above it")
			}
			old := read(t, made.Dir, clientsDir, "phone.crt")
			if err := errors.Join(trusts(t, made.Dir, old), trusts(t, made.Dir, read(t, made.Dir, serverCertFile))); err != nil {
				t.Error(err)
			}
			if _, err := Renew(RenewOptions{Dir: made.Dir, Now: epoch, Rand: rand.Reader, Ask: c.ask}); err != nil {
				t.Error(err)
			}
			again, err := RenewClient(RenewClientOptions{ClientOptions: client, RevokeOld: true})
			if err != nil || again.Revocation == nil {
				t.Fatalf("%v, %v", again, err)
			}
			if r, err := Revoke(RevokeOptions{Dir: made.Dir, Name: "phone", Now: epoch, Ask: c.ask}); err != nil || r.Already || r.Problem != "" {
				t.Errorf("%+v, %v", r, err)
			}
			known, problem, err := Clients(made.Dir, epoch)
			if err != nil || problem != "" || known[0].State != Revoked {
				t.Errorf("%v, %q, %v", known, problem, err)
			}
			state, err := Authorities(made.Dir, epoch)
			if err != nil || !state.Present.Serves || state.Next != nil {
				t.Errorf("%+v, %v", state, err)
			}
			if c.ask == nil {
				return
			}
			client.Name = "tablet"
			for _, wrong := range []struct {
				ask  Passphrase
				want string
			}{{knows("wrong"), "the passphrase is wrong"}, {nil, ErrPassphrase.Error()}} {
				client.Ask = wrong.ask
				if _, err := AddClient(client); err == nil || !strings.Contains(err.Error(), wrong.want) {
					t.Errorf("%v; expected %q", err, wrong.want)
				}
			}
			if _, err := Resign(made.Dir, epoch); !errors.Is(err, ErrPassphrase) {
				t.Errorf("the list was signed without the passphrase: %v", err)
			}
		})
	}
}

// TestAuthorityKeysRefused: what does not fit together makes no directory.
func TestAuthorityKeysRefused(t *testing.T) {
	chain, root, key := below(t)
	middle := chain[:len(chain)-len(root)]
	other, err := newAuthority(rand.Reader, epoch, nil)
	if err != nil {
		t.Fatal(err)
	}
	old, err := newAuthority(rand.Reader, epoch.AddDate(-20, 0, 0), nil)
	if err != nil {
		t.Fatal(err)
	}
	oldKey, err := old.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	hangs := remoteKey(t)
	hangs.Argv[2], hangs.Limit = signingtest.Hangs, 200*time.Millisecond
	for want, k := range map[string]AuthorityKey{
		"does not belong to the certificate":   {Chain: other.CertPEM(), Key: key},
		"signed by another authority":          {Chain: middle, Key: key},
		"needs its certificate":                {Key: key},
		"needs its key":                        {Chain: chain},
		"is in no file":                        {Command: remoteKey(t), Passphrase: []byte("x")},
		"not one of the authority's key":       {Command: remoteKey(t), Chain: other.CertPEM()},
		"did not answer within":                {Command: hangs},
		"expected a path that begins":          {Command: signing.Command{Argv: []string{"sign"}}},
		"the authority cannot sign: ":          {Chain: old.CertPEM(), Key: oldKey},
		"expected a PEM block \"-----BEGIN PR": {Chain: chain, Key: []byte("nothing")},
	} {
		o := initOptions(filepath.Join(t.TempDir(), "vpn"))
		o.Key = k
		if _, err := Init(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; expected %q", err, want)
		}
		if _, err := os.Stat(o.Dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: a directory was left", want)
		}
	}
}

// TestSourceFile: a damaged authority.json is said with its name.
func TestSourceFile(t *testing.T) {
	o := initOptions(filepath.Join(t.TempDir(), "vpn"))
	o.Key.Command = remoteKey(t)
	made, err := Init(o)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"{":                                   "expected {",
		"{}":                                  "names no command",
		`{"sign_comand": ["/x"]}`:             `unknown field "sign_comand"`,
		`{"sign_command": ["sign"]}`:          "begins at the root",
		`{"sign_command": ["/no/such/prog"]}`: "no such",
		`{"sign_command": ["/x"], "timeout_seconds": 100000}`: "expected 1 to 3600",
	} {
		path := filepath.Join(made.Dir, sourceFile)
		write(t, path, []byte(text))
		if _, err := AddClient(clientOptions(made.Dir, "phone")); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v; expected %q", text, err, want)
		}
	}
}

func FuzzSource(f *testing.F) {
	f.Add([]byte(`{"sign_command": ["/x", "y"], "timeout_seconds": 5}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := parseSource(text)
		if err != nil {
			return
		}
		again, err := encodeSource(c)
		if err != nil {
			t.Fatal(err)
		}
		if c2, err := parseSource(again); err != nil || c2.Limit != c.Limit || len(c2.Argv) != len(c.Argv) {
			t.Errorf("%v became %v, %v", c, c2, err)
		}
	})
}

// TestAuthorityShowsEnds: who ends within 30 days is named with the command, or with where the
// next profile waits.
func TestAuthorityShowsEnds(t *testing.T) {
	dir := newServer(t).Dir
	addClient(t, dir, "phone")
	c, _, err := Client(dir, "phone", epoch)
	if err != nil {
		t.Fatal(err)
	}
	shows := func(now time.Time) string {
		t.Helper()
		info, err := Authorities(dir, now)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		info.Print(&out)
		return out.String()
	}
	if text := shows(c.Expires.AddDate(0, 0, -31)); strings.Contains(text, "30 days") {
		t.Error(text)
	}
	now, day := c.Expires.AddDate(0, 0, -29), c.Expires.UTC().Format(time.DateOnly)
	if text := shows(now); !strings.Contains(text, "certificates of 1 clients end within 30 days:\n  phone, on "+day+"; for a new profile: "+RenewCommand(dir, "phone", false)+"\n") {
		t.Error(text)
	}
	if err := MakeReady(dir, c.Expires); err != nil {
		t.Fatal(err)
	}
	o := clientOptions(dir, "phone")
	o.Now, o.Out = now, ReadyPath(dir, "phone")
	if _, err := RenewClient(RenewClientOptions{ClientOptions: o}); err != nil {
		t.Fatal(err)
	}
	if text := shows(now); !strings.Contains(text, "  phone, on "+day+"; its next profile waits to be handed over: "+o.Out+"\n") {
		t.Error(text)
	}
	if err := DropReady(dir, "phone"); err != nil {
		t.Fatal(err)
	}
	if text := shows(now); strings.Contains(text, "30 days") {
		t.Errorf("after it was handed over:\n%s", text)
	}
}
