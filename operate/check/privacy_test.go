package check

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/access/pki"
	"culvert/host/process"
)

// secret is in files that a stranger's configuration names.
const secret = "root:SECRETWORD:0:0"

// TestNothingIsRevealed: what files hold that a configuration names is not shown,
// whatever they are named as.
func TestNothingIsRevealed(t *testing.T) {
	dir := t.TempDir()
	ccd := filepath.Join(dir, "ccd")
	if err := os.Mkdir(ccd, 0o700); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "shadow")
	for _, path := range []string{name, filepath.Join(ccd, "anna")} {
		if err := os.WriteFile(path, []byte(secret+"\n"+secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	client := "client\nremote 192.0.2.1\nca " + name + "\n"
	server := "server 10.8.0.0 255.255.255.0\nca " + name + "\ncert " + name + "\nkey " + name + "\n"
	for _, text := range []string{
		client, server, client + "config " + name + "\n", client + "auth-user-pass " + name + "\n", client + "askpass " + name + "\n",
		client + "tls-crypt " + name + "\n", client + "tls-crypt-v2 " + name + "\n", client + "tls-auth " + name + " 1\n", client + "crl-verify " + name + "\n",
		client + "pkcs12 " + name + "\n", client + "http-proxy 192.0.2.2 80 " + name + " basic\n", server + "client-config-dir " + ccd + "\n", server + "capath " + ccd + "\n",
		server + "management 127.0.0.1 7505 " + name + "\n", "dev tun\nsecret " + name + "\n", "client\n<auth-user-pass>\n" + secret + "\n" + secret + "\n</auth-user-pass>\n",
		client + "<key>" + secret + "</key>\n", "client\nremote 192.0.2.1\npeer-fingerprint " + strings.Repeat("00", 32) + "\n<auth-user-pass>" + secret + "\n" + secret + "\n</auth-user-pass>\n",
	} {
		r := Text("x.conf", []byte(text), process.ReadFile, checkedAt)
		var people bytes.Buffer
		r.Print(&people)
		programs, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		shown := people.String() + string(programs)
		if fixed, err := Fix("x.conf", []byte(text), process.ReadFile); err == nil {
			shown += fixed.Diff
		} else {
			shown += err.Error()
		}
		if strings.Contains(shown, "SECRETWORD") {
			t.Errorf("of\n%s\nit shows what the file holds:\n%s", text, shown)
		}
	}
}

// TestSecretsOfLines: words of the configuration itself that may be secrets are shown
// neither in a report nor in what --fix changed, and stay in what it writes.
func TestSecretsOfLines(t *testing.T) {
	key, err := os.ReadFile("testdata/client.key")
	if err != nil {
		t.Fatal(err)
	}
	key = regexp.MustCompile(`(?m)^([^-])`).ReplaceAll(key, []byte("SECRETWORD$1"))
	_, middle, _ := strings.Cut(string(key), "\n")
	middle, _, _ = strings.Cut(middle, "-----END")
	client := "client\nremote 192.0.2.1 1194 tcp\npeer-fingerprint " + strings.Repeat("00", 32) + "\n"
	server := "server 10.8.0.0 255.255.255.0\ntopology subnet\n"
	for _, text := range []string{
		client + "setenv PASSWORD SECRETWORD\nkeysize 256\n", client + "setenv-safe VPN_TOKEN SECRETWORD\nkeysize 256\n", client + "setenv UV_PIN SECRETWORD\n",
		client + "setenv opt auth-token SECRETWORD\n", client + "setenv opt plugin x.so SECRETWORD\n",
		client + "auth-user-pass anna SECRETWORD\n", client + "auth-user-pass\nanna\nSECRETWORD\n", client + "auth-user-pass\nanna\nmy SECRETWORD\n",
		client + "askpass SECRETWORD\n", client + "pkcs12 x.p12 SECRETWORD\n", client + "scramble SECRETWORD\n", client + "scramble xormask SECRETWORD\n",
		client + "http-proxy 192.0.2.2 80 SECRETWORD basic\nkeysize 256\n", client + "socks-proxy 192.0.2.2 80 SECRETWORD\n",
		client + "http-proxy anna:SECRETWORD@192.0.2.2 80\n", client + "http-proxy 192.0.2.2 80\nhttp-proxy-option CUSTOM-HEADER Authorization \"Basic SECRETWORD\"\nkeysize 256\n",
		client + "http-proxy 192.0.2.2 80\nhttp-proxy-option CUSTOM-HEADER \"Cookie: SECRETWORD\"\nkeysize 256\n",
		client + "script-security 2\nup \"/bin/true --password SECRETWORD\" # pin: SECRETWORD\nkeysize 256\n", client + "script-security 2\nup '/bin/true PASSWORD=SECRETWORD'\n",
		client + "# the password is SECRETWORD\nkeysize 256\n", client + ";auth-user-pass anna SECRETWORD\nkeysize 256\n", client + "auth-token SECRETWORD\n",
		client + "auth-pasword SECRETWORD\n", client + string(key), client + middle + "keysize 256\n", client + "<kye>\n" + string(key) + "</kye>\n", client + "<key>\n" + string(key), client + "#" + strings.ReplaceAll(string(key), "\n", "\n#") + "\nkeysize 256\n",
		client + strings.Repeat("SECRETWORD", 7) + "\n", "[Interface]\nPrivateKey = SECRETWORD\n", client + "http-proxy-user-pass anna SECRETWORD\n",
		client + "<connection>\nremote 192.0.2.3\nauth-user-pass x SECRETWORD\n</connection>\n",
		server + "plugin /usr/lib/openvpn-plugin-auth-pam.so openvpn login USERNAME password PASSWORD realm SECRETWORD\ncomp-lzo\n",
		server + "plugin /usr/lib/openvpn-plugin-auth-pam.so \"openvpn login USERNAME password SECRETWORD\"\n", server + "plugin /opt/duo.so 'IKEY SECRETWORD host'\ncomp-lzo\n",
		server + "plugin /opt/duo.so SECRETWORD SECRETWORD https://anna:SECRETWORD@example.org\n", server + "push \"auth-token SECRETWORD\"\ncomp-lzo\n",
		server + "push auth-token SECRETWORD\ncomp-lzo\n", server + "push \"setenv-safe TOKEN SECRETWORD\"\n", server + "push \"echo SECRET=SECRETWORD\"\n",
		server + "push \"dhcp-option PROXY_AUTO_CONFIG_URL http://anna:SECRETWORD@example.org/p\"\n", server + "management 127.0.0.1 7505 SECRETWORD\ncomp-lzo\n",
	} {
		showsNoSecret(t, text)
	}
}

// TestSecretsInFaults: what is said about a line shows no secret of it that is cut,
// escaped, joined with other words, or in a line that cannot be read.
func TestSecretsInFaults(t *testing.T) {
	client := "client\nremote 192.0.2.1 1194 tcp\npeer-fingerprint " + strings.Repeat("00", 32) + "\n"
	server := "server 10.8.0.0 255.255.255.0\ntopology subnet\n"
	long, x70 := strings.Repeat("SECRETWORD", 9), strings.Repeat("x", 70)
	for _, text := range []string{
		client + long + "\n", client + strings.Repeat("SECRETWORD", 160) + "=\n", client + "auth-pasword " + long + "\n", client + "auth-token " + long + "\n", client + "askpass " + long + "\n",
		client + "auth-user-pass anna " + long + "\n", client + "auth-user-pass\nanna\n" + long + "\n", client + "pkcs12 x.p12 " + long + " y\n", client + "auth-user-pass\nanna\n“SECRETWORD”\n",
		client + "auth-user-pass anna “SECRETWORD”\n", client + "auth-user-pass anna “" + long + "”\n", client + "auth-user-pass\nanna\n“" + long + "”\n",
		client + `auth-user-pass anna 'SECRETWORD\"x' y` + "\n", client + `http-proxy-user-pass anna 'x"\SECRETWORD\' "a\\SECRETWORD"` + "\n", client + "pkcs12 x.p12 " + x70 + " SECRETWORDS\n",
		client + "auth-user-pass a " + x70[1:] + ` 'SECRETWORD"\SECRETWORD'` + "\n", client + "auth-user-pass a " + x70[5:] + ` '"\"SECRETWORD"\SECRETWORD'` + "\n", client + "scramble xormask " + x70 + " SECRETWORDS\n",
		client + "auth-user-pass a SECRETWORD SECRETWORD" + x70 + "\n", client + "askpass my SECRETWORD " + long + "\n", client + "socks-proxy 192.0.2.2 80 my SECRETWORD\n",
		server + "push \"auth-token " + long + "\"\n", server + "push auth-token " + long + "\n", server + "push \"setenv-safe TOKEN " + long + " " + long + "\"\n", server + "push \"auth-token a\tSECRETWORD\"\n",
		server + `push 'auth-token "SECRET\\SECRETWORD"'` + "\n", server + `push auth-token 'SECRETWORD"\' 'x\SECRETWORD'` + "\n", server + `push "setenv-safe TOKEN a SECRETWORD"` + "\n", server + "push \"auth-token a,SECRETWORD\"\n",
		server + "push \"echo x\" \"PASSWORD=" + long + "\"\n", server + "push \"auth-tokn " + long + "\"\n", server + "push \"auth-token " + strings.Repeat(long, 11) + "\"\n", server + "push setenv-safe TOKEN " + x70[17:] + " SECRETWORDS\n",
		server + "management 127.0.0.1 7505 " + long + " " + long + "\n", server + "plugin /opt/duo.so " + long + " " + long + "\n",
		server + "setenv opt push \"auth-token a SECRETWORD\"\n", server + "push setenv-safe TOKEN \"a b SECRETWORD\"\n", server + "push auth-token \"a b " + long + "\"\n",
	} {
		showsNoSecret(t, text)
	}
}

// TestDeepLines: lines in lines of a hundred kilobytes are checked in the time of others.
func TestDeepLines(t *testing.T) {
	for _, text := range []string{"setenv opt push ", "push setenv opt ", "push "} {
		showsNoSecret(t, "server 10.8.0.0 255.255.255.0\npush "+strings.Repeat(text, 6000)+"auth-token SECRETWORD\n")
	}
}

// showsNoSecret checks and fixes a text, of which nothing may show SECRETWORD.
func showsNoSecret(t *testing.T, text string) {
	t.Helper()
	r := Text("x.conf", []byte(text), process.ReadFile, checkedAt)
	var people bytes.Buffer
	if err := r.Print(&people); err != nil {
		t.Fatal(err)
	}
	programs, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	shown := people.String() + string(programs)
	if fixed, err := Fix("x.conf", []byte(text), process.ReadFile); err == nil {
		shown += fixed.Diff
		if strings.Count(string(fixed.Text), "SECRETWORD") != strings.Count(text, "SECRETWORD") {
			t.Errorf("of\n%s\nthe secret is lost:\n%s", text, fixed.Text)
		}
	} else {
		shown += err.Error()
	}
	if strings.Contains(shown, "SECRETWORD") {
		t.Errorf("of\n%s\nit shows what may be a secret:\n%s", text, shown)
	}
}

// TestEnds: certificates and lists that end within a month, and keys that others read,
// are said.
func TestEnds(t *testing.T) {
	now := time.Now()
	dir := t.TempDir()
	file := func(name string, text []byte, perm os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, perm); err != nil {
			t.Fatal(err)
		}
		return path
	}
	authority, err := pki.NewAuthority(rand.Reader, now, pki.Options{Name: "ca"})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.IssueClient(rand.Reader, now, "anna", 20*24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	text := "client\nremote 192.0.2.1\nremote-cert-tls server\nca " + file("ca.crt", authority.CertPEM(), 0o644) +
		"\ncert " + file("anna.crt", pair.CertPEM, 0o644) + "\nkey " + file("anna.key", pair.KeyPEM, 0o644) + "\n"
	r := Text("x.ovpn", []byte(text), process.ReadFile, now)
	for _, want := range []struct {
		line int
		text string
	}{{5, "a certificate ends on " + now.Add(20*24*time.Hour).UTC().Format(time.DateOnly)}, {6, "others than the file's owner may read"}} {
		if !slices.ContainsFunc(r.Findings, func(f Finding) bool {
			return f.Line == want.line && f.Kind == Insecure && f.Severity == Warn && strings.Contains(f.Text, want.text)
		}) {
			t.Errorf("no finding in line %d with %q: %+v", want.line, want.text, r.Findings)
		}
	}
}
