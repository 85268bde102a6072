//go:build interop

package interop

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"syscall"
	"testing"

	namespaces "github.com/vishvananda/netns"

	"culvert/operate/dashboard/pages/browsertest"
)

// TestDashboard: in a browser, an administrator signs in with a password and enrols a passkey,
// adds a person with a device, and reads the QR code of the profile. A stock client connects
// with it and is seen, its rate, too; the person is disabled, and it is gone. Then the passkey
// signs in, and the link of culvert dashboard.
func TestDashboard(t *testing.T) {
	t.Parallel()
	h := newHosts(t)
	dir, _ := h.initialize(t)
	way := h.s.reached(netip.MustParseAddrPort("127.0.0.1:8444"))
	site := fmt.Sprintf("http://localhost:%d", way.Port())
	conf := filepath.Join(dir, "server.conf")
	lines := "\nsetenv opt web-listen *:8443\nsetenv opt web-url https://" + h.w.b4.String() + ":8443\n" +
		"setenv opt dashboard-listen 127.0.0.1:8444\nsetenv opt dashboard-url " + site + "\nsetenv opt dashboard-admit admins administer\n"
	if err := os.WriteFile(conf, append(must(os.ReadFile(conf)), lines...), 0o644); err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(h.s.dir, "state")
	server := h.s.start("culvert serve", culvert(t), "serve", "--dir", dir, "--state-dir", state).up()
	server.expect(regexp.MustCompile("serving the dashboard"), 1, patience)
	h.s.output(culvert(t), "group", "add", "admins", "--dir", dir)
	h.s.output("sh", "-c", "echo 'correct horse' | "+culvert(t)+" user add ada --group admins --password-stdin --dir "+dir)

	pictures := filepath.Join("out", "dashboard")
	if err := os.MkdirAll(pictures, 0o755); err != nil {
		t.Fatal(err)
	}
	b := browsertest.Start(t, browsertest.Options{Pictures: pictures})
	b.Resize(browsertest.Sizes[2])
	b.Authenticator()
	b.Open(site + "/")
	b.Fill("Name", "ada")
	b.Fill("Password", "wrong")
	b.Click("Sign in")
	b.WaitText("wrong user name or password")
	b.Fill("Password", "correct horse")
	b.Click("Sign in")
	b.WaitText("Nobody is connected")
	goTo(b, "#/account", "You have no passkeys")
	b.WaitText("by a password alone")
	b.Click("Add a passkey")
	b.Fill("Name", "my phone")
	b.Click("Add")
	b.WaitText("my phone")

	client := h.personInBrowser(b)
	b.StopPolling()
	client.up()
	b.WaitText("pad.alice") // by an event, that is, at once
	b.GoOnPolling()
	tun := &tunnel{client: h.c, server: h.s, remote: h.w.b4}
	tun.clientIPv4, tun.clientIPv6 = h.c.device(tunDevice)
	flows := tun.pace()
	b.Wait(`/[1-9][\d.,]*\s?\S*b\S*\/s/.test([...document.querySelectorAll('tr')].find((r) => r.innerText.includes('pad.alice'))?.innerText)`)
	flows.finish(t)
	b.Check("live-now")

	goTo(b, "#/person/alice", "pad.alice")
	b.Click("Disable")
	b.WaitText("sessions end at once")
	b.Click("Disable")
	server.expect(regexp.MustCompile("user alice is disabled"), 1, patience)
	goTo(b, "#/now", "Nobody is connected")
	client.expect(regexp.MustCompile("AUTH_FAILED"), 1, patience)

	goTo(b, "#/account", "my phone")
	b.Click("Sign out")
	b.Click("Sign in with a passkey")
	b.WaitText("may do everything")
	b.Clean(site)
	h.byLink(t, dir, state, site, b)
}

// goTo goes to a page of the dashboard and waits for a text of it.
func goTo(b *browsertest.Browser, page, text string) {
	browsertest.Eval[bool](b, "(location.hash = '"+page+"', true)")
	b.WaitText(text)
}

// personInBrowser adds alice with a device, and returns a stock client with the profile that
// the QR code leads to.
func (h hosts) personInBrowser(b *browsertest.Browser) *process {
	t := h.c.t
	goTo(b, "#/people", "Add a person")
	b.Click("Add a person")
	b.Fill("Name", "alice")
	b.Click("Add")
	b.WaitText("No devices yet")
	b.Click("Add a device")
	b.Fill("Device", "pad")
	b.Click("Add")
	b.WaitText("The profile is ready")
	b.Wait("document.querySelector('.qr img').naturalWidth > 0")
	link := b.ReadQR(".qr img")
	b.Click("Close")
	goTo(b, "#/now", "Nobody is connected")
	curl := func(address string) string {
		return h.c.output("curl", "-s", "-k", "--max-time", "10", address)
	}
	found := regexp.MustCompile(`openvpn://import-profile/(https://[^"<\s]+)`).FindStringSubmatch(curl(link))
	if found == nil {
		t.Fatalf("the QR code leads to %s", link)
	}
	return h.c.run(stock, h.c.file("pad.ovpn", curl(found[1])))
}

// byLink signs in by links that work once: that of culvert dashboard, which this host's
// loopback has, and that of the server's own dashboard.
func (h hosts) byLink(t *testing.T, dir, state, site string, b *browsertest.Browser) {
	out := h.s.output(culvert(t), "dashboard", "--link", "--dir", dir)
	own := regexp.MustCompile(site + `/#link=\S+`).FindString(out)
	b.Open("about:blank")
	b.Open(own)
	b.WaitText("Nobody is connected")
	goTo(b, "#/account", "(link)")
	b.Click("Sign out")
	b.WaitText("Sign in with a passkey")
	b.Open("about:blank")
	b.Open(own)
	b.WaitText("this link was used before")
	local := exec.Command(culvert(t), "dashboard", "--state-dir", state, "--no-browser")
	said := must(local.StdoutPipe())
	if err := local.Start(); err != nil {
		t.Fatal(err)
	}
	defer local.Wait()
	defer local.Process.Signal(syscall.SIGTERM)
	var link string
	for lines := bufio.NewScanner(said); link == "" && lines.Scan(); {
		link = regexp.MustCompile(`http://127\.0\.0\.1:\d+/#link=\S+`).FindString(lines.Text())
	}
	b.Open(link)
	b.WaitText("Nobody is connected")
	b.Check("live-local")
}

// reached returns an address of this host's loopback, by which it reaches one of the other
// host's.
func (n *netns) reached(to netip.AddrPort) netip.AddrPort {
	n.t.Helper()
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	n.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go n.passOn(c, to)
		}
	}()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// passOn passes on what a connection has, to an address of the other host, and back.
func (n *netns) passOn(c net.Conn, to netip.AddrPort) {
	defer c.Close()
	there, err := n.dial(to)
	if err != nil {
		return
	}
	defer there.Close()
	go func() {
		io.Copy(there, c)
		there.Close()
	}()
	io.Copy(c, there)
}

// dial connects on the other host. The thread comes back: where it is the first of this
// process, the whole process would count as one of the other host's.
func (n *netns) dial(to netip.AddrPort) (c net.Conn, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	own, err := namespaces.Get()
	if err != nil {
		return nil, err
	}
	defer own.Close()
	there, err := namespaces.GetFromName(n.name)
	if err != nil {
		return nil, err
	}
	defer there.Close()
	if err := namespaces.Set(there); err != nil {
		return nil, err
	}
	defer func() {
		if err := namespaces.Set(own); err != nil {
			panic(err)
		}
	}()
	return net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(to))
}
