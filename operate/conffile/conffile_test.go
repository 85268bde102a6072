package conffile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOpenSecretsAreNoted: once for a file, with the cure, and not for what is
// no secret.
func TestOpenSecretsAreNoted(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string, perm os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), perm); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pem := "-----BEGIN X-----\n"
	key, login := file("client.key", pem, 0o644), file("login", "ada\npw\n", 0o640)
	profile := file("x.ovpn", "client\ndev tun\nremote a\nremote-cert-tls server\nca "+file("ca.crt", pem, 0o644)+"\ncert "+file("client.crt", pem, 0o644)+
		"\nkey "+key+"\naskpass "+login+"\nauth-user-pass "+login+"\n", 0o644)
	notes := func() (all []string) {
		c, err := Load(profile, "a profile")
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range c.Notes {
			all = append(all, n.Pos.String()+": "+n.Text)
		}
		return all
	}
	got := notes()
	if len(got) != 2 || !strings.Contains(got[0], "x.ovpn:7: key: ") || !strings.HasSuffix(got[0], "(mode 0644); run: chmod 600 "+key) || !strings.HasSuffix(got[1], "chmod 600 "+login) {
		t.Errorf("%q", got)
	}
	os.Chmod(key, 0o600)
	os.Chmod(login, 0o400)
	if got := notes(); len(got) > 0 {
		t.Errorf("of files that only their owner reads: %q", got)
	}
}

// TestWordsOfTheCommandLine: a fault in a line that stands for one is not put into the file.
func TestWordsOfTheCommandLine(t *testing.T) {
	for _, end := range []string{"", "\n"} {
		file := filepath.Join(t.TempDir(), "x.ovpn")
		if err := os.WriteFile(file, []byte("client\nnosuch"+end), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(file, "a profile", "route-only 1.2.3.400/8", "block-outside nothing")
		for _, want := range []string{file + ":2: nosuch", "command line: route-only", "command line: block-outside"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		}
	}
}
