//go:build interop

package interop

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// buildProvider compiles a provider of OpenID Connect, which is a module of its own.
var buildProvider = sync.OnceValues(func() (string, error) {
	path, err := filepath.Abs("../../bin/oidcprovider")
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-trimpath", "-o", path, ".")
	cmd.Dir, cmd.Env = "../oidcprovider", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the provider: %w\n%s", err, out)
	}
	return path, nil
})

// browserWord is every user's password at the provider.
const browserWord = "correct horse"

// webIdentity writes a certificate for an address, which is its own authority, and its key.
func webIdentity(n *netns, address string) (cert, both string) {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-day), NotAfter: time.Now().Add(day), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.ParseIP(address)}, DNSNames: []string{providerName}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	text := pemText("CERTIFICATE", must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)))
	return n.file("web.crt", text), n.file("web.pem", text+pemText("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key))))
}

// signsInAt has a browser open a page of a server, go on to the provider, sign in there as
// somebody, and come back.
func signsInAt(page, name, authority string) error {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(must(os.ReadFile(authority)))
	browser := &http.Client{Timeout: 20 * time.Second, Jar: must(cookiejar.New(nil)), Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	read := func(r *http.Response, err error) (text string, at *url.URL) {
		if err != nil {
			return err.Error(), nil
		}
		defer r.Body.Close()
		return html.UnescapeString(string(must(io.ReadAll(r.Body)))), r.Request.URL
	}
	text, _ := read(browser.Get(page))
	form := regexp.MustCompile(`name="form" value="([^"]+)"`).FindStringSubmatch(text)
	if form == nil {
		return errors.New("no page to sign in: " + text)
	}
	fmt.Println(text)
	text, at := read(browser.PostForm(page, url.Values{"form": {form[1]}}))
	id := regexp.MustCompile(`name="id" value="([^"]+)"`).FindStringSubmatch(text)
	if id == nil {
		return errors.New("the provider has no page to sign in: " + text)
	}
	text, _ = read(browser.PostForm(at.String(), url.Values{"id": {id[1]}, "username": {name}, "password": {browserWord}}))
	fmt.Println(text)
	return nil
}

// browserServer is a server whose people sign in at a provider.
type browserServer struct {
	*netns
	lab       *lab
	dir, cert string
	server    *process
}

// browserAddress is where the server and the provider are for everybody, and providerName
// how everybody but the server's chroot calls the provider.
const (
	browserAddress = "203.0.113.1"
	providerName   = "sso.lab.example"
)

// knowsProvider has a host know the provider's name.
func (n *netns) knowsProvider() {
	n.t.Helper()
	if err := os.WriteFile(filepath.Join(etcDir(n.name), "hosts"), []byte("127.0.0.1 localhost\n"+browserAddress+" "+providerName+"\n"), 0o644); err != nil {
		n.t.Fatal(err)
	}
}

// newBrowserServer serves with more lines, people who all are staff at the provider but eve.
func newBrowserServer(t *testing.T, more []string, people ...string) *browserServer {
	program, err := buildProvider()
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(t)
	b := &browserServer{netns: l.host("s"), lab: l}
	b.ip("addr", "add", browserAddress+"/32", "dev", "lo")
	b.dir = filepath.Join(b.netns.dir, "vpn")
	cert, both := webIdentity(b.netns, browserAddress)
	b.cert = cert
	b.knowsProvider()
	users, groups := make(map[string]map[string]any), make(map[string][]string)
	for _, name := range people {
		if groups["id-"+name] = []string{"others", "staff"}; name == "eve" {
			groups["id-"+name] = []string{"others"}
		}
		users["id-"+name] = map[string]any{"ID": "id-" + name, "Username": name, "Password": browserWord, "FirstName": name, "LastName": "Lab", "PreferredLanguage": "en"}
	}
	provider := "https://" + providerName + ":9100"
	b.start("oidcprovider", program, "--listen", browserAddress+":9100", "--issuer", provider, "--cert", both,
		"--users", b.file("users.json", string(must(json.Marshal(users)))), "--groups", b.file("groups.json", string(must(json.Marshal(groups)))), "--redirect", "https://"+browserAddress+":8443/signin/callback").expect(regexp.MustCompile("the provider answers"), 1, patience)
	b.culvert("init", "--host", browserAddress, "--network6", innerIPv6.String())
	conf := filepath.Join(b.dir, "server.conf")
	lines := append([]string{"reneg-sec 3 3", "web-listen *:8443 " + cert + " " + both, "web-url https://" + browserAddress + ":8443",
		"oidc-issuer " + provider, "oidc-client culvert " + b.file("secret", "word\n")}, more...)
	if err := os.WriteFile(conf, []byte(string(must(os.ReadFile(conf)))+"\n"+strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.culvert("group", "set", "everyone", "--require", "certificate+browser,browser")
	b.serve()
	return b
}

// serve starts the server.
func (b *browserServer) serve() {
	b.t.Helper()
	b.server = b.start("culvert serve", "env", "SSL_CERT_FILE="+b.cert, culvert(b.t), "serve", "--dir", b.dir, "--state-dir", filepath.Join(b.netns.dir, "state")).up()
}

func (b *browserServer) culvert(words ...string) string {
	b.t.Helper()
	return b.output(append(append([]string{culvert(b.t)}, words...), "--dir", b.dir)...)
}

// guest makes a host with the profile of a new user's device, which has more lines.
func (b *browserServer) guest(user string, more ...string) (c *netns, profile string) {
	b.t.Helper()
	c = b.host("c" + user)
	b.culvert("user", "add", user)
	made := filepath.Join(b.netns.dir, user+".ovpn")
	b.culvert("device", "add", "laptop", "--user", user, "-o", made)
	return c, c.file("client.conf", string(must(os.ReadFile(made)))+"\n"+strings.Join(more, "\n")+"\n")
}

// host makes one that reaches the server and the provider.
func (b *browserServer) host(name string) *netns {
	b.t.Helper()
	c := b.lab.host(name)
	w := b.lab.join(c, b.netns)
	c.ip("route", "add", "default", "via", w.b4.String())
	c.knowsProvider()
	return c
}

// signIn has somebody sign in at the page that a client shows, and returns what they read.
func (b *browserServer) signIn(c *netns, client *process, name string) (read string) {
	b.t.Helper()
	client.expect(browserPage, 1, patience)
	page := browserPage.FindStringSubmatch(client.log())[1]
	p := c.helper("sign-in", page, name, b.cert)
	if err := p.wait(patience); err != nil {
		b.t.Errorf("the browser of %s: %v\n%s", name, err, p.log())
	}
	return p.log()
}

var browserPage = regexp.MustCompile(`(https://` + regexp.QuoteMeta(browserAddress) + `:8443/signin/[\w-]+)`)

// TestSignInByBrowser: clients of each kind sign in at a provider of OpenID Connect, stay
// through three renewals of keys and a restart of the server without another question, and
// are out when their user is disabled.
func TestSignInByBrowser(t *testing.T) {
	t.Parallel()
	login := func(n string) []string { return []string{"auth-user-pass up.txt", "auth-nocache", "# " + n} }
	guests := []struct {
		name string
		impl implementation
		more []string
	}{
		{"guest0", openvpn26.implementation, nil},
		{"guest1", openvpn27.implementation, nil},
		{"guest2", openvpn26.implementation, append(login("a user name"), "setenv IV_SSO openurl")},
		{"guest3", openvpn25.implementation, login("a user name")},
		{"guest4", ours, nil},
	}
	b := newBrowserServer(t, nil, "guest0", "guest1", "guest2", "guest3", "guest4")
	clients := make([]*process, len(guests))
	for i, g := range guests {
		c, profile := b.guest(g.name, append([]string{"reneg-sec 0", "connect-retry 1 2"}, g.more...)...)
		c.file("up.txt", g.name+"\nx\n")
		clients[i] = c.run(g.impl, profile)
		read := b.signIn(c, clients[i], g.name)
		for _, want := range []string{"laptop." + g.name, "You are signed in as " + g.name} {
			if !strings.Contains(read, want) {
				t.Errorf("%s: the browser does not say %q:\n%s", g.impl.name, want, read)
			}
		}
		clients[i].up()
	}
	for _, g := range guests {
		b.server.expect(regexp.MustCompile(`keys renewed.*laptop\.`+g.name), 3, patience)
	}
	b.server.stop(syscall.SIGTERM)
	b.serve()
	for i, g := range guests {
		clients[i].expect(initialized, 2, patience)
		if n := clients[i].count(browserPage); n != 1 {
			t.Errorf("%s was shown %d pages", g.impl.name, n)
		}
	}
	for i, g := range guests {
		began := time.Now()
		b.culvert("user", "disable", g.name)
		told := time.Now()
		b.server.expect(regexp.MustCompile(`user `+g.name+` is disabled`), 1, patience)
		t.Logf("%s is out %v after the command, which took %v", g.impl.name, time.Since(told).Round(time.Millisecond), told.Sub(began).Round(time.Millisecond))
		clients[i].expect(regexp.MustCompile("AUTH_FAILED"), 1, patience)
		if took := time.Since(began); took > outBy {
			t.Errorf("%s is out after %v", g.impl.name, took)
		}
	}
}

// TestBrowserOfAnother: somebody else who signs in at a client's page is refused, in the
// browser, at the client and in the audit log; and a client that can open no page hears what
// would help. By a profile that is nobody's, those get in whom the provider has in a group that
// is admitted, and become users with groups; others do not, nor who only has the name of a user
// of this server. The server is in a chroot without root's rights.
func TestBrowserOfAnother(t *testing.T) {
	t.Parallel()
	b := newBrowserServer(t, []string{"oidc-scope openid profile custom_scope", "oidc-groups groups", "oidc-admit staff", "user nobody", "chroot " + t.TempDir()}, "alice", "bob", "carol", "dora", "eve")
	b.culvert("group", "add", "crew", "--source", "oidc:staff")
	c, profile := b.guest("alice", "connect-retry-max 1")
	b.culvert("user", "add", "bob")
	client := c.run(openvpn26.implementation, profile)
	read := b.signIn(c, client, "bob")
	if !strings.Contains(read, "You are bob at the provider. This profile is that of another user.") {
		t.Errorf("the browser says:\n%s", read)
	}
	client.expect(regexp.MustCompile("AUTH_FAILED"), 1, patience)
	client.wait(patience)
	if log := string(must(os.ReadFile(filepath.Join(b.dir, "audit.log")))); !strings.Contains(log, "this profile is that of another user") {
		t.Errorf("the audit log says:\n%s", log)
	}
	text := strings.ReplaceAll(string(must(os.ReadFile(profile))), "setenv IV_SSO webauth", "")
	blind := c.run(openvpn26.implementation, c.file("blind.conf", text))
	blind.expect(regexp.MustCompile(`AUTH_FAILED,.*setenv IV_SSO webauth`), 1, patience)
	blind.wait(patience)
	for _, p := range []*process{client, blind} {
		if p.count(initialized) > 0 {
			t.Error("somebody who may not is in")
		}
	}
	b.admits(t)
}

// admits is the part of TestBrowserOfAnother for people whom the server does not know.
func (b *browserServer) admits(t *testing.T) {
	b.culvert("user", "add", "dora")
	made := filepath.Join(b.netns.dir, "gate.ovpn")
	b.culvert("client", "add", "gate", "-o", made)
	c := b.host("gate")
	profile := c.file("gate.conf", string(must(os.ReadFile(made)))+"\nsetenv IV_SSO webauth\npush-peer-info\nconnect-retry-max 1\n")
	for _, p := range []struct{ name, read string }{
		{"eve", "You are not known here as eve"},
		{"dora", "You are dora at the provider. The user of that name here is not yours"},
		{"carol", "You are signed in as carol"},
	} {
		client := c.run(openvpn26.implementation, profile)
		if read := b.signIn(c, client, p.name); !strings.Contains(read, p.read) {
			t.Errorf("the browser of %s says:\n%s", p.name, read)
		}
		if p.name == "carol" {
			client.up()
			continue
		}
		client.expect(regexp.MustCompile("AUTH_FAILED"), 1, patience)
		client.wait(patience)
	}
	var carol struct {
		Source string
		Groups []string
	}
	if text := b.culvert("user", "show", "carol", "--json"); json.Unmarshal([]byte(text), &carol) != nil || carol.Source != "oidc" || !slices.Equal(carol.Groups, []string{"crew"}) {
		t.Errorf("carol is %+v", carol)
	}
}
