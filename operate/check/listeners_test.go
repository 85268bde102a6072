package check

import (
	"crypto/rand"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"culvert/access/pki"
	"culvert/config"
)

// listenerFiles are a server's, with a certificate for vpn.example.org in web.crt, one for no
// name in bare.crt, and further keys.
func listenerFiles(t *testing.T) config.ReadFile {
	t.Helper()
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
	bare, err := authority.IssueServer(rand.Reader, checkedAt, "web", 0)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"web.crt": pair.CertPEM, "web.key": pair.KeyPEM, "bare.crt": bare.CertPEM, "bare.key": bare.KeyPEM, "other.key": other.KeyPEM, "ca.crt": authority.CertPEM(), "server.crt": pair.CertPEM, "server.key": pair.KeyPEM}
	return func(name string) ([]byte, error) {
		text, there := files[name]
		if !there {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		return text, nil
	}
}

// aServer is a configuration without anything to say of what follows it.
const aServer = "server 10.8.0.0 255.255.255.0\nca ca.crt\ncert server.crt\nkey server.key\ndh none\n"

// TestWebPages: what browsers would refuse is said, at its line.
func TestWebPages(t *testing.T) {
	read := listenerFiles(t)
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
		text := aServer + "setenv opt web-listen *:8443 " + c.words + "\nweb-url https://" + c.url + "\n"
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

// TestListeners: what is wrong with the certificates of the dashboard and the API, and who is
// admitted there or reaches metrics, is said at the line that it is about.
func TestListeners(t *testing.T) {
	read := listenerFiles(t)
	const board, url = "dashboard-listen *:8444 ", "\ndashboard-url https://vpn.example.org:8444\ndashboard-admit admins administer"
	for _, c := range []struct {
		lines string
		days  int
		want  []string // of each finding about a listener: line, severity, and a part of it
	}{
		{board + "web.crt web.key" + url, 1, nil},
		{board + "web.crt web.key" + url, 820, []string{"6 warning the certificate of the dashboard ends on"}},
		{board + "web.crt web.key" + url, 900, []string{"6 warning the certificate of the dashboard ended on"}},
		{board + "web.crt web.key" + url, -10, []string{"6 warning the certificate of the dashboard begins on"}},
		{board + "web.crt other.key" + url, 1, []string{"6 warning the certificate of the dashboard in web.crt and the key in other.key cannot be used together"}},
		{board + "none.crt web.key" + url, 1, []string{"6 warning the certificate of the dashboard cannot be read"}},
		{board + url, 1, []string{"6 note the certificate of the dashboard is one of the server's own authority"}},
		{"dashboard-listen 127.0.0.1:8444", 1, []string{"6 note nobody signs in to the dashboard but by a link"}},
		{"dashboard-listen 127.0.0.1:8444\ndashboard-admit admins read", 1, nil},
		{board + url + "\nweb-listen *:8443 web.crt web.key\nweb-url https://vpn.example.org:8443", 1, nil},
		{"dashboard-listen *:8444\ndashboard-url https://b.example\ndashboard-admit a read\nweb-listen *:8443 web.crt web.key\nweb-url https://vpn.example.org", 900,
			[]string{"6 warning the certificate of the dashboard is not for b.example, which dashboard-url names", "9 warning the certificate of web pages ended on"}},
		{"dashboard-listen *:8444\ndashboard-admit a read\nweb-listen *:8443 web.crt web.key\nweb-url https://a.example", 1,
			[]string{"6 warning the certificate of the dashboard is not for a.example, which web-url names", "8 warning the certificate of web pages is not for a.example"}},
		{"api-listen 192.0.2.1:8445", 1, nil},
		{"api-listen *:8445 bare.crt bare.key", 1, []string{"6 warning the certificate of the API is for no name and no address"}},
		{"api-listen *:8445 web.crt web.key", 900, []string{"6 warning the certificate of the API ended on"}},
		{"api-listen 10.8.0.1:8445", 1, []string{"6 warning 10.8.0.1 is an address in the tunnel (10.8.0.0/24)"}},
		{"metrics-listen 127.0.0.1:9176", 1, nil},
		{"metrics-listen [fd00::1]:9176", 1, nil},
		{"metrics-listen *:9176", 1, []string{"6 warning metrics are served by HTTP without a password"}},
		{"metrics-listen 192.0.2.1:9176\nmetrics-per user", 1, []string{"6 warning metrics are served by HTTP without a password to whoever reaches this host, and they name clients"}},
	} {
		var got []string
		for _, f := range Text("server.conf", []byte(aServer+c.lines+"\n"), read, checkedAt.AddDate(0, 0, c.days)).Findings {
			if f.Line > 5 {
				got = append(got, fmt.Sprintf("%d %s %s", f.Line, f.Severity, f.Text))
				if f.Instead == "" {
					t.Errorf("%s: nothing mends it", f.Text)
				}
			}
		}
		same := len(got) == len(c.want)
		for i := 0; same && i < len(got); i++ {
			same = strings.HasPrefix(got[i], c.want[i])
		}
		if !same {
			t.Errorf("%s, after %d days: got\n%s\nwant\n%s", c.lines, c.days, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
	client := "client\nremote 192.0.2.1\nsetenv opt metrics-listen 0.0.0.0:9176\n"
	if all := Text("x.ovpn", []byte(client), read, checkedAt).Findings; !slices.ContainsFunc(all, func(f Finding) bool { return f.Line == 3 && f.Kind == Insecure }) {
		t.Errorf("a client's metrics: %+v", all)
	}
}
