//go:build interop

package interop

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"culvert/access/pki"
)

// filesClient is a client of ours whose certificate and key are in files of their own, as
// in most configurations of OpenVPN.
type filesClient struct {
	name string
	host *netns
	p    *process
	key  string // what its file has
	own  string // the serial number of the certificate that it began with
}

func (f *filesClient) at(name string) string { return filepath.Join(f.host.dir, name) }

// newFilesClients makes two: one with a passphrase on its key, and one whose worker has no
// rights and sees none of the files, in a `chroot`. Their certificates are due.
func newFilesClients(t *testing.T, l *lab, s *netns, dir string) []*filesClient {
	t.Helper()
	locked := &filesClient{name: "locked", host: l.host("e")}
	jailed := &filesClient{name: "jailed", host: l.host("f")}
	for _, f := range []*filesClient{locked, jailed} {
		way := l.join(f.host, s)
		made := f.at("made.ovpn")
		s.output(culvert(t), "client", "add", f.name, "--dir", dir, "-o", made)
		text := regexp.MustCompile(`(?m)^remote \S+`).ReplaceAllString(string(mustBytes(t, made)), "remote "+way.b4.String())
		text = shortenClient(t, dir, f.name, text)
		text, cert := cutBlock(t, text, "cert")
		text, f.key = cutBlock(t, text, "key")
		if f == locked {
			f.key = encrypted(t, f.key)
			text += "\naskpass " + f.host.file("pass", "word\n")
		} else {
			text += "\nuser nobody\nchroot " + openDir(t)
		}
		f.host.file("real.crt", "# mine\n"+cert)
		if err := os.Symlink("real.crt", f.at("my.crt")); err != nil {
			t.Fatal(err)
		}
		f.own = serialOf(t, f.at("my.crt"))
		text += "\ncert " + f.at("my.crt") + "\nkey " + f.host.file("my.key", f.key)
		f.host.file("my.conf", text+"\nreneg-sec 5 5\nverb 4\n")
	}
	return []*filesClient{locked, jailed}
}

// cutBlock takes an inline block out of a profile.
func cutBlock(t *testing.T, profile, name string) (rest, block string) {
	t.Helper()
	before, after, found := strings.Cut(profile, "\n<"+name+">\n")
	block, after, closed := strings.Cut(after, "</"+name+">\n")
	if !found || !closed {
		t.Fatalf("no block %s in\n%s", name, profile)
	}
	return before + "\n" + after, block
}

// encrypted is a private key with the passphrase "word".
func encrypted(t *testing.T, text string) string {
	t.Helper()
	key, err := pki.ParseKey([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	locked, err := pki.EncryptKey(key, []byte("word"))
	if err != nil {
		t.Fatal(err)
	}
	return string(locked)
}

// renewedAt checks that a client got its next certificate for the key that it had, into its
// file and nowhere else, that the server saw it, and that the session is the one of before.
func (f *filesClient) renewedAt(t *testing.T, status func() string) {
	t.Helper()
	f.p.expect(regexp.MustCompile(`this client's certificate was renewed`), 1, dueIn+patience)
	if info, err := os.Lstat(f.at("my.crt")); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("%s: the link to the certificate: %v, %v", f.name, info, err)
	}
	text := mustBytes(t, f.at("real.crt"))
	if info, err := os.Stat(f.at("real.crt")); err != nil || info.Mode().Perm() != 0o600 || !strings.HasPrefix(string(text), "# mine\n") {
		t.Errorf("%s: the file of the certificate: %v, %v\n%s", f.name, info, err, text)
	}
	next, err := pki.ParseCertificates(text)
	if err != nil {
		t.Fatal(err)
	}
	if next[0].SerialNumber.String() == f.own || time.Until(next[0].NotAfter) < 800*24*time.Hour {
		t.Errorf("%s: the certificate is %v, until %v", f.name, next[0].SerialNumber, next[0].NotAfter)
	}
	if got := string(mustBytes(t, f.at("my.key"))); got != f.key {
		t.Errorf("%s: the key was changed:\n%s", f.name, f.p.log())
	}
	seen(t, status, next[0])
	f.host.ping(serverIPv4)
	if n := f.p.count(initialized); n != 1 {
		t.Errorf("%s connected %d times", f.name, n)
	}
}
