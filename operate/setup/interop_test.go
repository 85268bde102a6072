//go:build interop

package setup

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culvert/access/pki"
)

// command runs a program to its end and returns what it printed.
func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// newLiveServer makes a server and a client that are valid today. The path has
// a blank, which both programs must read.
func newLiveServer(t *testing.T) (r *Result, profile string) {
	t.Helper()
	o := initOptions(filepath.Join(t.TempDir(), "my vpn"))
	o.Host, o.Now = "127.0.0.1", time.Now()
	r, err := Init(o)
	if err != nil {
		t.Fatal(err)
	}
	profile = filepath.Join(t.TempDir(), "anna.ovpn")
	c := ClientOptions{Dir: r.Dir, Name: "anna", Out: profile, Now: time.Now(), Rand: rand.Reader}
	if _, err := AddClient(c); err != nil {
		t.Fatal(err)
	}
	return r, profile
}

func TestOpenSSLVerifies(t *testing.T) {
	r, _ := newLiveServer(t)
	in := func(name string) string { return filepath.Join(r.Dir, name) }
	command(t, "openssl", "verify", "-x509_strict", "-CAfile", in("ca.crt"), "-purpose", "sslserver", in("server.crt"))
	command(t, "openssl", "verify", "-x509_strict", "-CAfile", in("ca.crt"), "-purpose", "sslclient", in("clients/anna.crt"))
	command(t, "openssl", "pkey", "-noout", "-check", "-in", in("server.key"))
	if err := exec.Command("openssl", "verify", "-CAfile", in("ca.crt"), "-purpose", "sslserver", in("clients/anna.crt")).Run(); err == nil {
		t.Error("a client's certificate passes for a server's")
	}
}

// TestSubjectAsOpenSSLWritesIt compares pki.Subject with the flags by which
// OpenVPN has OpenSSL write a subject.
func TestSubjectAsOpenSSLWritesIt(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "c"), filepath.Join(dir, "k")
	command(t, "openssl", "req", "-x509", "-utf8", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-multivalue-rdn",
		"-keyout", key, "-out", cert, "-subj", `/C=KG/ST=N+L=Bi, sh/street=1/postalCode=2/O=Mü "q"/OU=a\\b/CN=S-1+UID=12/emailAddress=me@x.y/serialNumber=4/DC=x/SN=s/GN=g/title=t/initials=i/dnQualifier=d/pseudonym=p/name=n/description=e/organizationIdentifier=o/unstructuredName=u`)
	out := command(t, "openssl", "x509", "-in", cert, "-noout", "-subject", "-nameopt", "utf8,esc_ctrl,sep_comma_plus_space,sname")
	want := strings.TrimSpace(strings.TrimPrefix(out, "subject="))
	block, _ := pem.Decode(read(t, cert))
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if got := pki.Subject(parsed); got != want {
		t.Errorf("Subject:\n got %s\nwant %s", got, want)
	}
}

// TestStockOpenVPNOnBothEnds has OpenVPN run the server's configuration and a
// client's profile, as they come, in a network namespace with nothing but a
// loopback device.
func TestStockOpenVPNOnBothEnds(t *testing.T) {
	r, profile := newLiveServer(t)
	ns := fmt.Sprintf("culvert-setup-%d", os.Getpid())
	command(t, "ip", "netns", "add", ns)
	t.Cleanup(func() { command(t, "ip", "netns", "del", ns) })
	command(t, "ip", "-n", ns, "link", "set", "lo", "up")

	startOpenVPN(t, ns, "--config", r.Config)
	startOpenVPN(t, ns, "--config", profile, "--dev", "null", "--ifconfig-noexec", "--route-noexec")
}

// startOpenVPN runs OpenVPN until the test ends, and returns when it is up.
func startOpenVPN(t *testing.T, ns string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	cmd := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", ns, "openvpn"}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
	})
	var log strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		fmt.Fprintln(&log, lines.Text())
		if strings.Contains(lines.Text(), "Initialization Sequence Completed") {
			return
		}
	}
	t.Fatalf("openvpn %s did not come up:\n%s", strings.Join(args, " "), log.String())
}
