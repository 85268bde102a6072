package doctor

import (
	"context"
	"crypto/rand"
	"net"
	"net/netip"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"culvert/config"
	"culvert/operate/setup"
)

// found is what the checks of web pages say, in a line each.
func webFound(t *testing.T, dir string, w config.Web, now time.Time) string {
	t.Helper()
	s := &server{Options: Options{Dir: dir, File: filepath.Join(dir, "server.conf"), Now: func() time.Time { return now }}, cfg: &config.Config{Mode: config.ModeServer}}
	s.cfg.Server.Web = w
	s.running = share(t.Context(), func(context.Context) (runner, error) { return runner{}, nil })
	var all []string
	for _, r := range run(t.Context(), (serverWeb{s}).checks(), false, func(Result) {}) {
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
