package container

import (
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culvert/access/pki"
	"culvert/config"
)

var update = flag.Bool("update", false, "write the table of variables into docs/container.md")

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// noFile is for environments that name no file.
func noFile(name string) ([]byte, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// start reads an environment and prepares a directory by it, and returns what it logged.
func start(t *testing.T, dir string, environ ...string) (log string, err error) {
	t.Helper()
	s, err := Read(append(environ, "CULVERT_DIR="+dir), os.ReadFile)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	err = s.Prepare(epoch, rand.Reader, slog.New(slog.NewTextHandler(&text, nil)))
	return text.String(), err
}

// conf parses the directory's server.conf.
func conf(t *testing.T, dir string) *config.Config {
	t.Helper()
	path := filepath.Join(dir, "server.conf")
	c, err := config.ParseFile(path, []byte(text(t, path)), os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func text(t *testing.T, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestFirstStart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "vpn")
	log, err := start(t, dir, "PATH=/bin", "CULVERT_HOST=vpn.example.org:443", "CULVERT_PORT=11940", "CULVERT_PROTO=tcp", "CULVERT_NETWORK=10.9.0.0/24",
		"CULVERT_NETWORK6=fd00:9::/64", "CULVERT_ROUTES=10.1.0.0/16,fd01::/64", "CULVERT_DNS=10.1.0.53 fd01::53", "CULVERT_VERB=4",
		"CULVERT_CONFIG=max-clients 7\r\nclient-to-client", "CULVERT_CLIENTS=phone, laptop", "CULVERT_USERSPACE=", "CULVERT_SERVICE_HOST=10.0.0.1", "CULVERT_WORKER=3")
	if err != nil {
		t.Fatal(err)
	}
	c := conf(t, dir)
	if len(c.Notes) > 0 {
		t.Errorf("notes %v", c.Notes)
	}
	if c.Link.LocalPort != 11940 || c.Server.Network.String() != "10.9.0.0/24" || c.Server.NetworkIPv6.String() != "fd00:9::/64" || c.Process.Verb != 4 || c.Server.MaxClients != 7 || !c.Server.ClientToClient {
		t.Errorf("port %d, networks %v %v, verb %d, %d clients, client-to-client %v", c.Link.LocalPort, c.Server.Network, c.Server.NetworkIPv6, c.Process.Verb, c.Server.MaxClients, c.Server.ClientToClient)
	}
	all := text(t, dir, "server.conf")
	for _, line := range []string{"proto tcp", `push "route 10.1.0.0 255.255.0.0"`, `push "route-ipv6 fd01::/64"`, `push "dhcp-option DNS 10.1.0.53"`, `push "dhcp-option DNS6 fd01::53"`} {
		if !strings.Contains(all, "\n"+line+"\n") {
			t.Errorf("no line %q in %s", line, all)
		}
	}
	if strings.Contains(all, "\nexplicit-exit-notify") || strings.Contains(all, "\npush \"redirect-gateway") {
		t.Errorf("lines that do not belong to TCP and routes: %s", all)
	}
	for _, name := range []string{"phone", "laptop"} {
		profile := text(t, dir, "profiles", name+".ovpn")
		if !strings.Contains(profile, "\nremote vpn.example.org 443\n") || !strings.Contains(profile, "\nproto tcp\n") || strings.Contains(profile, "\nexplicit-exit-notify") {
			t.Errorf("profile of %s:\n%s", name, profile)
		}
	}
	if strings.Count(log, "made a profile") != 2 || !strings.Contains(log, "made a server") {
		t.Errorf("log:\n%s", log)
	}
}

// TestLaterStarts: the same variables change nothing, others change the configuration and
// neither keys nor the random network.
func TestLaterStarts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "vpn")
	begin := func(environ ...string) string {
		t.Helper()
		log, err := start(t, dir, append(environ, "CULVERT_HOST=vpn.example.org")...)
		if err != nil {
			t.Fatal(err)
		}
		return log
	}
	begin("CULVERT_CLIENTS=phone")
	first, key, profile := text(t, dir, "server.conf"), text(t, dir, "ca.key"), text(t, dir, "profiles", "phone.ovpn")
	network := conf(t, dir).Server.NetworkIPv6
	if log := begin("CULVERT_CLIENTS=phone"); log != "" || text(t, dir, "server.conf") != first {
		t.Errorf("the same variables again: %s", log)
	}
	log := begin("CULVERT_CLIENTS=phone tablet", "CULVERT_PORT=443")
	if !strings.Contains(log, "the variables changed") || !strings.Contains(log, "tablet.ovpn") || strings.Contains(log, "phone.ovpn") {
		t.Errorf("log:\n%s", log)
	}
	c := conf(t, dir)
	if c.Link.LocalPort != 443 || c.Server.NetworkIPv6 != network || text(t, dir, "ca.key") != key || text(t, dir, "profiles", "phone.ovpn") != profile {
		t.Errorf("port %d, network %v, before %v; or a key or profile changed", c.Link.LocalPort, c.Server.NetworkIPv6, network)
	}
	if p := text(t, dir, "profiles", "tablet.ovpn"); !strings.Contains(p, "\nremote vpn.example.org 443\n") {
		t.Errorf("the new client's profile has the old port:\n%s", p)
	}
	os.Remove(filepath.Join(dir, "profiles", "phone.ovpn"))
	if log := begin("CULVERT_CLIENTS=phone tablet", "CULVERT_PORT=443"); log != "" {
		t.Errorf("a profile that was moved away is not made again: %s", log)
	}
}

