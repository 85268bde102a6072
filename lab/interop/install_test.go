//go:build interop

package interop

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestInstall: `culvert install` makes a service of a profile that names its keys by files
// beside it, on a machine without units of ours; the tunnel works, and nothing is left
// after `--remove`.
func TestInstall(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	peer, host := l.host("s"), l.host("c")
	w := l.join(peer, host)
	dir := t.TempDir()
	m := host.boot(dir)
	mustRun(t, "cp", culvert(t), m.path("/usr/local/bin/culvert"))
	peer.run(stock, peer.serverConfig(serverParty(t, plain))).up()

	profile := host.clientConfig(clientParty(t, plain, "connect-retry 1 1"), w.a4)
	m.write("/root/office.ovpn", mustRead(t, profile), 0o600)
	const unit = "culvert-client@office.service"
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(m.journal("-u", unit))
		}
	})
	m.inside.output("culvert", "install", "office", "/root/office.ovpn")
	m.until("the service is up", func() bool { return initialized.MatchString(m.journal("-u", unit)) })
	host.ping(serverIPv4)
	if out := m.inside.output("culvert", "status", "office"); !strings.HasPrefix(out, "client on "+tunDevice) {
		t.Errorf("status: %s", out)
	}
	m.inside.output("culvert", "disconnect", "office")
	m.until("end of the service", func() bool { return m.show(unit, "ActiveState") == "inactive" })
	m.inside.output("systemctl", "start", unit)
	if out, ok := m.inside.asks("culvert", "install", "office", "/root/office.ovpn"); ok {
		t.Errorf("installed twice: %s", out)
	}
	m.inside.output("culvert", "install", "--remove", "office")
	if state := m.show(unit, "ActiveState"); state != "inactive" {
		t.Errorf("after --remove: %s", state)
	}
	if files, _ := filepath.Glob(m.path("/etc/openvpn/client/*")); len(files) > 0 {
		t.Errorf("left: %q", files)
	}
}
