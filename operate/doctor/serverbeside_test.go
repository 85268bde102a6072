package doctor

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"culvert/config"
	"culvert/operate/setup"
)

// webFound is what the checks of web pages say, in a line each.
func webFound(t *testing.T, dir string, w config.Web, now time.Time) string {
	t.Helper()
	return besideFound(t, dir, config.Config{Server: config.Server{Web: w}}, runner{}, now)
}

// besideFound is what the checks of all that a server serves beside the VPN say.
func besideFound(t *testing.T, dir string, c config.Config, r runner, now time.Time) string {
	t.Helper()
	s := &server{Options: Options{Dir: dir, File: filepath.Join(dir, "server.conf"), Now: func() time.Time { return now }}, cfg: &c}
	c.Mode = config.ModeServer
	s.running = share(t.Context(), func(context.Context) (runner, error) { return r, nil })
	var all []string
	for _, r := range run(t.Context(), besideChecks(s), false, func(Result) {}) {
		for _, f := range r.Findings {
			all = append(all, r.Check+": "+f.Text+" ["+f.Evidence+"] "+f.Mend)
		}
	}
	return strings.Join(all, "\n")
}

func TestServerWeb(t *testing.T) {
	dir, now := filepath.Join(t.TempDir(), "vpn"), time.Now()
	if _, err := setup.Init(setup.InitOptions{Dir: dir, Host: "vpn.example.org", Now: now, Rand: rand.Reader}); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	free := netip.MustParseAddrPort("127.0.0.1:1")
	cert, key := setup.WebFiles(dir)
	pages := config.Web{Listen: free, URL: "https://vpn.example.org:8443"}
	if got := webFound(t, dir, config.Web{}, now); got != "" {
		t.Error(got)
	}
	says := func(w config.Web, at time.Time, want ...string) {
		t.Helper()
		got := webFound(t, dir, w, at)
		for _, text := range want {
			if !strings.Contains(got, text) {
				t.Errorf("want %q in\n%s", text, got)
			}
		}
	}
	says(pages, now, "there is no certificate for web pages yet")
	if err := setup.PrepareWeb(dir, "vpn.example.org", now); err != nil {
		t.Fatal(err)
	}
	says(pages, now, "do not trust")
	named := pages
	named.Cert, named.Key = cert, key
	if got := webFound(t, dir, named, now); got != "" {
		t.Error(got)
	}
	named.URL = "https://other.example.org"
	says(named, now, "not for other.example.org, which web-url names")
	named.URL = pages.URL
	says(named, now.AddDate(2, 2, 20), "the certificate of web pages ends in")
	says(named, now.AddDate(9, 0, 0), "the certificate of web pages ended")
	named.Key = filepath.Join(dir, "server.key")
	says(named, now, "cannot be used")
	named.Key = filepath.Join(dir, "none")
	says(named, now, "cannot be read")
	if runtime.GOOS == "linux" {
		named = pages
		named.Listen = taken.Addr().(*net.TCPAddr).AddrPort()
		says(named, now, "is another program's")
	}
}

// TestServerBeside: the dashboard, the API and metrics are looked at as web pages are. A
// certificate that several show is judged once, and for the name of each.
func TestServerBeside(t *testing.T) {
	dir, now := filepath.Join(t.TempDir(), "vpn"), time.Now()
	if _, err := setup.Init(setup.InitOptions{Dir: dir, Host: "vpn.example.org", Now: now, Rand: rand.Reader}); err != nil {
		t.Fatal(err)
	}
	if err := setup.PrepareWeb(dir, "vpn.example.org", now); err != nil {
		t.Fatal(err)
	}
	at := func(port uint16) netip.AddrPort { return netip.AddrPortFrom(netip.IPv6Unspecified(), port) }
	cert, key := setup.WebFiles(dir)
	c := config.Config{Server: config.Server{
		Web:       config.Web{Listen: at(1), URL: "https://vpn.example.org:1", Cert: cert, Key: key},
		Dashboard: config.Dashboard{Web: config.Web{Listen: at(2), URL: "https://board.example.org:2"}},
		API:       config.Web{Listen: at(3)},
	}, Metrics: config.Metrics{Listen: at(4)}}
	got := besideFound(t, dir, c, runner{by: "culvert"}, now.AddDate(9, 0, 0))
	for text, times := range map[string]int{
		"web port: the server runs and does not serve web pages":                              1,
		"dashboard port: the server runs and does not serve the dashboard":                    1,
		"API port: the server runs and does not serve the API":                                1,
		"metrics port: the server runs and does not serve metrics":                            1,
		"the certificate of web pages ended":                                                  1,
		"ended":                                                                               1,
		"the certificate of the dashboard is not for board.example.org, which dashboard-url ": 1,
		"is not for": 1,
	} {
		if n := strings.Count(got, text); n != times {
			t.Errorf("%d times %q, want %d, in\n%s", n, text, times, got)
		}
	}
	c.Server.Web.Cert, c.Server.Web.Key = "", ""
	c.Server.Web.Listen = netip.AddrPort{}
	if got := besideFound(t, dir, c, runner{}, now); !strings.Contains(got, "passkeys do not work") {
		t.Error(got)
	}
}

