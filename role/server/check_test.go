package server_test

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/youmark/pkcs8"
	"software.sslmate.com/src/go-pkcs12"

	"culvert/access/auth"
	"culvert/access/pki"
	"culvert/config"
	"culvert/role/profile"
	"culvert/role/server"
)

// material are the keys of a server, in blocks of its configuration.
type material struct {
	t                                     *testing.T
	ca, cert, key, locked, bundle, closed string
}

func newMaterial(t *testing.T) material {
	s := ours()
	key, ca := must(pki.ParseKey(s.server.KeyPEM))(t), must(pki.ParseCertificates(s.authority.CertPEM()))(t)
	leaf := must(pki.ParseCertificates(s.server.CertPEM))(t)[0]
	locked := must(pkcs8.MarshalPrivateKey(key, []byte("word"), nil))(t)
	bundle := func(password string) string {
		der := must(pkcs12.Modern.Encode(key, leaf, []*x509.Certificate{ca[0]}, password))(t)
		return base64.StdEncoding.EncodeToString(der) + "\n"
	}
	return material{t, string(s.authority.CertPEM()), string(s.server.CertPEM), string(s.server.KeyPEM),
		string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: locked})), bundle(""), bundle("word")}
}

// conf is a server's configuration of blocks, by turns a name and a text, "" for none.
func (m material) conf(more string, blocks ...string) *config.Config {
	m.t.Helper()
	text := "port 1194\ndev tun\ndh none\nserver 10.8.0.0 255.255.255.0\nscript-security 2\n" + more + "\n"
	for i := 0; i < len(blocks); i += 2 {
		text += block(blocks[i], []byte(blocks[i+1]))
	}
	return parse(m.t, "server.conf", text)
}

// cut is a text of which the last line is not written yet.
func cut(text string) string {
	return text[:strings.LastIndex(strings.TrimSpace(text), "\n")+1]
}

// TestCheck: what is read again is checked as at a start, with the same words, as far as
// nobody is asked for a password. It stays as it is.
func TestCheck(t *testing.T) {
	m := newMaterial(t)
	missing := filepath.ToSlash(filepath.Join(t.TempDir(), "none"))
	self := must(os.Executable())(t)
	password := filepath.Join(t.TempDir(), "pass")
	if err := os.WriteFile(password, []byte("word\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	askpass := fmt.Sprintf("askpass '%s'", password)
	verify := fmt.Sprintf("auth-user-pass-verify '%s' via-file\nauth-gen-token", self)
	var token bytes.Buffer
	if err := auth.WriteTokenKey(&token); err != nil {
		t.Fatal(err)
	}
	plain := []string{"ca", m.ca, "cert", m.cert, "key", m.key}
	for what, test := range map[string]struct {
		c    *config.Config
		want string // "" for good
	}{
		"plain":             {m.conf("", plain...), ""},
		"damaged ca":        {m.conf("", "ca", cut(m.ca), "cert", m.cert, "key", m.key), "ca: "},
		"damaged cert":      {m.conf("", "ca", m.ca, "cert", cut(m.cert), "key", m.key), "cert: "},
		"damaged key":       {m.conf("", "ca", m.ca, "cert", m.cert, "key", cut(m.key)), "key: "},
		"locked":            {m.conf("", "ca", m.ca, "cert", m.cert, "key", m.locked), ""},
		"locked, ca":        {m.conf("", "ca", cut(m.ca), "cert", m.cert, "key", m.locked), "ca: "},
		"locked, cert":      {m.conf("", "ca", m.ca, "cert", cut(m.cert), "key", m.locked), "cert: "},
		"locked, key":       {m.conf("", "ca", m.ca, "cert", m.cert, "key", cut(m.locked)), "key: "},
		"askpass":           {m.conf(askpass, "ca", m.ca, "cert", m.cert, "key", m.locked), ""},
		"askpass, cert":     {m.conf(askpass, "ca", m.ca, "cert", cut(m.cert), "key", m.locked), "cert: "},
		"pkcs12":            {m.conf("", "pkcs12", m.bundle), ""},
		"pkcs12, damaged":   {m.conf("", "pkcs12", m.bundle[:len(m.bundle)/8*4]), "pkcs12: "},
		"closed pkcs12":     {m.conf("", "pkcs12", m.closed), ""},
		"closed, damaged":   {m.conf("", "pkcs12", m.closed[:len(m.closed)/8*4]), "pkcs12: "},
		"closed, ca":        {m.conf("", "ca", cut(m.ca), "pkcs12", m.closed), "ca: "},
		"closed, askpass":   {m.conf(askpass, "pkcs12", m.closed), ""},
		"token key":         {m.conf(verify, append(plain, "auth-gen-token-secret", token.String())...), ""},
		"damaged token key": {m.conf(verify, append(plain, "auth-gen-token-secret", cut(token.String()))...), "auth-gen-token-secret: "},
		"management token":  {m.conf("management 127.0.0.1 7505\nmanagement-client-auth\nauth-gen-token", append(plain, "auth-gen-token-secret", cut(token.String()))...), "auth-gen-token-secret: "},
		"client-config-dir": {m.conf("client-config-dir "+missing, plain...), "client-config-dir: "},
		"tmp-dir":           {m.conf("tmp-dir "+missing, plain...), "tmp-dir: "},
		"a program":         {m.conf("client-connect "+missing, plain...), "server.conf:6: client-connect " + missing},
		"tls-verify":        {m.conf("tls-verify "+missing, plain...), "server.conf:6: tls-verify " + missing},
	} {
		var key, pass string
		if f := test.c.Trust.Key; f != nil {
			key = string(f.Text)
		}
		if f := test.c.Trust.AskPass; f != nil {
			pass = string(f.Text)
		}
		err := server.Check(test.c, nil)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want %q", what, err, test.want)
		}
		if f := test.c.Trust.Key; f == nil && key != "" || f != nil && string(f.Text) != key {
			t.Errorf("%s: another key than before", what)
		}
		if f := test.c.Trust.AskPass; f != nil && string(f.Text) != pass {
			t.Errorf("%s: another password than before", what)
		}
		_, atStart := server.New(test.c, server.Options{Log: slog.New(slog.DiscardHandler)})
		if !errors.Is(atStart, profile.ErrNobody) && fmt.Sprint(atStart) != fmt.Sprint(err) {
			t.Errorf("%s: %v; at a start: %v", what, err, atStart)
		}
	}
}
