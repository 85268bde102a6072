//go:build interop

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// pkcs11Helper builds the program that signs by a key on a token, beside the program under
// test.
var pkcs11Helper = sync.OnceValues(func() (string, error) {
	path, err := filepath.Abs("../../bin/culvert-pkcs11")
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-trimpath", "-buildmode", "pie", "-tags", "pkcs11", "-o", path, "../../cmd/culvert-pkcs11")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the program that signs by a token: %w\n%s", err, out)
	}
	return path, nil
})

// refusal is what a program says that must not succeed.
func (n *netns) refusal(argv ...string) string {
	n.t.Helper()
	p := n.start(argv[0], argv...)
	if err := p.wait(patience); err == nil {
		n.t.Errorf("%s succeeded", strings.Join(argv, " "))
	}
	return p.log()
}

// TestAuthorityOnAToken: an authority whose key is on a token of SoftHSM's makes a server,
// whom a stock client meets, and shuts it out. A wrong PIN, and a token that is not there,
// are said in words.
func TestAuthorityOnAToken(t *testing.T) {
	t.Parallel()
	helper, err := pkcs11Helper()
	if err != nil {
		t.Fatal(err)
	}
	h := newHosts(t)
	tokens := filepath.Join(h.s.dir, "tokens")
	if err := os.Mkdir(tokens, 0o700); err != nil {
		t.Fatal(err)
	}
	const module = "/usr/lib/softhsm/libsofthsm2.so"
	env := []string{"env", "SOFTHSM2_CONF=" + h.s.file("softhsm.conf", "directories.tokendir = "+tokens+"\nobjectstore.backend = file\nlog.level = ERROR\n")}
	run := func(words ...string) string { return h.s.output(append(env, words...)...) }
	run("softhsm2-util", "--init-token", "--free", "--label", "vpn", "--so-pin", "87654321", "--pin", "1234")
	run("pkcs11-tool", "--module", module, "--token-label", "vpn", "--login", "--pin", "1234", "--keypairgen", "--key-type", "EC:prime256v1", "--label", "authority")

	pin := h.s.file("pin", "1234\n")
	dir, profile := filepath.Join(h.s.dir, "vpn"), filepath.Join(h.c.dir, "client.conf")
	run(culvert(t), "init", "--dir", dir, "--host", h.w.b4.String(), "--sign-command",
		helper+" --module "+module+" --token vpn --key authority --pin-file "+pin)
	run(culvert(t), "client", "add", "phone", "--dir", dir, "-o", profile)
	run(culvert(t), "renew", "--dir", dir)
	if _, err := os.Stat(filepath.Join(dir, "ca.key")); err == nil {
		t.Error("the authority's key is in a file")
	}
	server := h.s.start("culvert serve", culvert(t), "serve", "--dir", dir).up()
	client := h.c.run(stock, profile)
	client.up()
	h.c.ping(serverIPv4)

	add := append(env, culvert(t), "client", "add", "tablet", "--dir", dir)
	h.s.file("pin", "9999\n")
	if said := h.s.refusal(add...); !strings.Contains(said, "the PIN is wrong") {
		t.Errorf("a wrong PIN:\n%s", said)
	}
	h.s.file("pin", "1234\n")
	if err := os.Rename(tokens, tokens+".away"); err != nil {
		t.Fatal(err)
	}
	if said := h.s.refusal(add...); !strings.Contains(said, "the token vpn: the token or its library does not work") {
		t.Errorf("no token:\n%s", said)
	}
	if err := os.Rename(tokens+".away", tokens); err != nil {
		t.Fatal(err)
	}
	run(culvert(t), "client", "revoke", "phone", "--dir", dir)
	client.expect(regexp.MustCompile("AUTH_FAILED"), 1, patience)
	server.stop(syscall.SIGTERM)
}

// docsSigner is the program in docs/authority.md that signs by a key which openssl reads.
func docsSigner(t *testing.T, key string) string {
	t.Helper()
	text := string(must(os.ReadFile("../../docs/authority.md")))
	_, rest, found := strings.Cut(text, "    #!/bin/sh -e\n")
	program, _, ended := strings.Cut(rest, "\n\n")
	if !found || !ended {
		t.Fatal("docs/authority.md has no program that signs")
	}
	return "#!/bin/sh -e\n" + strings.NewReplacer("\n    ", "\n", "/secret/ca.key", key).Replace(strings.TrimPrefix(program, "    ")) + "\n"
}

