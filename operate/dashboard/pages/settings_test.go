//go:build interop

package pages

import (
	"strings"
	"testing"

	"culvert/operate/dashboard/pages/browsertest"
)

// TestSettings: each line has its meaning and its place, is found by either, and defaults are
// there when they are asked for; routes lead to their sessions.
func TestSettings(t *testing.T) {
	t.Parallel()
	bed, b := begin(t, "server.json")
	to(b, "#/settings", "tls-crypt-v2")
	b.WaitText("10.8.0.0/24")
	text := func() string { return browsertest.Eval[string](b, "document.getElementById('main').innerText") }
	for _, want := range []string{"/etc/culvert/server.conf:3", "<tls-crypt-v2>", "not shown, since it is or may be secret", "no effect: a later line sets the same",
		"command line", "for one server", "when the server sends another", "Use this port on both ends.", "past the tunnel", "exists via eth0"} {
		if !strings.Contains(text(), want) {
			t.Errorf("no %q in\n%s", want, text())
		}
	}
	if strings.Contains(text(), "Run at this priority") {
		t.Error("defaults are shown before they are asked for")
	}
	b.Click("With what holds by default")
	b.WaitText("Run at this priority")
	b.Fill("Search", "priority")
	b.WaitNoText("Use this port on both ends.")
	b.WaitText("nice n")
	if got := browsertest.Eval[string](b, "document.querySelector('a[href=\"#/session/1\"]').textContent"); !strings.Contains(got, "<img") {
		t.Errorf("the route to a session is called %q", got)
	}
	b.Clean(bed.URL)
}

// TestClosed: where no group is let in, the sign-in says so, and what to do.
func TestClosed(t *testing.T) {
	t.Parallel()
	bed := newBed(t, "server.json")
	bed.out = true
	bed.set("/auth/state", `{"signed_in":false,"ways":["passkey"],"closed":"no password signs in here","mend":"add the line dashboard-admit"}`)
	b := browsertest.Start(t, browsertest.Options{Pictures: pictures(t)})
	b.Open(bed.URL + "/")
	b.WaitText("no password signs in here")
	b.WaitText("add the line dashboard-admit")
	b.WaitText("Sign in with a passkey")
	b.Check("signin-closed")
	b.Clean(bed.URL)
}
