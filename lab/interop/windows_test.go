//go:build interop

package interop

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// windows is a host of the lab with Wine on it. It has a C: of its own, for the
// sockets of all its programs belong to the server that the first one started.
type windows struct {
	*netns
	prefix string
}

// slow is patience with programs under Wine, which starts a Windows for the first one.
const slow = 4 * patience

// up waits until a program under Wine says that its tunnel is up.
func (w *windows) up(p *process) *process {
	w.t.Helper()
	p.expect(initialized, 1, slow)
	return p
}

// withWine ends what runs under Wine before the host goes.
func withWine(t *testing.T, n *netns) *windows {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("Debian's Wine runs programs of amd64, on amd64")
	}
	unpacked(t, "wine")
	w := &windows{n, filepath.Join(n.dir, "wine")}
	t.Cleanup(func() {
		server := exec.Command(filepath.Join(peersDir(), "wine/usr/lib/wine/wineserver"), "-k")
		server.Env = append(environment(), "WINEPREFIX="+w.prefix)
		server.Run() // fails if nothing ran
	})
	return w
}

// culvert starts the program under test, as built for Windows.
func (w *windows) culvert(args ...string) *process {
	w.t.Helper()
	return w.start("culvert.exe "+args[0], w.command(args)...)
}

// command is the command line of the program under test.
func (w *windows) command(args []string) []string {
	w.t.Helper()
	path, err := buildForWindows()
	if err != nil {
		w.t.Fatal(err)
	}
	return append([]string{"env", "WINEPREFIX=" + w.prefix, unpacked(w.t, "wine"), path}, args...)
}

// console starts the program under test in a console, and types these lines ahead. The
// return key stays what it is, since a console of Windows knows no line feed for it.
func (w *windows) console(lines []string, args ...string) *process {
	w.t.Helper()
	p := w.start("culvert.exe "+args[0], "script", "-qefc", "stty -icrnl; echo type; "+strings.Join(w.command(args), " "), "/dev/null")
	p.expect(regexp.MustCompile("type"), 1, patience)
	for _, line := range lines {
		fmt.Fprint(p.stdin, line, "\r")
	}
	return p
}

// ends waits until a program of Windows is through with its work.
func (w *windows) ends(p *process) {
	w.t.Helper()
	if err := p.wait(slow); err != nil {
		w.t.Fatalf("%s: %v\n%s", p.name, err, p.log())
	}
}

var buildForWindows = sync.OnceValues(func() (string, error) {
	path, err := filepath.Abs("../../bin/culvert.exe")
	if err != nil {
		return "", err
	}
	out, err := exec.Command("../../.ci/windows", "build", path).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building the program for Windows: %w\n%s", err, out)
	}
	return path, nil
})

