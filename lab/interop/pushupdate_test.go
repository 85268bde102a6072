//go:build interop

package interop

import (
	"encoding/json"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/operate/backend"
)

// TestPushUpdateCommand changes what a server pushed while its clients are
// connected: one of ours, which takes it, and one of stock 2.6, which does not.
func TestPushUpdateCommand(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a, b, s := l.host("a"), l.host("b"), l.host("s")
	wa, wb := l.join(a, s), l.join(b, s)
	s.run(ours, s.serverConfig(serverParty(t, plain, `push "route 10.66.0.0 255.255.0.0"`))).up()
	client := a.run(ours, a.clientConfig(clientParty(t, plain), wa.b4)).up()
	other := clientParty(t, plain)
	other.identity = keys(t).ca.issue(otherName, time.Now().Add(-day), time.Now().Add(day))
	b.run(stock, b.clientConfig(other, wb.b4)).up()

	update := func(args ...string) (done backend.Updated, said string, err error) {
		argv := s.exec(s.command("push-update", append([]string{"--json"}, args...)...))
		out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
		json.NewDecoder(strings.NewReader(string(out))).Decode(&done)
		return done, string(out), err
	}
	done, said, err := update("--all", "--", "-route", "route 10.67.0.0 255.255.0.0, route 10.68.0.0 255.255.0.0")
	if err != nil || !slices.Equal(done.Told, []string{clientName}) || !slices.Equal(done.Unable, []string{otherName}) {
		t.Fatalf("%v: %s", err, said)
	}
	client.expect(regexp.MustCompile(`the server changed what it pushed`), 1, patience)
	routes := a.ip("route")
	for prefix, want := range map[string]bool{"10.66.": false, "10.67.": true, "10.68.": true} {
		if contains(splitLines(routes), prefix) != want {
			t.Errorf("route to %s: %v in\n%s", prefix, !want, routes)
		}
	}
	if routes := b.ip("route"); !contains(splitLines(routes), "10.66.") || contains(splitLines(routes), "10.67.") {
		t.Errorf("routes of a client that takes no changes:\n%s", routes)
	}
	a.ping(serverIPv4)
	b.ping(serverIPv4)
	for want, args := range map[string][]string{
		"cipher cannot change":   {"--all", "cipher AES-128-GCM"},
		"client-config-dir":      {"--all", "ifconfig 10.8.0.9 255.255.255.0"},
		"no client given":        {"dhcp-option DNS 10.8.0.1"},
		"no client could change": {"--to", otherName, "dhcp-option DNS 10.8.0.1"},
		"are not connected":      {"--to", "nobody", "dhcp-option DNS 10.8.0.1"},
	} {
		if _, said, err := update(args...); err == nil || !strings.Contains(said, want) {
			t.Errorf("%q: %v, %s; expected %q", args, err, said, want)
		}
	}
	if client.count(regexp.MustCompile(`the server changed what it pushed`)) != 1 {
		t.Error("a refused change got to a client")
	}
}
