package service

import (
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"testing"

	"culvert/config"
)

// TestReadAgain: a worker may have the certificate of its web pages read, and no more.
func TestReadAgain(t *testing.T) {
	c := &config.Config{Mode: config.ModeServer}
	if got := readAgain(c, "/d", nil); len(got) > 0 {
		t.Error(got)
	}
	c.Server.Web = webAt(t, "127.0.0.1:1")
	if got := slices.Sorted(maps.Keys(readAgain(c, "/d", map[string]bool{"/d/ca.crt": true}))); !slices.Equal(got, []string{"/d/ca.crt", "/d/web.crt", "/d/web.key"}) {
		t.Error(got)
	}
	c.Server.Web.Cert, c.Server.Web.Key = "/a", "/b"
	if got := slices.Sorted(maps.Keys(readAgain(c, "/d", nil))); !slices.Equal(got, []string{"/a", "/b"}) {
		t.Error(got)
	}
	c.Server.Dashboard = config.Dashboard{Web: webAt(t, "127.0.0.1:2")}
	if got := readAgain(c, "/d", nil); len(got) != 2 {
		t.Error(got, "for a dashboard by HTTP")
	}
	c.Server.Dashboard.Cert, c.Server.Dashboard.Key = "/c", "/e"
	if got := slices.Sorted(maps.Keys(readAgain(c, "/d", nil))); !slices.Equal(got, []string{"/a", "/b", "/c", "/e"}) {
		t.Error(got)
	}
	c.Server.API = webAt(t, "127.0.0.1:3")
	if got := readAgain(c, "/d", nil); len(got) != 4 {
		t.Error(got, "for an API with the certificate of the pages")
	}
	c.Server.API.Cert, c.Server.API.Key = "/f", "/g"
	if got := readAgain(c, "/d", nil); len(got) != 6 || !got["/f"] || !got["/g"] {
		t.Error(got)
	}
	c.Mode = config.ModeP2P
	if got := readAgain(c, "/d", nil); len(got) > 0 {
		t.Error(got)
	}
}

// TestNoWebsite: a server whose pages cannot be served goes on without.
func TestNoWebsite(t *testing.T) {
	c := &config.Config{Mode: config.ModeServer}
	r := roles{log: slog.New(slog.DiscardHandler), Options: Options{Dir: t.TempDir()}}
	c.Server.Web = webAt(t, "127.0.0.1:1")
	if s := websiteOf(c, r, acquainted{}); s != nil {
		t.Error("pages without a certificate")
	}
}

func webAt(t *testing.T, address string) config.Web {
	t.Helper()
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return config.Web{Listen: at, URL: "https://127.0.0.1:1"}
}
