//go:build interop

package interop

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"culvert/operate/setup"
)

// mustBeNobody looks whether the process that meets strangers has no rights.
func mustBeNobody(t *testing.T, p *process) {
	t.Helper()
	pid := worker(t, p)
	for _, got := range threadFields(t, pid, "Uid") {
		if strings.HasPrefix(got, "0 ") {
			t.Errorf("a thread of %s is root's: %s", p.name, got)
		}
	}
	for _, got := range threadFields(t, pid, "CapEff") {
		if got != "0000000000000000" {
			t.Errorf("a thread of %s has capabilities %s", p.name, got)
		}
	}
}

// TestWorkerByDefault: culvert serve and culvert connect meet strangers without
// rights although no configuration says so, and all that only root can read, write
// and remove works as before.
func TestWorkerByDefault(t *testing.T) {
	t.Parallel()
	in := newInternet(t)
	dir, profile := filepath.Join(in.server.dir, "vpn"), filepath.Join(in.client.dir, "phone.ovpn")
	state, status := filepath.Join(in.server.dir, "state"), filepath.Join(in.server.dir, "status")
	in.server.output(culvert(t), "init", "--dir", dir, "--host", in.serverIPv4.String())
	in.server.output(culvert(t), "client", "add", "phone", "--dir", dir, "-o", profile)
	ccd := filepath.Join(dir, "ccd")
	conf := filepath.Join(dir, "server.conf")
	text := regexp.MustCompile(`(?m)^user .*\n`).ReplaceAllString(mustRead(t, conf), "")
	for name, text := range map[string]string{
		conf:                        text + "client-config-dir " + ccd + "\nccd-exclusive\nstatus " + status + " 1\n",
		filepath.Join(ccd, "phone"): "ifconfig-push 10.8.0.77 255.255.255.0\n",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before, clientBefore := in.server.state(), in.client.state()

	c := in.client.start("client", culvert(t), "connect", profile, "--state-dir", filepath.Join(in.client.dir, "state"))
	c.expect(regexp.MustCompile(`connecting`), 1, patience)
	mustBeNobody(t, c) // before there is an answer
	if rb := receiveBuffer(t, in.client); rb < 4<<20 {
		t.Errorf("the client's socket has a buffer of %d bytes", rb)
	}
	s := in.server.start("server", culvert(t), "serve", "--dir", dir, "--state-dir", state).up()
	mustBeNobody(t, s)
	c.up()
	if v4, _ := in.client.device("tun0"); v4.prefix.Addr().String() != "10.8.0.77" {
		t.Errorf("the client's own file is not heeded: %v", v4)
	}
	in.fetchFrom(t, in.webWire.b4, in.webWire.a4)
	if text := in.client.resolvConf(); !strings.Contains(text, "9.9.9.9") {
		t.Errorf("resolv.conf: %s", text)
	}
	statusWith(t, status, "phone")
	s.cmd.Process.Signal(syscall.SIGHUP)
	s.expect(sessionsGoOn, 1, patience)
	c.cmd.Process.Signal(syscall.SIGUSR1)
	c.expect(initialized, 2, patience)
	for _, p := range []*process{s, c} {
		mustBeNobody(t, p)
	}
	in.fetchFrom(t, in.webWire.b4, in.webWire.a4)
	if _, err := setup.Revoke(setup.RevokeOptions{Dir: dir, Name: "phone", Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
	s.expect(regexp.MustCompile(`revoked`), 1, patience)

	for _, p := range []*process{c, s} {
		if err := p.stop(syscall.SIGTERM); err != nil && p == s {
			t.Errorf("%s: exit status %v", p.name, err)
		}
	}
	if text := mustRead(t, filepath.Join(dir, "ipp.txt")); !strings.Contains(text, "phone") {
		t.Errorf("pool: %q", text)
	}
	for _, left := range []string{filepath.Join(state, "*.sock"), filepath.Join(in.client.dir, "state", "*.sock")} {
		if files, _ := filepath.Glob(left); len(files) > 0 {
			t.Errorf("left behind: %q", files)
		}
	}
	if after := in.server.state(); after != before {
		t.Errorf("the server's host is not as before:\n%s\nbefore:\n%s", after, before)
	}
	in.client.becomes(clientBefore)
}

// receiveBuffer is the size of the receive buffer of a host's only UDP socket, in bytes.
func receiveBuffer(t *testing.T, n *netns) int {
	t.Helper()
	out := n.output("ss", "-uamn")
	m := regexp.MustCompile(`rb(\d+)`).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("no socket: %s", out)
	}
	size, _ := strconv.Atoi(m[1])
	return size
}
