package adopt

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culvert/access/pki"
	"culvert/session/wrap"
)

var now = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// world is a server as an installer leaves it, in a temporary directory.
type world struct {
	t         *testing.T
	root      string // the server's directory
	authority *pki.Authority
	index     strings.Builder
}

func newWorld(t *testing.T) *world {
	t.Helper()
	a, err := pki.NewAuthority(rand.Reader, now.AddDate(-1, 0, 0), pki.Options{Name: "cn_of_authority"})
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, root: filepath.Join(t.TempDir(), "server"), authority: a}
}

func (w *world) put(name, text string) {
	w.t.Helper()
	path := filepath.Join(w.root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) caKey() string {
	w.t.Helper()
	key, err := w.authority.KeyPEM()
	if err != nil {
		w.t.Fatal(err)
	}
	return string(key)
}

// client issues a certificate and writes its line of the index; state is V or R.
func (w *world) client(name, state string) *x509.Certificate {
	w.t.Helper()
	p, err := w.authority.IssueClient(rand.Reader, now.AddDate(0, -1, 0), name, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.line(p, state)
}

// line writes a certificate's line of the index.
func (w *world) line(p pki.Pair, state string) *x509.Certificate {
	w.t.Helper()
	certs, err := pki.ParseCertificates(p.CertPEM)
	if err != nil {
		w.t.Fatal(err)
	}
	c := certs[0]
	revoked := ""
	if state == "R" {
		revoked = "261101120000Z,keyCompromise"
	}
	fmt.Fprintf(&w.index, "%s\t%s\t%s\t%032X\tunknown\t/CN=%s\n", state, c.NotAfter.Format("060102150405Z"), revoked, c.SerialNumber, c.Subject.CommonName)
	return c
}

// easyRSA3 lays out what easy-rsa 3 keeps: pki is its directory.
func (w *world) easyRSA3(pkiDir string) {
	w.t.Helper()
	alice, mallory := w.client("alice", "V"), w.client("mallory", "R")
	server, err := w.authority.IssueServer(rand.Reader, now.AddDate(0, -1, 0), "server_x", 0)
	if err != nil {
		w.t.Fatal(err)
	}
	w.line(server, "V")
	w.put(pkiDir+"/ca.crt", string(w.authority.CertPEM()))
	w.put(pkiDir+"/private/ca.key", w.caKey())
	w.put(pkiDir+"/issued/alice.crt", string(pki.EncodeCertificate(alice)))
	w.put(pkiDir+"/issued/server_x.crt", string(server.CertPEM))
	w.put(fmt.Sprintf("%s/revoked/certs_by_serial/%032X.crt", pkiDir, mallory.SerialNumber), string(pki.EncodeCertificate(mallory)))
	w.put(pkiDir+"/index.txt", w.index.String())
	w.put("ca.crt", string(w.authority.CertPEM()))
	w.put("server.crt", string(server.CertPEM))
	w.put("server.key", string(server.KeyPEM))
	w.list("crl.pem", mallory)
	key, err := wrap.GenerateStaticKey(rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	w.put("tc.key", string(key.Format()))
}

func (w *world) list(name string, revoked ...*x509.Certificate) {
	w.t.Helper()
	text, err := w.authority.Revoke(now.AddDate(0, 0, -1), nil, revoked...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.put(name, string(text))
}

const baseConf = `port 1194
proto udp
dev tun
ca ca.crt
cert server.crt
key server.key
dh none
topology subnet
server 10.8.0.0 255.255.255.0
ifconfig-pool-persist ipp.txt
crl-verify crl.pem
`

// plain is a server like the ones that are met most, with more lines.
func plain(t *testing.T, more string) *world {
	t.Helper()
	w := newWorld(t)
	w.easyRSA3("easy-rsa/pki")
	w.put("server.conf", baseConf+more)
	w.put("ipp.txt", "alice,10.8.0.7,\nmallory,10.8.0.9\n")
	w.put("client-common.txt", "client\ndev tun\nproto udp\nremote vpn.example.org 443\nremote-cert-tls server\nauth SHA512\nverb 3\n")
	return w
}

func (w *world) options() Options {
	return Options{Source: w.root, Dir: filepath.Join(filepath.Dir(w.root), "D"), Now: now}
}

// adopt adopts the server, and checks that nothing changed where it comes from.
func (w *world) adopt(o Options) (*Report, error) {
	w.t.Helper()
	before := treeHash(w.t, w.root)
	r, err := Adopt(o)
	if after := treeHash(w.t, w.root); after != before {
		w.t.Errorf("the server's own directory changed:\n%s\nbefore:\n%s", after, before)
	}
	return r, err
}

// must is adopt with the usual options, or others, and no error.
func (w *world) must(o Options) *Report {
	w.t.Helper()
	r, err := w.adopt(o)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// treeHash describes every file below a directory: content, mode and time.
func treeHash(t *testing.T, root string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		sum := [32]byte{}
		if info.Mode().IsRegular() {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			sum = sha256.Sum256(text)
		}
		fmt.Fprintf(&b, "%s %v %v %x\n", path, info.Mode(), info.ModTime(), sum[:8])
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func (r *Report) has(t *testing.T, points []Point, what, text string) {
	t.Helper()
	for _, p := range points {
		if p.What == what && strings.Contains(p.Text, text) {
			return
		}
	}
	t.Errorf("expected %q with %q among:\n%v", what, text, points)
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
