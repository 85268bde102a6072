//go:build interop

package pages

import (
	"strings"
	"testing"

	"culvert/operate/dashboard/pages/browsertest"
)

// begin opens the pages of a bed.
func begin(t *testing.T, file string) (*bed, *browsertest.Browser) {
	t.Helper()
	bed := newBed(t, file)
	b := browsertest.Start(t, browsertest.Options{Pictures: pictures(t)})
	b.Resize(browsertest.Sizes[2])
	b.Open(bed.URL + "/")
	return bed, b
}

// to goes to a page and waits for a text of it.
func to(b *browsertest.Browser, hash, text string) {
	browsertest.Eval[bool](b, "(location.hash = '"+hash+"', true)")
	b.WaitText(text)
}

// TestPages: every page, of a server and of a client, is laid out well in all sizes and both
// schemes, also where clients chose names with markup, control characters and marks of
// direction, and 10 KB of what they say of themselves.
func TestPages(t *testing.T) {
	t.Parallel()
	_, b := begin(t, "server.json")
	for _, page := range [][3]string{
		{"now", "#/now", "laptop.alice"}, {"people", "#/people", "alice@example.org"}, {"person", "#/person/alice", "laptop.alice"},
		{"groups", "#/groups", "staff"}, {"group", "#/group/staff", "Alice Example"}, {"policy", "#/policy", "allow group staff"}, {"session", "#/session/1", "IV_VER"},
		{"history", "#/history", "laptop.alice"}, {"past", "#/past/1", "IV_VER"}, {"certificates", "#/certificates", "old.bob"},
		{"servers", "#/servers", "4711"}, {"settings", "#/settings", "tls-crypt-v2"}, {"logs", "#/logs", "line 3 of a client"},
		{"account", "#/account", "Your passkeys"},
	} {
		wanted := page[2]
		if page[0] == "people" {
			wanted = "Alice Example"
		}
		to(b, page[1], wanted)
		b.Check("server-" + page[0])
		if browsertest.Eval[bool](b, "'hit' in window || [...document.images].some((i) => i.getAttribute('src') === 'x')") {
			t.Errorf("%s made markup of a name", page[0])
		}
	}
}

func TestPagesOfClient(t *testing.T) {
	t.Parallel()
	bed, b := begin(t, "client.json")
	for _, page := range [][3]string{{"now", "#/now", "198.51.100.1"}, {"session", "#/session/0", "TLS 1.3"}, {"servers", "#/servers", "vpn3.example.org"}, {"settings", "#/settings", "exists via eth0"}} {
		to(b, page[1], page[2])
		b.Check("client-" + page[0])
	}
	if nav := browsertest.Eval[string](b, "document.getElementById('nav').innerText"); strings.Contains(nav, "People") || strings.Contains(nav, "Policy") {
		t.Errorf("a client's pages:\n%s", nav)
	}
	b.Clean(bed.URL)
}
