//go:build interop

package interop

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// userManager is Debian's user@.service without PAM and logind, which no machine of the
// lab has: they would make the session's runtime directory.
const userManager = `[Service]
User=%i
Type=notify
ExecStart=/lib/systemd/systemd --user
RuntimeDirectory=user/%i
RuntimeDirectoryMode=0700
Environment=XDG_RUNTIME_DIR=/run/user/%i
KillMode=mixed
Delegate=pids memory
`

// person is a user of a machine, with a service manager of their own.
type person struct {
	*machine
	inside *netns // who runs as them
	unit   string // of their manager
	id     int
}

// person has a user with a home directory and a running manager.
func (m *machine) person(name string, id int) *person {
	m.t.Helper()
	home := "/home/" + name
	for file, line := range map[string]string{"/etc/passwd": fmt.Sprintf("%s:x:%d:%[2]d::%s:/bin/sh\n", name, id, home), "/etc/group": fmt.Sprintf("%s:x:%d:\n", name, id)} {
		m.inside.output("sh", "-c", `printf %s "$1" >>"$2"`, "sh", line, file)
	}
	m.inside.output("install", "-d", "-o", name, "-g", name, "-m", "700", home)
	m.write("/usr/lib/systemd/system/user@.service", userManager, 0o644)
	p := &person{machine: m, unit: fmt.Sprintf("user@%d.service", id), id: id}
	enter := append(append([]string{}, m.inside.enter...), "setpriv", fmt.Sprint("--reuid=", id), fmt.Sprint("--regid=", id), "--clear-groups", "--inh-caps=-all",
		"env", "-i", "-C", home, "HOME="+home, "PATH=/usr/local/bin:/usr/bin:/bin", fmt.Sprint("XDG_RUNTIME_DIR=/run/user/", id))
	p.inside = &netns{m.t, m.netns.name, m.netns.dir, enter}
	m.inside.output("systemctl", "start", p.unit)
	return p
}

// mine is one property of a unit of the person's manager.
func (p *person) mine(unit, property string) string {
	p.t.Helper()
	return strings.TrimSpace(p.inside.output("systemctl", "--user", "show", "--value", "-p", property, unit))
}

// TestInstallForUser: `culvert install` by somebody who is not root makes a service that
// their own manager runs: it begins with the manager, comes back after a crash, is asked
// and ended by name, and leaves nothing after `--remove`.
func TestInstallForUser(t *testing.T) {
	t.Parallel()
	in := newInternet(t)
	in.server.forward()
	in.web.defaultVia(in.webWire.a4, in.webWire.a6)
	in.server.run(ours, in.server.serverConfig(serverParty(t, plain, "explicit-exit-notify 1"))).up()
	profile := in.client.clientConfig(clientParty(t, plain, "connect-retry 1 1", "explicit-exit-notify 1"), in.serverIPv4)
	m := in.client.boot(t.TempDir())
	mustRun(t, "cp", culvert(t), m.path("/usr/local/bin/culvert"))
	anna := m.person("anna", 1<<20+os.Getpid())
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(m.journal())
		}
	})
	m.write("/home/anna/office.ovpn", mustRead(t, profile), 0o644)
	const unit = "culvert-office.service"
	up := func(what string) (pid string) {
		t.Helper()
		m.until(what, func() bool {
			return strings.HasPrefix(anna.mine(unit, "StatusText"), "Initialization Sequence Completed")
		})
		if got, err := in.client.fetchBy("socks5h://127.0.0.1:1080", webURL(in.webWire.b4)); err != nil {
			t.Errorf("%s, through the proxy: %q, %v", what, got, err)
		}
		return anna.mine(unit, "MainPID")
	}

	anna.inside.output("culvert", "install", "office", "office.ovpn")
	first := up("the service is up")
	if out := anna.inside.output("culvert", "status", "office"); !strings.HasPrefix(out, "client on "+tunDevice+", up ") {
		t.Errorf("status: %s", out)
	}
	if out, ok := anna.inside.asks("culvert", "install", "office", "office.ovpn"); ok {
		t.Errorf("installed twice: %s", out)
	}
	m.inside.output("kill", "-KILL", first)
	m.until("another process", func() bool { pid := anna.mine(unit, "MainPID"); return pid != first && pid != "0" })
	up("back after a crash")

	m.inside.output("systemctl", "restart", anna.unit)
	up("begun with the manager")
	anna.inside.output("culvert", "disconnect", "office")
	m.until("end of the service", func() bool { return anna.mine(unit, "ActiveState") == "inactive" })
	anna.inside.output("systemctl", "--user", "start", unit)
	up("started again")

	anna.inside.output("culvert", "install", "--remove", "office")
	if state := anna.mine(unit, "ActiveState"); state != "inactive" {
		t.Errorf("after --remove: %s", state)
	}
	if left := anna.inside.output("find", "/home/anna/.config", "/run/user/"+fmt.Sprint(anna.id)+"/culvert", "-not", "-type", "d"); left != "" {
		t.Errorf("left: %s", left)
	}
}

// TestKillSwitchWithoutRights: who may not make a fence is told that a tunnel in user space
// has none, and measures and uses the servers of a profile that asks for one.
func TestKillSwitchWithoutRights(t *testing.T) {
	t.Parallel()
	in := newInternet(t)
	in.server.run(ours, in.server.serverConfig(serverParty(t, plain))).up()
	config, run := forNobody(t, in.client.clientConfig(clientParty(t, plain, "block-outside"), in.serverIPv4)), program(t)
	if said := in.client.output(append(asNobody, run, "servers", config)...); !strings.Contains(said, "the best of those that answer") {
		t.Errorf("servers:\n%s", said)
	}
	c := in.client.start("culvert connect", append(asNobody, run, "connect", config, "--socks", "127.0.0.1:1080")...).up()
	if log := c.log(); !strings.Contains(log, "block-outside has no effect in user space") {
		t.Errorf("log:\n%s", log)
	}
}
