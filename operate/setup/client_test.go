package setup

import (
	"bytes"
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"culvert/access/pki"
	"culvert/session/wrap"
)

// block is the body of an inline block of a profile.
func block(t *testing.T, profile []byte, name string) []byte {
	t.Helper()
	_, rest, open := bytes.Cut(profile, []byte("\n<"+name+">\n"))
	body, _, closed := bytes.Cut(rest, []byte("</"+name+">\n"))
	if !open || !closed {
		t.Fatalf("no block <%s> in\n%s", name, profile)
	}
	return body
}

// TestNoRightToTheDirectory: what cannot be looked at is not taken for there, and
// who may look is said.
func TestNoRightToTheDirectory(t *testing.T) {
	if os.Geteuid() == 0 {
		if err := denied(&fs.PathError{Op: "open", Path: "x", Err: fs.ErrPermission}); !strings.Contains(err.Error(), "run this as root") {
			t.Error(err)
		}
		t.Skip("root may look at everything")
	}
	r := newServer(t)
	clients := filepath.Join(r.Dir, clientsDir)
	os.MkdirAll(clients, 0o700)
	os.Chmod(clients, 0)
	t.Cleanup(func() { os.Chmod(clients, 0o700) })
	if _, err := AddClient(clientOptions(r.Dir, "anna")); errors.Is(err, fs.ErrExist) || err == nil || !strings.Contains(err.Error(), "run this as root") {
		t.Error(err)
	}
}

func TestAddClientProfile(t *testing.T) {
	r := newServer(t)
	text, err := AddClient(clientOptions(r.Dir, "anna-phone"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"client", "dev tun", "proto udp", "remote vpn.example.org 1194", "nobind", "persist-tun",
		"remote-cert-tls server", "verify-x509-name culvert-server name", "verb 3",
	} {
		if !bytes.Contains(text, []byte("\n"+line+"\n")) {
			t.Errorf("no line %s in\n%s", line, text)
		}
	}
	id, err := pki.ParseIdentity(block(t, text, "cert"), block(t, text, "key"))
	if err != nil {
		t.Fatal(err)
	}
	roots, err := pki.ParseCertificates(block(t, text, "ca"))
	if err != nil {
		t.Fatal(err)
	}
	if err := pki.Verify([]*x509.Certificate{id.Leaf}, roots, epoch, pki.ClientUsage); err != nil {
		t.Error(err)
	}
	if err := pki.CheckUsage(id.Leaf, pki.ClientUsage); err != nil {
		t.Error(err)
	}
	if got := pki.CommonName(id.Leaf); got != "anna-phone" {
		t.Errorf("common name %q", got)
	}
}

// TestProfileFitsServer: the name the profile demands is the server's, and the
// server's key opens the client's.
func TestProfileFitsServer(t *testing.T) {
	r := newServer(t)
	text, err := AddClient(clientOptions(r.Dir, "anna"))
	if err != nil {
		t.Fatal(err)
	}
	certs, err := pki.ParseCertificates(read(t, r.Dir, "server.crt"))
	if err != nil {
		t.Fatal(err)
	}
	if err := pki.CheckName(certs[0], serverName, "name"); err != nil {
		t.Error(err)
	}
	server, err := wrap.ParseServerKeyV2(read(t, r.Dir, "tls-crypt-v2.key"))
	if err != nil {
		t.Fatal(err)
	}
	client, err := wrap.ParseClientKeyV2(block(t, text, "tls-crypt-v2"))
	if err != nil {
		t.Fatal(err)
	}
	_, metadata, err := server.UnwrapClientKey(client.WKc)
	if err != nil {
		t.Fatal(err)
	}
	if made, ok := wrap.KeyTime(metadata); !ok || !made.Equal(epoch) {
		t.Errorf("key made at %v, want %v", made, epoch)
	}
}

func TestAddClientKeepsNoPrivateKey(t *testing.T) {
	r := newServer(t)
	before := len(tree(t, r.Dir))
	text, err := AddClient(clientOptions(r.Dir, "anna"))
	if err != nil {
		t.Fatal(err)
	}
	if got := tree(t, r.Dir); len(got) != before+2 { // clients/ and clients/anna.crt
		t.Errorf("files %v", got)
	}
	record := read(t, r.Dir, "clients", "anna.crt")
	if bytes.Contains(record, []byte("PRIVATE")) || !bytes.Equal(record, block(t, text, "cert")) {
		t.Errorf("record:\n%s", record)
	}
}

func TestAddClientWritesProfile(t *testing.T) {
	r := newServer(t)
	o := clientOptions(r.Dir, "anna")
	o.Out = filepath.Join(t.TempDir(), "anna.ovpn")
	text, err := AddClient(o)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(o.Out)
	if err != nil || info.Mode() != 0o600 || !bytes.Equal(read(t, o.Out), text) {
		t.Errorf("profile: %v, %v", info, err)
	}
	o.Name = "bert"
	if _, err := AddClient(o); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), o.Out) {
		t.Errorf("profile overwritten, or: %v", err)
	}
	if !bytes.Equal(read(t, o.Out), text) {
		t.Error("profile changed")
	}
	if _, err := os.Stat(filepath.Join(r.Dir, "clients", "bert.crt")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a client without a profile is recorded: %v", err)
	}
}

func TestAddClientRefusesDuplicate(t *testing.T) {
	r := newServer(t)
	if _, err := AddClient(clientOptions(r.Dir, "anna")); err != nil {
		t.Fatal(err)
	}
	_, err := AddClient(clientOptions(r.Dir, "anna"))
	if !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), "choose another name") {
		t.Error(err)
	}
}

func TestAddClientRefusesBadNames(t *testing.T) {
	r := newServer(t)
	for _, name := range []string{"", ".", "..", "../x", "a/b", "a b", "-x", ".x", "a\nb", "ä", strings.Repeat("x", 65), serverName} {
		if _, err := AddClient(clientOptions(r.Dir, name)); err == nil {
			t.Errorf("%q accepted", name)
		}
	}
	if _, err := AddClient(clientOptions(r.Dir, "a.b_c@d-"+strings.Repeat("x", 56))); err != nil {
		t.Error(err)
	}
}

func TestAddClientToNoServer(t *testing.T) {
	_, err := AddClient(clientOptions(t.TempDir(), "anna"))
	if err == nil || !strings.Contains(err.Error(), "culvert init --dir") {
		t.Error(err)
	}
	r := newServer(t)
	for _, name := range []string{caKeyFile, wrapKeyFile} {
		if err := os.WriteFile(filepath.Join(r.Dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := AddClient(clientOptions(r.Dir, "anna")); err == nil {
			t.Errorf("added with an empty %s", name)
		}
	}
}

func TestBadReachFile(t *testing.T) {
	r := newServer(t)
	path := filepath.Join(r.Dir, reachFile)
	for _, text := range []string{
		"", "{", `{"host": "a b", "port": 1, "server_name": "x"}`, `{"host": "a", "port": 0, "server_name": "x"}`,
		`{"host": "a", "port": 1}`, `{"host": "a", "port": 1, "server_name": "x\nscript-security 2"}`,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := AddClient(clientOptions(r.Dir, "anna")); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