// TestEdited: an edited configuration stays, and the log names what has no effect.
func TestEdited(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "vpn")
	if _, err := start(t, dir, "CULVERT_HOST=vpn.example.org"); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "server.conf")
	edited := strings.Replace(text(t, path), "verb 3", "verb 5", 1)
	os.WriteFile(path, []byte(edited), 0o600)
	log, err := start(t, dir, "CULVERT_HOST=vpn.example.org", "CULVERT_PORT=443", "CULVERT_CLIENTS=phone")
	if err != nil || !strings.Contains(log, "CULVERT_HOST, CULVERT_PORT") || !strings.Contains(log, "was edited") || !strings.Contains(log, "made a profile") {
		t.Errorf("%v, log:\n%s", err, log)
	}
	if text(t, path) != edited {
		t.Error("it was written over")
	}
	os.WriteFile(path, []byte("server 10.8.0.0 255.255.255.0\n"), 0o600)
	if log, err := start(t, dir); err != nil || log != "" {
		t.Errorf("another server's configuration, and no variables: %v, %s", err, log)
	}
}

func TestOwnAuthority(t *testing.T) {
	ca, err := pki.NewAuthority(rand.Reader, epoch, pki.Options{Name: "Ours"})
	if err != nil {
		t.Fatal(err)
	}
	key, err := ca.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	dir, keyFile := filepath.Join(t.TempDir(), "vpn"), filepath.Join(t.TempDir(), "key")
	os.WriteFile(keyFile, append(key, '\n'), 0o600)
	if _, err := start(t, dir, "CULVERT_HOST=a.example", "CULVERT_CA_KEY_FILE="+keyFile); err == nil || !strings.Contains(err.Error(), "belong together") {
		t.Errorf("a key without a certificate: %v", err)
	}
	if _, err := start(t, dir, "CULVERT_HOST=a.example", "CULVERT_CA_KEY_FILE="+keyFile, "CULVERT_CA_CERT="+string(ca.CertPEM())); err != nil {
		t.Fatal(err)
	}
	if text(t, dir, "ca.crt") != string(ca.CertPEM()) {
		t.Error("the server has another authority")
	}
	if log, err := start(t, dir, "CULVERT_HOST=a.example", "CULVERT_CA_KEY_FILE="+keyFile); err != nil || !strings.Contains(log, "has its authority already") {
		t.Errorf("%v, %s", err, log)
	}
}

