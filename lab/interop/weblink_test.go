//go:build interop

package interop

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"culvert/access/pki"
)

// TestWebLink: a profile is fetched once, by a link that was made while the server ran, after
// it was started again without root's rights, and a stock client connects with it. Nobody
// gets it a second time. The certificate of the pages is another one soon after its files
// are, which only root may read.
func TestWebLink(t *testing.T) {
	t.Parallel()
	h := newHosts(t)
	dir, _ := h.initialize(t)
	authority := must(pki.NewAuthority(rand.Reader, time.Now(), pki.Options{Name: "web"}))
	ca := h.c.file("web-ca.pem", string(authority.CertPEM()))
	cert, key := filepath.Join(h.s.dir, "web.pem"), filepath.Join(h.s.dir, "web.key")
	issue := func(name string) {
		pair := must(authority.IssueServer(rand.Reader, time.Now(), name, 0, h.w.b4.String()))
		for file, text := range map[string][]byte{cert: pair.CertPEM, key: pair.KeyPEM} {
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	issue("first")
	conf := filepath.Join(dir, "server.conf")
	lines := "\nuser nobody\nsetenv opt web-listen *:8443 " + cert + " " + key + "\nsetenv opt web-url https://" + h.w.b4.String() + ":8443\n"
	if err := os.WriteFile(conf, append(must(os.ReadFile(conf)), lines...), 0o644); err != nil {
		t.Fatal(err)
	}
	serve := func() *process {
		s := h.s.start("culvert serve", culvert(t), "serve", "--dir", dir, "--state-dir", filepath.Join(h.s.dir, "state")).up()
		s.expect(regexp.MustCompile("root's rights are given up"), 1, patience)
		s.expect(regexp.MustCompile("serving web pages"), 1, patience)
		return s
	}
	curl := func(words ...string) string {
		return h.c.output(append([]string{"curl", "-s", "-i", "--max-time", "10", "--cacert", ca}, words...)...)
	}
	server := serve()
	h.s.output(culvert(t), "user", "add", "alice", "--dir", dir)
	said := h.s.output(culvert(t), "device", "add", "phone", "--user", "alice", "--link", "24h", "--dir", dir)
	page, connect := regexp.MustCompile(`  (https://\S+/get/\S+)\n`).FindStringSubmatch(said), regexp.MustCompile(`  openvpn://import-profile/(https://\S+)\n`).FindStringSubmatch(said)
	if page == nil || connect == nil || !strings.Contains(said, "█") {
		t.Fatalf("device add --link:\n%s", said)
	}
	server.stop(syscall.SIGTERM)
	server = serve()

	if got := curl(page[1]); !strings.HasPrefix(got, "HTTP/1.1 200") || !strings.Contains(got, "openvpn://import-profile/"+connect[1]) {
		t.Errorf("the page:\n%s", got)
	}
	curl("--head", connect[1])
	curl("-A", "WhatsApp/2.23", connect[1])
	got := curl(connect[1])
	head, profile, _ := strings.Cut(got, "\r\n\r\n")
	if !strings.HasPrefix(head, "HTTP/1.1 200") || !strings.Contains(head, "application/x-openvpn-profile") {
		t.Fatalf("the profile:\n%s", head)
	}
	for _, again := range []string{connect[1], page[1]} {
		if got := curl(again); !strings.HasPrefix(got, "HTTP/1.1 404") || !strings.Contains(got, "this link was used before") {
			t.Errorf("a second time:\n%s", got)
		}
	}
	h.c.run(stock, h.c.file("phone.ovpn", profile)).up()
	if log := string(must(os.ReadFile(filepath.Join(dir, "audit.log")))); !strings.Contains(log, `"what":"fetched","client":"phone.alice"`) {
		t.Errorf("the audit log:\n%s", log)
	}

	issue("second")
	server.expect(regexp.MustCompile("certificate of web pages was read again"), 1, patience)
	if got := curl("-v", "--stderr", "-", "https://"+h.w.b4.String()+":8443/"); !strings.Contains(got, "CN=second") {
		t.Errorf("the certificate:\n%s", got)
	}
}