// TestAuthorityBelowARoot: an authority of openssl's, below a root whose key is not here,
// signs by the program of the documentation. A stock client with its profile gets in.
func TestAuthorityBelowARoot(t *testing.T) {
	t.Parallel()
	h := newHosts(t)
	in := func(name string) string { return filepath.Join(h.s.dir, name) }
	uses := "-addext=basicConstraints=critical,CA:TRUE"
	h.s.output("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", in("root.key"), "-out", in("root.crt"), "-days", "30", "-subj", "/CN=Root", uses, "-addext", "keyUsage=critical,keyCertSign,cRLSign")
	h.s.output("openssl", "req", "-x509", "-CA", in("root.crt"), "-CAkey", in("root.key"), "-newkey", "rsa:2048", "-nodes", "-keyout", in("ca.key"), "-out", in("ca.crt"), "-days", "20", "-subj", "/CN=VPN", uses, "-addext", "keyUsage=critical,keyCertSign,cRLSign")
	sign := h.s.file("sign", docsSigner(t, in("ca.key")))
	if err := os.Chmod(sign, 0o700); err != nil {
		t.Fatal(err)
	}
	dir, profile := in("vpn"), filepath.Join(h.c.dir, "client.conf")
	init := []string{culvert(t), "init", "--dir", dir, "--host", h.w.b4.String(), "--sign-command", sign, "--authority-cert"}
	if said := h.s.refusal(append(init, in("ca.crt"))...); !strings.Contains(said, "append those of the authorities above it") {
		t.Errorf("without the root:\n%s", said)
	}
	h.s.output(append(init, h.s.file("chain.crt", string(must(os.ReadFile(in("ca.crt"))))+string(must(os.ReadFile(in("root.crt"))))))...)
	h.s.output(culvert(t), "client", "add", "phone", "--dir", dir, "-o", profile)
	h.s.output(culvert(t), "client", "add", "lost", "--dir", dir, "-o", in("lost.ovpn"))
	h.s.output(culvert(t), "client", "revoke", "lost", "--dir", dir)
	server := h.s.start("culvert serve", culvert(t), "serve", "--dir", dir).up()
	h.c.run(stock, profile).up()
	h.c.ping(serverIPv4)
	server.stop(syscall.SIGTERM)
}

// TestAuthorityRotates: while the authority's key is changed, a stock client that is in
// stays, comes back with its old profile, and then has a new one; another has a new one
// from the beginning of the change. In the end an old profile is refused.
func TestAuthorityRotates(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s, phone, tablet := l.host("s"), l.host("a"), l.host("b")
	w, w2 := l.join(phone, s), l.join(tablet, s)
	dir := filepath.Join(s.dir, "vpn")
	state := filepath.Join(s.dir, "state")
	ask := func(words ...string) string {
		return s.output(append([]string{culvert(t)}, append(words, "--dir", dir)...)...)
	}
	ask("init", "--host", w.b4.String())
	old, renewed := filepath.Join(phone.dir, "old.conf"), filepath.Join(phone.dir, "new.conf")
	ask("client", "add", "phone", "-o", old)
	server := s.start("culvert serve", culvert(t), "serve", "--dir", dir, "--state-dir", state).up()
	reload := func(times int) {
		t.Helper()
		server.cmd.Process.Signal(syscall.SIGHUP)
		server.expect(sessionsGoOn, times, patience)
	}
	first := phone.run(stock, old)
	first.up()

	ask("authority", "rotate")
	reload(1)
	phone.ping(serverIPv4)
	if n := first.count(initialized); n != 1 {
		t.Errorf("the client that was in connected %d times", n)
	}
	text := ask("client", "add", "tablet")
	second := tablet.run(stock, tablet.file("tablet.conf", strings.Replace(text, "remote "+w.b4.String(), "remote "+w2.b4.String(), 1)))
	second.up()
	tablet.ping(serverIPv4)
	first.cmd.Process.Signal(syscall.SIGUSR1) // it comes back with the old profile
	first.expect(initialized, 2, patience)

	if said := s.refusal(culvert(t), "authority", "rotate", "--finish", "--dir", dir); !strings.Contains(said, "would be shut out: phone;") {
		t.Errorf("finished while a client has no new profile:\n%s", said)
	}
	ask("client", "renew", "phone", "-o", renewed)
	if said := ask("authority", "show", "--state-dir", state); !strings.Contains(said, "2 clients have their profile from it: phone (connected with an older one), tablet\n") {
		t.Errorf("authority show:\n%s", said)
	}
	if said := s.refusal(culvert(t), "authority", "rotate", "--finish", "--dir", dir, "--state-dir", state); !strings.Contains(said, "1 clients are connected with a certificate of the authority before") || !strings.Contains(said, "would be shut out: phone;") {
		t.Errorf("finished while a client uses its old profile:\n%s", said)
	}
	first.stop(syscall.SIGTERM)
	again := phone.run(stock, renewed)
	again.up()

	ask("authority", "rotate", "--finish")
	reload(2)
	phone.ping(serverIPv4)
	tablet.ping(serverIPv4)
	for _, client := range []*process{again, second} {
		if n := client.count(initialized); n != 1 {
			t.Errorf("a client that was in connected %d times", n)
		}
		client.cmd.Process.Signal(syscall.SIGUSR1) // the server has another certificate now
		client.expect(initialized, 2, patience)
	}
	again.stop(syscall.SIGTERM)
	late := phone.run(stock, old)
	late.expect(regexp.MustCompile(`VERIFY ERROR.*certificate`), 1, patience)
	late.stop(syscall.SIGKILL) // OpenVPN may forget another signal at the moment in which it starts over
	if strings.Contains(server.log(), "level=ERROR") {
		t.Errorf("the server complains:\n%s", server.log())
	}
}