// byWindows is a path of this machine as programs of Windows write it.
func byWindows(path string) string { return "Z:" + strings.ReplaceAll(path, "/", `\`) }

// asEditedThere is a text as Notepad writes it.
func asEditedThere(text string) string {
	return "\ufeff" + strings.ReplaceAll(text, "\n", "\r\n")
}

// TestWindowsDemo is the whole program on one machine of Windows.
func TestWindowsDemo(t *testing.T) {
	t.Parallel()
	w := withWine(t, newLab(t).host("w"))
	p := w.culvert("demo", "--size", "2")
	w.ends(p)
	if !strings.Contains(p.log(), "demo: ok") {
		t.Error(p.log())
	}
}

// TestWindowsClient fetches through a stock server by the proxies of a client on
// Windows, whose profile was edited there and names a file by a path of Windows. It
// ends by Ctrl-C.
func TestWindowsClient(t *testing.T) {
	t.Parallel()
	in := newRedirected(t)
	w := withWine(t, in.client)
	ca := filepath.Join(w.dir, "my keys", "ca.crt")
	profile := string(must(os.ReadFile(w.clientConfig(clientParty(t, plain), in.serverIPv4))))
	block := regexp.MustCompile(`(?s)<ca>\n(.*)</ca>`)
	for _, err := range []error{os.Mkdir(filepath.Dir(ca), 0o755), os.WriteFile(ca, []byte(asEditedThere(block.FindStringSubmatch(profile)[1])), 0o644)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	profile = block.ReplaceAllLiteralString(profile, `ca "`+strings.ReplaceAll(byWindows(ca), `\`, `\\`)+`"`)
	w.file("my profile.ovpn", asEditedThere(profile))
	p := w.up(w.culvert("connect", byWindows(filepath.Join(w.dir, "my profile.ovpn")), "--socks", "127.0.0.1:1080", "--http", "127.0.0.1:8080"))

	for _, proxy := range []string{"socks5h://127.0.0.1:1080", "http://127.0.0.1:8080"} {
		for _, at := range in.webAddresses() {
			got, err := w.fetchBy(proxy, webURL(at))
			from, _ := netip.ParseAddrPort(got)
			if err != nil || !innerIPv4.Contains(from.Addr()) && !innerIPv6.Contains(from.Addr()) {
				t.Errorf("%v by %s: the web server saw %q: %v", at, proxy, got, err)
			}
		}
	}
	if err := p.stop(syscall.SIGINT); err != nil {
		t.Errorf("exit status after Ctrl-C: %v", err)
	}
}

// TestWindowsConsole asks for name and password in a console, and does not show the
// password.
func TestWindowsConsole(t *testing.T) {
	t.Parallel()
	h := newHosts(t)
	h.s.run(stock, h.s.serverConfig(serverParty(t, plain, loginServer(h.s, oncePassword)...))).up()
	w := withWine(t, h.c)
	profile := h.c.clientConfig(clientParty(t, plain, "auth-user-pass"), h.w.b4)
	p := w.up(w.console([]string{"ada", "hunter2"}, "connect", profile, "--userspace"))
	if _, shown, asked := strings.Cut(p.log(), "Password for ada:"); !asked || strings.Contains(shown, "hunter2") {
		t.Errorf("%q", p.log())
	}
}

// TestWindowsServer sets up a server on Windows in a directory of C:, and a stock
// client connects by the profile that it made.
func TestWindowsServer(t *testing.T) {
	t.Parallel()
	in := newInternet(t)
	in.unreachable(t)
	w := withWine(t, in.server)
	const dir = `C:\my server`
	profile := filepath.Join(in.client.dir, "phone.ovpn")
	w.ends(w.culvert("init", "--dir", dir, "--host", in.serverIPv4.String(), "--network6", innerIPv6.String()))
	w.ends(w.culvert("client", "add", "phone", "--dir", dir, "-o", byWindows(profile)))
	conf := filepath.Join(w.prefix, "drive_c", "my server", "server.conf")
	text := string(must(os.ReadFile(conf))) + "\nallow-lan\n" // the web server is on a wire of its host's
	if err := os.WriteFile(conf, []byte(asEditedThere(text)), 0o600); err != nil {
		t.Fatal(err)
	}
	server := w.up(w.culvert("serve", dir+`\server.conf`))
	in.client.run(stock, profile).up()
	in.client.settle()

	in.fetchFrom(t, in.webWire.b4, in.webWire.a4)
	in.fetchFrom(t, in.webWire.b6, in.webWire.a6)
	transfer(t, in.client, in.web, in.webWire.b4, 2<<20)
	for _, at := range in.webAddresses() {
		echo := in.web.helper("echo", netip.AddrPortFrom(at, 0).String()).listenAddress()
		if got := in.client.helper("ask", echo); got.wait(patience) != nil {
			t.Errorf("UDP to %s: %s", echo, got.log())
		}
	}
	if err := server.stop(syscall.SIGINT); err != nil {
		t.Errorf("exit status after Ctrl-C: %v", err)
	}
}
