//go:build interop

package interop

import (
	"path/filepath"
	"strings"
	"testing"
)

// resolvedHost makes a machine with a system bus on which systemd-resolved may take its name,
// whose resolver's file is the link that systemd's packages make. Process 1 shares the network
// with systemd-resolved where it is the host's, so /proc says so.
func (l *lab) resolvedHost() *netns {
	l.t.Helper()
	n := l.machine("c")
	holder := n.enter[4]
	n.output("mount", "--bind", "/proc/"+holder+"/ns", "/proc/1/ns")
	n.output("sh", "-c", `mkdir -p /etc/dbus-1/system.d /etc/systemd/resolved.conf.d && cp "$0" /etc/dbus-1/system.d
grep -q ^systemd-resolve: /etc/passwd || echo systemd-resolve:x:990:990::/:/usr/sbin/nologin >>/etc/passwd
grep -q ^systemd-resolve: /etc/group || echo systemd-resolve:x:990: >>/etc/group
ln -sf /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf`,
		filepath.Join(peersDir(), "resolved/usr/share/dbus-1/system.d/org.freedesktop.resolve1.conf"))
	n.bus()
	return n
}

// resolved starts systemd-resolved.
func (n *netns) resolved() *process {
	n.t.Helper()
	p := n.start("systemd-resolved", "env", "SYSTEMD_LOG_TARGET=console", unpacked(n.t, "systemd-resolved"))
	n.eventually("systemd-resolved answers", func() bool { return n.answers(unpacked(n.t, "resolvectl"), "status") })
	return p
}

func (n *netns) resolvectl(args ...string) string {
	n.t.Helper()
	return n.output(append([]string{unpacked(n.t, "resolvectl"), "--no-pager"}, args...)...)
}

// linkSays is what systemd-resolved has for a link: "dns" or "domain".
func (n *netns) linkSays(what, device string) string {
	n.t.Helper()
	said, _ := n.asks(unpacked(n.t, "resolvectl"), "--no-pager", what, device)
	_, says, _ := strings.Cut(said, "("+device+"):")
	return strings.Join(strings.Fields(says), " ")
}

// TestServerMovesWithResolved: of systemd-resolved's links, the others are asked,
// although all names are the tunnel's by now, whose name server has no answer.
func TestServerMovesWithResolved(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	m := l.moving(l.resolvedHost())
	m.client.resolved()
	m.client.resolvectl("dns", "eth0", worldDNS.String())
	m.answers(m.world, worldDNS, movingAt[0])
	move := func() {
		m.client.resolvectl("flush-caches")
		m.answers(m.world, worldDNS, movingAt[1])
	}
	m.run(t, plain, nil, nil, move, func(config string) *process { return m.client.run(ours, config) })
	if dns, domains := m.client.linkSays("dns", tunDevice), m.client.linkSays("domain", tunDevice); dns != pushedDNS || domains != "~." {
		t.Errorf("the tunnel's link has the servers %q for %q", dns, domains)
	}
	onlyOurName(t, m.dnsmasq)
}

// resolvedNames is a world whose client has systemd-resolved, and a name server outside at its
// uplink.
func resolvedNames(t *testing.T, push ...string) (c *choosingNames, resolved *process) {
	t.Helper()
	l := newLab(t)
	client := l.resolvedHost()
	c = l.internet(client).choosingNames(t, push...)
	resolved = client.resolved()
	client.resolvectl("dns", "eth0", farDNS.String())
	client.resolvectl("domain", "eth0", "before.example")
	return c, resolved
}