// TestBadVariables: each is refused with its name, what was expected, and nothing made.
func TestBadVariables(t *testing.T) {
	long := filepath.Join(t.TempDir(), "long")
	os.WriteFile(long, make([]byte, maxValue+1), 0o600)
	for line, want := range map[string]string{
		"CULVERT_HOTS=a":                             "no such variable",
		"CULVERT_WEB_HOST=a":                         "enableServiceLinks: false",
		"CULVERT_LISTEN_PORT=1194":                   "no such variable",
		"CULVERT_PORT_FIEL=/run/secrets/port":        "no such variable",
		"CULVERT_HOST=a b":                           "CULVERT_HOST: ",
		"CULVERT_HOST=a:70000":                       "CULVERT_HOST: ",
		"CULVERT_PORT=0":                             "from 1 to 65535",
		"CULVERT_PORT=65536":                         "from 1 to 65535",
		"CULVERT_PORT=tcp://10.0.0.1:1194":           "enableServiceLinks: false",
		"CULVERT_PROTO=sctp":                         "expected udp or tcp",
		"CULVERT_NETWORK=10.8.0.1/24":                "no bits set",
		"CULVERT_NETWORK=fd00::/64":                  "expected an IPv4 network",
		"CULVERT_NETWORK6=10.0.0.0/8":                "expected an IPv6 network",
		"CULVERT_ROUTES=10.1.0.0":                    "CULVERT_ROUTES: ",
		"CULVERT_DNS=dns.example":                    "expected IP addresses, or none",
		"CULVERT_DNS=fe80::1%eth0":                   "expected IP addresses, or none",
		"CULVERT_VERB=12":                            "from 0 to 11",
		"CULVERT_VERB=-1":                            "from 0 to 11",
		"CULVERT_CLIENTS=../phone":                   "CULVERT_CLIENTS: ",
		"CULVERT_CONFIG=" + strings.Repeat("x", 300): "OpenVPN reads no more than",
		"CULVERT_DIR=vpn":                            "begins with /",
		"CULVERT_USERSPACE=maybe":                    "expected yes or no",
		"CULVERT_ALLOW_LAN=2":                        "expected yes or no",
		"CULVERT_CA_KEY=hunter2":                     "CULVERT_CA_KEY_FILE",
		"CULVERT_CA_CERT=x":                          "belong together",
		"CULVERT_PORT_FILE=/nonexistent/port":        "CULVERT_PORT_FILE: open /nonexistent/port",
		"CULVERT_CONFIG_FILE=" + long:                "no value is longer",
	} {
		dir := filepath.Join(t.TempDir(), "vpn")
		environ := []string{line, "CULVERT_DIR=" + dir}
		if !strings.HasPrefix(line, "CULVERT_HOST") {
			environ = append(environ, "CULVERT_HOST=vpn.example.org")
		}
		if strings.HasPrefix(line, "CULVERT_DIR") {
			environ = environ[:1]
		}
		s, err := Read(environ, os.ReadFile)
		if err == nil {
			err = s.Prepare(epoch, rand.Reader, slog.New(slog.DiscardHandler))
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v; expected %q in it", line, err, want)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error has the secret: %v", line, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "server.conf")); !errors.Is(err, fs.ErrNotExist) && !strings.HasPrefix(line, "CULVERT_CLIENTS") {
			t.Errorf("%.60s: a server was made", line)
		}
	}
}

// TestServices: what Kubernetes sets for other Services is not for us.
func TestServices(t *testing.T) {
	for _, service := range []string{"CULVERT_WEB", "CULVERT_CONFIG", "CULVERT"} {
		environ := []string{"CULVERT_HOST=vpn.example.org", "CULVERT_CONFIG_FILE="}
		for _, line := range []string{"_SERVICE_HOST=10.0.0.1", "_SERVICE_PORT=80", "_SERVICE_PORT_HTTP=80", "_PORT=tcp://10.0.0.1:80", "_PORT_80_TCP=tcp://10.0.0.1:80",
			"_PORT_80_TCP_PROTO=tcp", "_PORT_80_TCP_PORT=80", "_PORT_80_TCP_ADDR=10.0.0.1", "_PORT_1194_UDP=udp://10.0.0.1:1194"} {
			if service != "CULVERT" || !strings.HasPrefix(line, "_PORT=") {
				environ = append(environ, service+line)
			}
		}
		s, err := Read(environ, noFile)
		if err != nil || s.port != 0 || s.init.Lines != "" {
			t.Errorf("%s: %v; port %d, lines %q", service, err, s.port, s.init.Lines)
		}
	}
}

