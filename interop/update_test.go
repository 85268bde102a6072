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

// updateFromPeer has a server of OpenVPN change what it pushed, and take it back.
func updateFromPeer(t *testing.T, e *encounter) {
	dir := must(os.MkdirTemp("", "mgmt")) // a socket's path has to be short
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	tun := connect(t, e.pairing(), serverParty(t, plain, "management "+socket+" unix"), clientParty(t, plain))
	m := manageOpenVPN(t, socket)
	m.command(`push-update-broad "route 172.21.0.0 255.255.0.0, route-ipv6 fd00:21::/48, dhcp-option DNS 192.0.2.21"`)
	tun.awaitUpdate(true)
	m.command(`push-update-broad "-route, -route-ipv6, -dhcp-option"`)
	tun.awaitUpdate(false)
	tun.exchange(t)
	e.saw(t, pushUpdated)
}

// awaitUpdate waits until the client's host has, or no longer has, what the update
// in these tests brings.
func (tun *tunnel) awaitUpdate(there bool) {
	n := tun.client
	n.t.Helper()
	n.eventually(fmt.Sprintf("the update in effect: %v", there), func() bool {
		return strings.Contains(n.ip("route"), "172.21.0.0/16 ") == there &&
			strings.Contains(n.ip("-6", "route"), "fd00:21::/48 ") == there &&
			strings.Contains(n.resolvConf(), "192.0.2.21") == there
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
