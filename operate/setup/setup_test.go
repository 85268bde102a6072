package setup

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/access/pki"
	"culvert/session/wrap"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func initOptions(dir string) InitOptions {
	return InitOptions{Dir: dir, Host: "vpn.example.org", Now: epoch, Rand: rand.Reader}
}

// newServer makes a server's directory for a test.
func newServer(t *testing.T) *Result {
	t.Helper()
	r, err := Init(initOptions(filepath.Join(t.TempDir(), "vpn")))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func clientOptions(dir, name string) ClientOptions {
	return ClientOptions{Dir: dir, Name: name, Now: epoch, Rand: rand.Reader}
}

func read(t *testing.T, path ...string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// tree lists every file below dir.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if path != dir {
			names = append(names, strings.TrimPrefix(path, dir+string(filepath.Separator)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestInitFilesAndPermissions(t *testing.T) {
	r := newServer(t)
	want := map[string]fs.FileMode{
		"ca.crt": 0o644, "ca.key": 0o600, "server.crt": 0o644, "server.key": 0o600,
		"tls-crypt-v2.key": 0o600, "server.conf": 0o644, "culvert.json": 0o644, "crl.pem": 0o644, "store.db": 0o600,
	}
	if got := tree(t, r.Dir); len(got) != len(want) || len(r.Files) != len(want) {
		t.Errorf("files %v, reported %v", got, r.Files)
	}
	for name, perm := range want {
		info, err := os.Stat(filepath.Join(r.Dir, name))
		if err != nil {
			t.Error(err)
		} else if info.Mode() != perm {
			t.Errorf("%s: mode %v, want %v", name, info.Mode(), perm)
		}
	}
	info, err := os.Stat(r.Dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory: %v, %v", info.Mode(), err)
	}
}

func TestInitCertificates(t *testing.T) {
	r := newServer(t)
	roots, err := pki.ParseCertificates(read(t, r.Dir, "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	id, err := pki.ParseIdentity(read(t, r.Dir, "server.crt"), read(t, r.Dir, "server.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := pki.Verify([]*x509.Certificate{id.Leaf}, roots, epoch, pki.ServerUsage); err != nil {
		t.Error(err)
	}
	if err := id.Leaf.VerifyHostname("vpn.example.org"); err != nil {
		t.Error(err)
	}
	if _, err := pki.LoadAuthority(read(t, r.Dir, "ca.crt"), read(t, r.Dir, "ca.key")); err != nil {
		t.Error(err)
	}
	if _, err := wrap.ParseServerKeyV2(read(t, r.Dir, "tls-crypt-v2.key")); err != nil {
		t.Error(err)
	}
}

func TestServerConf(t *testing.T) {
	o := initOptions(filepath.Join(t.TempDir(), "my vpn"))
	o.Port = 443
	o.Network = netip.MustParsePrefix("10.9.0.0/20")
	o.Network6 = netip.MustParsePrefix("fd00:1::/64")
	o.DNS = []netip.Addr{netip.MustParseAddr("10.9.0.1"), netip.MustParseAddr("fd00:1::1")}
	r, err := Init(o)
	if err != nil {
		t.Fatal(err)
	}
	conf := string(read(t, r.Config))
	for _, line := range []string{
		"port 443", "server 10.9.0.0 255.255.240.0", "server-ipv6 fd00:1::/64",
		"ca " + quote(filepath.Join(r.Dir, "ca.crt")),
		`push "dhcp-option DNS 10.9.0.1"`, `push "dhcp-option DNS6 fd00:1::1"`,
		`push "redirect-gateway def1 ipv6"`, "remote-cert-tls client",
	} {
		if !strings.Contains(conf, "\n"+line+"\n") {
			t.Errorf("no line %s in\n%s", line, conf)
		}
	}
}

func TestInitRandomNetworksDiffer(t *testing.T) {
	a, b := newServer(t), newServer(t)
	local := netip.MustParsePrefix("fd00::/8")
	if a.Network6 == b.Network6 || !local.Contains(a.Network6.Addr()) || a.Network6.Bits() != 64 {
		t.Errorf("networks %v and %v", a.Network6, b.Network6)
	}
	if bytes.Equal(read(t, a.Dir, "ca.key"), read(t, b.Dir, "ca.key")) {
		t.Error("two servers share a key")
	}
}

func TestInitNeverOverwrites(t *testing.T) {
	for _, name := range []string{"ca.crt", "ca.key", "server.key", "culvert.json"} {
		dir := t.TempDir()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Init(initOptions(dir))
		if !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "move it away") {
			t.Errorf("%s: %v", name, err)
		}
		if got := tree(t, dir); !slices.Equal(got, []string{name}) || string(read(t, path)) != "mine" {
			t.Errorf("%s: left %v", name, got)
		}
	}
}

func TestInitKeepsOtherFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "notes"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Init(initOptions(dir)); err != nil {
		t.Error(err)
	}
}

func TestInitFailsWhole(t *testing.T) {
	parent := t.TempDir()
	for _, n := range []int64{0, 5, 9, 25, 41, 100} {
		o := initOptions(filepath.Join(parent, "a", "b"))
		o.Rand = io.LimitReader(rand.Reader, n)
		if _, err := Init(o); err == nil {
			t.Fatalf("made a server of %d random bytes", n)
		}
		if left := tree(t, parent); len(left) != 0 {
			t.Fatalf("%d random bytes: left %v", n, left)
		}
	}
}

func TestWriteNewUndoesAll(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "a", "b")
	// A name as long as the system allows can be taken, but leaves no room
	// for a temporary one beside it.
	long := strings.Repeat("x", 255)
	err := writeNew([]file{{filepath.Join(dir, "first"), []byte("1"), 0o600}, {filepath.Join(dir, long), []byte("2"), 0o600}})
	if err == nil {
		t.Fatal("no error")
	}
	if left := tree(t, parent); len(left) != 0 {
		t.Errorf("left %v after: %v", left, err)
	}
}

func TestInitRefusesBadOptions(t *testing.T) {
	for what, change := range map[string]func(*InitOptions){
		"no directory":       func(o *InitOptions) { o.Dir = "" },
		"two lines":          func(o *InitOptions) { o.Dir += "\nscript-security 2" },
		"long path":          func(o *InitOptions) { o.Dir += strings.Repeat("/0123456789", 25) },
		"no host":            func(o *InitOptions) { o.Host = "" },
		"host with blank":    func(o *InitOptions) { o.Host = "a b" },
		"unspecified":        func(o *InitOptions) { o.Host = "0.0.0.0" },
		"port":               func(o *InitOptions) { o.Port = 65536 },
		"network IPv6":       func(o *InitOptions) { o.Network = netip.MustParsePrefix("fd00::/64") },
		"network too small":  func(o *InitOptions) { o.Network = netip.MustParsePrefix("10.0.0.0/30") },
		"network unmasked":   func(o *InitOptions) { o.Network = netip.MustParsePrefix("10.0.0.1/24") },
		"network6 IPv4":      func(o *InitOptions) { o.Network6 = netip.MustParsePrefix("10.0.0.0/24") },
		"network6 too small": func(o *InitOptions) { o.Network6 = netip.MustParsePrefix("fd00::/120") },
	} {
		parent := t.TempDir()
		o := initOptions(filepath.Join(parent, "vpn"))
		change(&o)
		if _, err := Init(o); err == nil {
			t.Errorf("%s: accepted", what)
		}
		if left := tree(t, parent); len(left) != 0 {
			t.Errorf("%s: left %v", what, left)
		}
	}
}

func TestSplitHost(t *testing.T) {
	for in, want := range map[string]struct {
		host string
		port int
	}{
		"vpn.example.org":      {"vpn.example.org", 1194},
		"vpn.example.org:443":  {"vpn.example.org", 443},
		"192.0.2.1":            {"192.0.2.1", 1194},
		"192.0.2.1:53":         {"192.0.2.1", 53},
		"2001:db8::1":          {"2001:db8::1", 1194},
		"[2001:db8::1]":        {"2001:db8::1", 1194},
		"[2001:db8::1]:443":    {"2001:db8::1", 443},
		"localhost":            {"localhost", 1194},
		"xn--mnchen-3ya.de:80": {"xn--mnchen-3ya.de", 80},
	} {
		host, port, err := SplitHost(in)
		if err != nil || host != want.host || port != want.port {
			t.Errorf("%s: %s %d %v", in, host, port, err)
		}
	}
	for _, in := range []string{"", ":", "a:", "a:x", "a:0", "a:70000", "münchen.de", "a b", "-x", "a\nb", "300.1.2.3", "fe80::1%eth0", "::", "[::1]x"} {
		if host, port, err := SplitHost(in); err == nil {
			t.Errorf("%q accepted as %q port %d", in, host, port)
		}
	}
}

func TestSummaryNamesTheNextStep(t *testing.T) {
	r := newServer(t)
	if s := r.Summary(); !strings.Contains(s, "culvert client add NAME --dir "+r.Dir) || !strings.Contains(s, "2028-06-03") {
		t.Error(s)
	}
}

func FuzzSplitHost(f *testing.F) {
	for _, s := range []string{"vpn.example.org:443", "[::1]:1", "a:", ":", "[", "]", "[]:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		host, port, err := SplitHost(s)
		if err == nil && (quote(host) != host || port < 1 || port > 65535) {
			t.Errorf("%q gave host %q port %d", s, host, port)
		}
	})
}

func TestQuoting(t *testing.T) {
	for _, c := range []struct{ in, conf, shell string }{
		{"/etc/vpn", "/etc/vpn", "/etc/vpn"},
		{"/my vpn", `"/my vpn"`, `'/my vpn'`},
		{`C:\vpn`, `"C:\\vpn"`, `'C:\vpn'`},
		{`a"b'c`, `"a\"b'c"`, `'a"b'\''c'`},
	} {
		if got := quote(c.in); got != c.conf {
			t.Errorf("quote(%s) = %s, want %s", c.in, got, c.conf)
		}
		if got := shell(c.in); got != c.shell {
			t.Errorf("shell(%s) = %s, want %s", c.in, got, c.shell)
		}
	}
}