// TestAnotherOfUs: a port that another process of this program has is taken, and an address that
// this host does not have is no place to listen at.
func TestAnotherOfUs(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("processes and their sockets are looked at on Linux alone")
	}
	own := os.Getpid()
	for _, c := range []struct {
		r    runner
		h    holder
		want bool
	}{
		{runner{by: "culvert", pid: own}, holder{pid: own, name: "culvert"}, true},
		{runner{by: "culvert", pid: own}, holder{pid: os.Getppid(), name: "culvert"}, true},
		{runner{by: "culvert", pid: os.Getppid()}, holder{pid: own, name: "culvert"}, true},
		{runner{by: "culvert", pid: own}, holder{pid: 1 << 30, name: "culvert"}, false},
		{runner{by: "culvert"}, holder{pid: own, name: "culvert"}, true},
		{runner{}, holder{pid: own, name: "culvert"}, false},
		{runner{by: "culvert", pid: own}, holder{pid: own, name: "nginx"}, false},
		{runner{by: "culvert"}, holder{}, true},
		{runner{}, holder{}, false},
	} {
		if got := c.r.has(c.h); got != c.want {
			t.Errorf("%+v has what %+v has: %v", c.r, c.h, got)
		}
	}
	c := config.Config{Metrics: config.Metrics{Listen: netip.MustParseAddrPort("192.0.2.77:1")}, Management: config.Management{Address: "192.0.2.78", Port: "7505"}}
	if got := besideFound(t, t.TempDir(), c, runner{}, time.Now()); !strings.Contains(got, "192.0.2.77 (metrics-listen) is not an address of this host, and the server cannot serve metrics there [this host has ") ||
		!strings.Contains(got, "write one of this host's, or *, in metrics-listen") || !strings.Contains(got, "write one of this host's in management of") {
		t.Error(got)
	}
}

// TestClientBeside: a client's ports beside the VPN are looked at as a server's are.
func TestClientBeside(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("processes and their sockets are looked at on Linux alone")
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	at := taken.Addr().(*net.TCPAddr).AddrPort()
	own := runner{by: filepath.Base(os.Args[0]), pid: os.Getpid()}
	if len(own.by) > 15 { // as the kernel cuts it
		own.by = own.by[:15]
	}
	for _, c := range []struct {
		listen netip.AddrPort
		r      runner
		want   string
	}{
		{at, runner{}, "problem: TCP port"}, {at, own, ""},
		{at, runner{by: "culvert", pid: 1 << 30}, "is another program's, and the client cannot serve metrics there"},
		{at, runner{may: "it may not be seen"}, "whether that is the client is hidden: it may not be seen"},
		{netip.MustParseAddrPort("192.0.2.77:1"), runner{}, "write one of this host's, or *, in metrics-listen of office.ovpn, and connect again"},
		{netip.MustParseAddrPort("127.0.0.1:1"), runner{}, ""},
		{netip.MustParseAddrPort("127.0.0.1:1"), runner{by: "culvert"}, "the client runs and does not serve metrics"},
	} {
		p := place{"client", "office.ovpn", "connect again", func(context.Context) (runner, error) { return c.r, nil }}
		var checks []inspection
		for _, l := range endpointsOf(&config.Config{Metrics: config.Metrics{Listen: c.listen}}, p) {
			checks = append(checks, l.portCheck())
		}
		got := ""
		for _, r := range run(t.Context(), checks, false, func(Result) {}) {
			got += r.Why
			for _, f := range r.Findings {
				got += fmt.Sprintf("%s: %s [%s] %s", f.Severity, f.Text, f.Evidence, f.Mend)
			}
		}
		if !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%v, by %+v: %q, expected %q", c.listen, c.r, got, c.want)
		}
	}
}