// TestLinesArePrivate: nobody else reads a server.conf with lines that may hold keys.
func TestLinesArePrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "vpn")
	for _, c := range []struct {
		lines string
		mode  fs.FileMode
	}{{"max-clients 5", 0o600}, {"max-clients 6", 0o600}, {"", 0o644}, {"max-clients 7", 0o600}} {
		if _, err := start(t, dir, "CULVERT_HOST=vpn.example.org", "CULVERT_CONFIG="+c.lines); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(filepath.Join(dir, "server.conf")); err != nil || info.Mode() != c.mode {
			t.Errorf("lines %q: %v, %v; expected %v", c.lines, info.Mode(), err, c.mode)
		}
	}
}

func TestFiles(t *testing.T) {
	read := func(name string) ([]byte, error) {
		if name != "/run/secrets/host" {
			return noFile(name)
		}
		return []byte("  vpn.example.org\r\n"), nil
	}
	s, err := Read([]string{"CULVERT_HOST_FILE=/run/secrets/host"}, read)
	if err != nil || s.host != "vpn.example.org" {
		t.Errorf("%q, %v", s.host, err)
	}
	if _, err := Read([]string{"CULVERT_HOST_FILE=/run/secrets/host", "CULVERT_HOST=a"}, read); err == nil || !strings.Contains(err.Error(), "both set") {
		t.Error(err)
	}
	if _, err := Read([]string{"CULVERT_HOST_FILE=/none"}, read); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestNoHost(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "vpn")
	if _, err := start(t, dir); err == nil || !strings.Contains(err.Error(), "set CULVERT_HOST=") {
		t.Error(err)
	}
	if _, err := start(t, dir, "CULVERT_HOST=a.example"); err != nil {
		t.Fatal(err)
	}
	if _, err := start(t, dir, "CULVERT_PORT=443"); err == nil || !strings.Contains(err.Error(), "CULVERT_PORT is set, and CULVERT_HOST is not") {
		t.Errorf("a port that nobody would be told: %v", err)
	}
}

// TestNoRight: who may not write to the volume is told whose it must be.
func TestNoRight(t *testing.T) {
	err := mended(fmt.Errorf("x: %w", fs.ErrPermission), "/etc/culvert")
	if want := fmt.Sprintf("must belong to user %d", os.Getuid()); !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "fsGroup") {
		t.Error(err)
	}
}

// TestDocs: the page has the table.
func TestDocs(t *testing.T) {
	var table strings.Builder
	table.WriteString("| variable | example | |\n|---|---|---|\n")
	for _, v := range Variables {
		example := ""
		if v.Example != "" {
			example = "`" + v.Example + "`"
		}
		fmt.Fprintf(&table, "| %s | %s | %s |\n", v.Name, example, v.Help)
	}
	const page, begin, end = "../../docs/container.md", "<!-- written by TestDocs -->\n", "<!-- end of what TestDocs writes -->\n"
	before, rest, ok1 := strings.Cut(text(t, page), begin)
	part, after, ok2 := strings.Cut(rest, end)
	switch {
	case !ok1 || !ok2:
		t.Fatalf("%s has no lines %q and %q", page, begin, end)
	case *update:
		os.WriteFile(page, []byte(before+begin+table.String()+end+after), 0o644)
	case part != table.String():
		t.Errorf("the table in %s is not that of the code; to write it: go test ./operate/container -update", page)
	}
}

// FuzzRead: no environment makes it panic, and what it takes makes a configuration that
// can be read, or an error.
func FuzzRead(f *testing.F) {
	for _, v := range Variables {
		f.Add(v.Name, v.Example)
	}
	f.Add("CULVERT_HOST", "[fd00::1]:1194")
	f.Add("CULVERT_DNS", "none")
	f.Fuzz(func(t *testing.T, name, value string) {
		s, err := Read([]string{name + "=" + value}, noFile)
		if err == nil && s.host != "" {
			if _, _, _, err := splitHost(s.host); err != nil {
				t.Errorf("host %q was taken: %v", s.host, err)
			}
		}
	})
}
