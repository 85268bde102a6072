//go:build interop

package interop

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// driven are the arguments that NetworkManager's plugin cannot do without: of the
// socket by which it watches and answers, and of the program by which it learns the
// settings, which it makes itself.
var driven = regexp.MustCompile(`--up \S*nm-openvpn-service-openvpn-helper .*--management \S+ unix .*--management-query-passwords|--management \S+ unix .*--management-query-passwords.*--up \S*nm-openvpn-service-openvpn-helper`)

// TestNetworkManagerDrivesUs: NetworkManager's plugin starts our program in OpenVPN's
// place, with all its arguments, answers for the password over the management protocol,
// and makes the tunnel's settings itself; with stock as the control.
func TestNetworkManagerDrivesUs(t *testing.T) {
	t.Parallel()
	for _, impl := range []implementation{stock, ours} {
		t.Run(impl.name, func(t *testing.T) {
			h := newManagedClient(t)
			server := serverParty(t, oldStyle)
			server.extra = append(server.extra, loginServer(h.s, `test "$(sed -n 2p "$1")" = hunter2`)...)
			h.s.run(stock, h.s.serverConfig(server)).up()

			said := h.c.inOpenVPNsPlace(t, impl)

			profile := h.c.clientConfig(clientParty(t, oldStyle, "auth-user-pass"), h.w.b4)
			h.c.output("env", "HOME="+h.c.dir, "nmcli", "connection", "import", "type", "openvpn", "file", profile)
			h.c.output("nmcli", "connection", "modify", "client", "+vpn.data", "username=ada", "+vpn.data", "password-flags=0", "vpn.secrets", "password=hunter2")
			h.c.output("nmcli", "-w", "30", "connection", "up", "client")
			tun := h.tunnelByManager(t)
			tun.client.ping(serverIPv4)
			if text := string(must(os.ReadFile(said))); !driven.MatchString(text) {
				t.Errorf("the arguments are not the ones that this test is about:\n%s", text)
			}
			h.c.output("nmcli", "-w", "20", "connection", "down", "client")
			h.c.eventually("the device is gone", func() bool { return !h.c.answers("ip", "link", "show", "dev", tunDevice) })
		})
	}
}

// inOpenVPNsPlace has a machine's /usr/sbin/openvpn run an implementation under the name
// openvpn, and returns the file in which it notes with which arguments.
func (n *netns) inOpenVPNsPlace(t *testing.T, impl implementation) (said string) {
	t.Helper()
	program := filepath.Join(n.dir, "stock")
	n.output("cp", "/usr/sbin/openvpn", program)
	if impl.name == ours.name {
		program = culvert(t)
	}
	said = n.file("arguments", "")
	wrapper := n.public("wrapper", "#!/bin/bash\necho \"$*\" >> "+said+"\nexec -a openvpn "+program+" \"$@\"\n")
	n.output("mount", "--bind", wrapper, "/usr/sbin/openvpn")
	return said
}
