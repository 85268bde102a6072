//go:build interop

package interop

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"culvert/operate/dashboard/pages/browsertest"
)

// What a hostile client says of itself: markup that would run, a terminal's escape sequence,
// a mark that turns the direction of writing round, and the end of a line.
const (
	markup  = "<img src=x onerror=hit=1>"
	hostile = markup + "\x1b[2J\u202eevil\r\nEND"
)

// TestHostileNames: a client whose certificate, user name and peer info hold markup and
// control characters, and 10 KB of them, is shown as text by the pages of the dashboard, the
// commands, the log, the metrics, the status file and the management interface.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	h := newHosts(t)
	dir, profile := h.initialize(t)
	way := h.s.reached(netip.MustParseAddrPort("127.0.0.1:8444"))
	site := fmt.Sprintf("http://localhost:%d", way.Port())
	status, socket, state := filepath.Join(h.s.dir, "status"), filepath.Join(h.s.dir, "management"), filepath.Join(h.s.dir, "state")
	conf := filepath.Join(dir, "server.conf")
	lines := "\nsetenv opt dashboard-listen 127.0.0.1:8444\nsetenv opt dashboard-url " + site + "\nstatus " + status + " 1\nmanagement " + socket + " unix\n" +
		"setenv opt metrics-listen 127.0.0.1:9000\nsetenv opt metrics-per device\nverb 4\n"
	if err := os.WriteFile(conf, append(must(os.ReadFile(conf)), lines...), 0o644); err != nil {
		t.Fatal(err)
	}
	server := h.s.start("culvert serve", culvert(t), "serve", "--dir", dir, "--state-dir", state).up()
	server.expect(regexp.MustCompile("serving the dashboard"), 1, patience)
	b := browsertest.Start(t, browsertest.Options{})
	b.Resize(browsertest.Sizes[2])
	b.Open(regexp.MustCompile(site + `/#link=\S+`).FindString(h.s.output(culvert(t), "dashboard", "--link", "--dir", dir)))
	b.WaitText("Nobody is connected")

	client := h.c.start("a hostile client", hostileClient(t), "connect", h.c.file("hostile.ovpn", hostileProfile(t, dir, profile)), "--state-dir", h.c.dir).up()
	b.WaitText(markup)
	h.hostileInBrowser(t, b)
	for what, text := range map[string]string{
		"culvert status":  h.s.output(culvert(t), "status", "--state-dir", state),
		"status as JSON":  h.s.output(culvert(t), "status", "--json", "--state-dir", state),
		"culvert top":     h.s.output(culvert(t), "top", "--once", "--state-dir", state),
		"culvert logs":    h.s.output(culvert(t), "logs", "--state-dir", state),
		"the metrics":     h.s.output("curl", "-s", "--max-time", "10", "http://127.0.0.1:9000/metrics"),
		"the status file": h.statusOf(status),
		"management":      strings.Join(newManager(t, socket).ask("status 2"), "\n"),
	} {
		if what == "status as JSON" || what == "the metrics" { // data, which has the name as it is
			text = strings.ReplaceAll(text, "\u202e", "")
		}
		steersNothing(t, what, text)
		if !strings.Contains(text, "img src") && !strings.Contains(text, "img_src") && !strings.Contains(text, `\u003cimg src`) {
			t.Errorf("%s: the client is not there:\n%s", what, text)
		}
	}
	client.kill()
	goTo(b, "#/now", "Nobody is connected")
	goTo(b, "#/history", markup)
	unhurt(t, b, "history")
	steersNothing(t, "the log", server.log())
	b.Clean(site)
}

// statusOf is the status file once the client is in it.
func (h hosts) statusOf(file string) (text string) {
	h.s.eventually("the client is in the status file", func() bool {
		text = string(must(os.ReadFile(file)))
		return strings.Contains(text, "img")
	})
	return text
}

// hostileInBrowser looks at the pages that show a client.
func (h hosts) hostileInBrowser(t *testing.T, b *browsertest.Browser) {
	unhurt(t, b, "now")
	session := browsertest.Eval[string](b, "[...document.querySelectorAll('a')].find((a) => a.textContent.includes('<img')).getAttribute('href')")
	for _, page := range [][2]string{{session, "VERSION<img"}, {"#/settings", markup}, {"#/logs", markup}} {
		goTo(b, page[0], page[1])
		unhurt(t, b, page[0])
	}
	goTo(b, "#/now", markup)
}

// unhurt checks that a page made text of what a client said.
func unhurt(t *testing.T, b *browsertest.Browser, page string) {
	t.Helper()
	if browsertest.Eval[bool](b, "'hit' in window || [...document.images].some((i) => i.getAttribute('src') === 'x')") {
		t.Errorf("%s made markup of what a client said", page)
	}
	for _, r := range browsertest.Eval[string](b, "document.body.innerText") {
		if unicode.Is(unicode.Cf, r) || unicode.IsControl(r) && r != '\n' && r != '\t' {
			t.Errorf("%s shows the character %U as it is", page, r)
		}
	}
}

// steersNothing checks that a text for terminals or programs has nothing that steers them.
func steersNothing(t *testing.T, what, text string) {
	t.Helper()
	for _, r := range text {
		if unicode.Is(unicode.Cf, r) || unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r' {
			t.Errorf("%s has the character %U as it is:\n%.2000q", what, r, text)
			return
		}
	}
	if regexp.MustCompile(`(?m)^END$`).FindAllString(text, 2) != nil && strings.Count(text, "\nEND") > 1 {
		t.Errorf("%s has a line that a client wrote:\n%s", what, text)
	}
}

// hostileProfile is the profile of a client of another name, which the server's authority
// signs: whoever may sign, or a name that somebody was talked into.
func hostileProfile(t *testing.T, dir, profile string) string {
	t.Helper()
	read := func(name string) []byte {
		block, _ := pem.Decode(must(os.ReadFile(filepath.Join(dir, name))))
		return block.Bytes
	}
	authority, signer := must(x509.ParseCertificate(read("ca.crt"))), must(x509.ParsePKCS8PrivateKey(read("ca.key")))
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	cert := must(x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(4711), Subject: pkix.Name{CommonName: hostile}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, authority, key.Public(), signer))
	text := string(must(os.ReadFile(profile)))
	for name, block := range map[string]*pem.Block{"cert": {Type: "CERTIFICATE", Bytes: cert}, "key": {Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(key))}} {
		text = regexp.MustCompile("(?s)<"+name+">.*</"+name+">").ReplaceAllLiteralString(text, "<"+name+">\n"+string(pem.EncodeToMemory(block))+"</"+name+">")
	}
	return text + "route-nopull\npush-peer-info\nsetenv UV_BIG '" + strings.Repeat("<b>x</b>", 10<<10/8) + "'\nsetenv UV_MARKUP '" + markup + "\u202e\x1b[2J'\n"
}

// hostileClient links the program with a version that is markup, which it tells servers.
func hostileClient(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "hostile")
	link := exec.Command("go", "build", "-trimpath", "-ldflags", "-X 'culvert/role/profile.version=VERSION"+markup+"\x1b[2J\u202eevil'", "-o", program, "./cmd/culvert")
	link.Dir, link.Env = filepath.Join("..", ".."), append(os.Environ(), "CGO_ENABLED=0")
	if said, err := link.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return program
}
