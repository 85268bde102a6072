//go:build interop

package interop

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// updated is what the updates of these tests bring, and takenBack the end of it.
var (
	updated   = []string{"route 172.21.0.0 255.255.0.0", "route-ipv6 fd00:21::/48", "dhcp-option DNS 192.0.2.21"}
	takenBack = []string{"-route", "-route-ipv6", "-dhcp-option"}
)

// updateFromPeer has a server of OpenVPN change what it pushed, and take it back.
func updateFromPeer(t *testing.T, e *encounter) {
	dir := must(os.MkdirTemp("", "mgmt")) // a socket's path has to be short
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	tun := connect(t, e.pairing(), serverParty(t, plain, "management "+socket+" unix"), clientParty(t, plain))
	m := manageOpenVPN(t, socket)
	for _, there := range []bool{true, false} {
		m.command(`push-update-broad "` + strings.Join(update(there), ", ") + `"`)
		tun.client.awaitRoutes(there)
		tun.client.eventually("names are asked as the server says", func() bool {
			return strings.Contains(tun.client.resolvConf(), "192.0.2.21") == there
		})
	}
	tun.exchange(t)
	e.saw(t, pushUpdated)
}

// updateToPeer has this program's server do the same to a client of OpenVPN. That
// one makes its device anew each time, and leaves names to a script that is not
// there.
func updateToPeer(t *testing.T, e *encounter) {
	tun := connect(t, e.pairing(), serverParty(t, plain), clientParty(t, plain))
	for i, there := range []bool{true, false} {
		tun.server.output(tun.server.command("push-update", append([]string{"--all", "--"}, update(there)...)...)...)
		tun.clientProc.expect(initialized, 2+i, patience)
		tun.client.awaitRoutes(there)
	}
	tun.exchange(t)
	e.saw(t, pushUpdated)
}

func update(there bool) []string {
	if there {
		return updated
	}
	return takenBack
}

// awaitRoutes waits until the host has, or no longer has, the routes of updated.
func (n *netns) awaitRoutes(there bool) {
	n.t.Helper()
	n.eventually(fmt.Sprintf("the routes are there: %v", there), func() bool {
		return strings.Contains(n.ip("route"), "172.21.0.0/16 ") == there &&
			strings.Contains(n.ip("-6", "route"), "fd00:21::/48 ") == there
	})
}

// management is a connection to OpenVPN's management interface.
type management struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Scanner
}

func manageOpenVPN(t *testing.T, socket string) *management {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return &management{t, conn, bufio.NewScanner(conn)}
}

// command gives a command, which is to succeed.
func (m *management) command(text string) {
	m.t.Helper()
	if _, err := fmt.Fprintln(m.conn, text); err != nil {
		m.t.Fatal(err)
	}
	for m.in.Scan() {
		line := m.in.Text()
		if strings.HasPrefix(line, "SUCCESS") {
			return
		}
		if strings.HasPrefix(line, "ERROR") {
			m.t.Fatalf("%s: %s", text, line)
		}
	}
	m.t.Fatalf("%s: no answer: %v", text, m.in.Err())
}
