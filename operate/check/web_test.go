package check

import (
	"crypto/rand"
	"io/fs"
	"strings"
	"testing"

	"culvert/access/pki"
)

// TestWebPages: what browsers would refuse is said, at its line.
func TestWebPages(t *testing.T) {
	authority, err := pki.NewAuthority(rand.Reader, checkedAt, pki.Options{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.IssueServer(rand.Reader, checkedAt, "web", 0, "vpn.example.org")
	if err != nil {
		t.Fatal(err)
	}
	other, err := authority.IssueServer(rand.Reader, checkedAt, "web", 0, "vpn.example.org")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"web.crt": pair.CertPEM, "web.key": pair.KeyPEM, "other.key": other.KeyPEM, "ca.crt": authority.CertPEM(), "server.crt": pair.CertPEM, "server.key": pair.KeyPEM}
	read := func(name string) ([]byte, error) {
		text, there := files[name]
		if !there {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		return text, nil
	}
	for _, c := range []struct {
		words, url, want string
		days             int
	}{
		{"web.crt web.key", "vpn.example.org", "", 1},
		{"", "vpn.example.org", "do not trust", 1},
		{"none.crt web.key", "vpn.example.org", "cannot be read", 1},
		{"web.crt none.key", "vpn.example.org", "cannot be read", 1},
		{"web.crt other.key", "vpn.example.org", "cannot be used together", 1},
		{"web.key web.crt", "vpn.example.org", "cannot be used together", 1},
		{"web.crt web.key", "vpn.example.com", "not for vpn.example.com", 1},
		{"web.crt web.key", "vpn.example.org", "web pages ends on", 820},
		{"web.crt web.key", "vpn.example.org", "web pages ended on", 900},
	} {
		text := "server 10.8.0.0 255.255.255.0\nca ca.crt\ncert server.crt\nkey server.key\ndh none\nsetenv opt web-listen *:8443 " + c.words + "\nweb-url https://" + c.url + "\n"
		got := ""
		for _, f := range Text("server.conf", []byte(text), read, checkedAt.AddDate(0, 0, c.days)).Findings {
			if strings.Contains(f.Text, "web pages") {
				got += f.Text
				if f.Line != 6 {
					t.Errorf("%s: line %d", f.Text, f.Line)
				}
			}
		}
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s, %s: %q, want %q", c.words, c.url, got, c.want)
		}
	}
}
