//go:build interop

package interop

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// unitSet are units for one configuration each.
type unitSet struct {
	impl implementation
	from string            // where the units lie
	sed  [2]string         // what is written for the program, and what to write
	at   map[string]string // where each reads its configuration
}

// program is the path of the program under test on a machine with units.
const unitProgram = "/usr/sbin/culvert"

var unitSets = map[string]unitSet{
	"stock":  {stock, "/usr/lib/systemd/system", [2]string{}, debianUnits},
	"ours":   {ours, "/usr/lib/systemd/system", [2]string{"/usr/sbin/openvpn", unitProgram}, debianUnits},
	"packed": {ours, "../../packaging", [2]string{"@BINDIR@/culvert", unitProgram}, map[string]string{"culvert-server@": "/etc/openvpn/server", "culvert-client@": "/etc/openvpn/client"}},
}

// debianUnits are those of Debian's package.
var debianUnits = map[string]string{"openvpn@": "/etc/openvpn", "openvpn-server@": "/etc/openvpn/server", "openvpn-client@": "/etc/openvpn/client"}

// files are the units, with only the path of the program changed where it is ours, and that
// program.
func (s unitSet) files(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	units, program := filepath.Join(dir, "usr/lib/systemd/system"), filepath.Join(dir, unitProgram)
	for _, d := range []string{units, filepath.Dir(program), filepath.Join(dir, "etc/openvpn/server"), filepath.Join(dir, "etc/openvpn/client")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	all, _ := filepath.Glob(filepath.Join(s.from, map[bool]string{true: "culvert*.service", false: "openvpn*.service"}[s.impl.name == ours.name && s.from != "/usr/lib/systemd/system"]))
	if len(all) < len(s.at) {
		t.Fatalf("units: %q", all)
	}
	for _, file := range all {
		text := mustRead(t, file)
		if s.sed[0] != "" {
			text = strings.ReplaceAll(text, s.sed[0], s.sed[1])
		}
		if err := os.WriteFile(filepath.Join(units, filepath.Base(file)), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	mustRun(t, "cp", culvert(t), program)
	return dir
}

// unitUser is who `user` names in these tests: nobody else has processes of that user, which
// LimitNPROC would count.
const unitUser = "culvertunits"

// unitHook notes why it was run and by whom, with one command at a time: see docs/process.md
// for the tasks that are left for it.
const unitHook = `#!/bin/sh
echo "$script_type by $(/usr/bin/id -un) $common_name" >> /run/lab/calls
`

// TestUnits: the units of Debian's package do with ours what they do with OpenVPN, under
// systemd itself, which limits rights, tasks and processes as the units say: start until
// ready, MAINPID, the status file, reload, restart, stop, and programs, with `user` and
// without. So do the units of our package. Not beside other tests, for a busy machine leaves
// fewer tasks.
func TestUnits(t *testing.T) {
	for name, set := range unitSets {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			peer, host := l.host("c"), l.host("s")
			w := l.join(peer, host)
			m := host.boot(set.files(t))
			m.addUser(l.serial)
			if name == "packed" {
				m.serves(t)
			}
			for template := range set.at {
				for _, user := range []bool{false, true} {
					instance := map[bool]string{false: "root", true: "user"}[user]
					t.Run(template+instance, func(t *testing.T) {
						u := unitRun{t, m.in(t), set, template, instance, user, peer.in(t), w}
						if strings.Contains(template, "client") {
							u.client()
						} else {
							u.server()
						}
					})
				}
			}
		})
	}
}

// serves has culvert.service serve what `culvert init` made.
func (m *machine) serves(t *testing.T) {
	t.Run("culvert", func(t *testing.T) {
		m := m.in(t)
		m.inside.output(unitProgram, "init", "--dir", "/etc/culvert", "--host", "192.0.2.1")
		t.Cleanup(func() {
			if t.Failed() {
				t.Log(m.journal("-u", "culvert"))
			}
			m.systemctl("stop", "culvert")
		})
		for _, verb := range []string{"start", "reload", "stop"} {
			if out, err := m.systemctl(verb, "culvert"); err != nil {
				t.Fatalf("%s: %v: %s", verb, err, out)
			}
		}
		if log := m.journal("-u", "culvert"); !initialized.MatchString(log) || strings.Contains(log, "ERR") {
			t.Errorf("log: %s", log)
		}
		if result := m.show("culvert", "Result"); result != "success" {
			t.Error(result)
		}
	})
}

// unitRun is one of the units at work.
type unitRun struct {
	t *testing.T
	*machine
	unitSet
	template string
	instance string
	user     bool
	peer     *netns
	wire     wire
}

func (u unitRun) unit() string { return u.template + u.instance + ".service" }

// who runs the programs of the configuration once the process has given up root.
func (u unitRun) who() string {
	if u.user {
		return unitUser
	}
	return "root"
}

// lines run unitHook for what can happen. With `user`, OpenVPN needs to keep its device and
// its keys, which it cannot open again.
func (u unitRun) lines(stages ...string) (all []string) {
	all = []string{"script-security 2"}
	for _, stage := range stages {
		all = append(all, stage+" /usr/local/bin/unithook")
	}
	if u.user {
		all = append(all, "user "+unitUser, "group "+unitUser, "persist-tun", "persist-key")
	}
	return all
}

// server has a client come and go at a server that a unit runs.
func (u unitRun) server() {
	u.install(u.serverConfig(serverParty(u.t, plain, append(u.lines("up", "client-connect", "client-disconnect", "down"), "explicit-exit-notify 1")...)))
	pid := u.start()
	client := u.peer.run(stock, u.peer.clientConfig(clientParty(u.t, plain, "connect-retry 1 1"), u.wire.b4)).up()
	u.peer.ping(serverIPv4)
	u.called("client-connect by "+u.who()+" "+clientName, 1)
	if strings.HasPrefix(u.template, "culvert") {
		u.fields()
	}
	u.until("status file", func() bool {
		if strings.HasPrefix(u.template, "culvert") {
			return true // none is asked for
		}
		files, _ := filepath.Glob(u.path("/run/openvpn*/*" + u.instance + "*"))
		return slices.ContainsFunc(files, func(f string) bool { return strings.HasSuffix(mustRead(u.t, f), "END\n") })
	})
	u.signal("USR2", regexp.MustCompile(`OpenVPN CLIENT LIST|CLIENT_LIST`), 1)
	connected := 1
	if u.reloads() {
		if u.impl.name == stock.name { // it drops sessions
			connected++
		}
		client.expect(initialized, connected, patience)
	}
	u.signal("USR1", nil, 0)
	connected++
	client.expect(initialized, connected, patience)
	u.peer.ping(serverIPv4)
	u.called("client-connect by "+u.who()+" "+clientName, connected)
	u.stop(pid)
	u.called("client-disconnect by "+u.who()+" "+clientName, connected)
	u.called("down by "+u.who(), 1)
	if err := client.stop(syscall.SIGTERM); err != nil {
		u.t.Errorf("the client: %v", err)
	}
}

// fields finds what the unit logged about the client by fields of the journal.
func (u unitRun) fields() {
	lines := strings.Split(u.inside.output("journalctl", "-q", "-o", "json", "--no-pager", "-u", u.unit(), "-p", "info", "CULVERT_CLIENT="+clientName), "\n")
	found := slices.ContainsFunc(lines, func(line string) bool {
		var e map[string]any
		return json.Unmarshal([]byte(line), &e) == nil && strings.HasPrefix(fmt.Sprint(e["MESSAGE"]), "client connected ") && e["PRIORITY"] == "6" && e["CULVERT_SUBSYSTEM"] == "session" &&
			e["_TRANSPORT"] == "journal" && strings.HasPrefix(fmt.Sprint(e["CULVERT_ADDRESS"]), u.wire.a4.String()+":") && e["CULVERT_IPV4"] != nil
	})
	if !found {
		u.t.Errorf("the journal has no fields of a client:\n%s", strings.Join(lines, "\n"))
	}
}

// client has a unit run a client of a stock server.
func (u unitRun) client() {
	server := u.peer.run(stock, u.peer.serverConfig(serverParty(u.t, plain, "explicit-exit-notify 1"))).up()
	u.install(u.clientConfig(clientParty(u.t, plain, append(u.lines("up", "route-up", "down", "ipchange"), "explicit-exit-notify 1", "connect-retry 1 1")...), u.wire.a4))
	pid := u.start()
	u.logged(initialized, 1)
	u.ping(serverIPv4)
	u.called("route-up by "+"root", 1)
	u.signal("USR2", regexp.MustCompile(`STATISTICS|TUN/TAP read bytes`), 1)
	up := 1
	if u.reloads() {
		if u.impl.name == stock.name {
			up++
		}
		u.logged(initialized, up)
		u.ping(serverIPv4)
	}
	u.signal("USR1", initialized, up+1)
	u.called("ipchange by "+u.who(), 1)
	u.ping(serverIPv4)
	u.stop(pid)
	u.called("down by "+u.who(), 1)
	if err := server.stop(syscall.SIGTERM); err != nil {
		u.t.Errorf("the server: %v", err)
	}
}

// start starts the unit, which takes until it is ready, and returns its process.
func (u unitRun) start() (pid string) {
	u.t.Helper()
	u.write("/run/lab/calls", "", 0o666)
	u.t.Cleanup(func() {
		if u.t.Failed() {
			u.t.Logf("calls:\n%s\njournal:\n%s", mustRead(u.t, u.path("/run/lab/calls")), u.journal("-u", u.unit()))
		}
		u.systemctl("stop", u.unit())
	})
	if out, err := u.systemctl("start", u.unit()); err != nil {
		u.t.Fatalf("start: %v: %s", err, out)
	}
	pid = u.show(u.unit(), "MainPID")
	exe, err := os.Readlink(u.path("/proc/" + pid + "/exe"))
	if want := map[string]string{stock.name: "openvpn", ours.name: "culvert"}[u.impl.name]; err != nil || filepath.Base(exe) != want {
		u.t.Errorf("the main process runs %q, %v", exe, err)
	}
	if text := u.show(u.unit(), "StatusText"); text == "" {
		u.t.Error("systemd heard no status")
	}
	u.called("up by root", 1)
	return pid
}

// reloads sends a SIGHUP where the program can obey it, and reports that: OpenVPN has no
// right to read its keys again once it is not root.
func (u unitRun) reloads() bool {
	u.t.Helper()
	switch {
	case u.template == "openvpn@" && u.user && u.impl.name == ours.name: // ten tasks have no room for a keeper
		u.signal("HUP", regexp.MustCompile(`permission denied`), 1)
	case strings.HasPrefix(u.template, "culvert"):
		if out, err := u.systemctl("reload", u.unit()); err != nil {
			u.t.Fatalf("reload: %v: %s", err, out)
		}
		u.logged(sessionsGoOn, 1)
	case u.impl.name == ours.name:
		u.signal("HUP", sessionsGoOn, 1)
	case u.user:
		return false
	default:
		u.signal("HUP", initialized, 2)
	}
	return true
}

// signal sends a signal to the main process, and waits until the journal has what it does.
func (u unitRun) signal(sig string, effect *regexp.Regexp, n int) {
	u.t.Helper()
	if out, err := u.systemctl("kill", "--kill-whom=main", "-s", sig, u.unit()); err != nil {
		u.t.Fatalf("%s: %v: %s", sig, err, out)
	}
	if effect != nil {
		u.logged(effect, n)
	}
}

// logged waits until lines of the unit's journal match n times.
func (u unitRun) logged(re *regexp.Regexp, n int) {
	u.t.Helper()
	u.until(re.String(), func() bool { return len(re.FindAllString(u.journal("-u", u.unit()), -1)) >= n })
}

// called waits until unitHook has noted a call n times.
func (u unitRun) called(call string, n int) {
	u.t.Helper()
	u.until(call, func() bool { return strings.Count(mustRead(u.t, u.path("/run/lab/calls")), call) >= n })
}

// stop stops the unit, whose main process is still the one that was started, and looks
// that nothing is left of it.
func (u unitRun) stop(pid string) {
	u.t.Helper()
	if now := u.show(u.unit(), "MainPID"); now != pid || u.show(u.unit(), "ActiveState") != "active" {
		u.t.Errorf("main process %s, before %s", now, pid)
	}
	if out, err := u.systemctl("stop", u.unit()); err != nil {
		u.t.Errorf("stop: %v: %s", err, out)
	}
	if state, result := u.show(u.unit(), "ActiveState"), u.show(u.unit(), "Result"); state != "inactive" || result != "success" {
		u.t.Errorf("after stop: %s, %s", state, result)
	}
	u.until("end of its tasks", func() bool { return u.show(u.unit(), "TasksCurrent") == "[not set]" })
	if links := u.ip("-br", "link"); strings.Contains(links, tunDevice) {
		u.t.Errorf("left behind: %s", links)
	}
}

// install writes the configuration that a unit reads, with the files beside it.
func (u unitRun) install(config string) {
	u.t.Helper()
	dir := u.at[u.template]
	files, _ := filepath.Glob(filepath.Join(filepath.Dir(config), "*"))
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		name := filepath.Base(file)
		if file == config {
			name = u.instance + ".conf"
		}
		u.write(filepath.Join(dir, name), strings.ReplaceAll(mustRead(u.t, file), filepath.Dir(config)+"/", ""), 0o600)
	}
}

// in is the machine in a test of its own.
func (m *machine) in(t *testing.T) *machine {
	return &machine{m.netns.in(t), m.pid, m.inside.in(t)}
}

// in is the host in a test of its own.
func (n *netns) in(t *testing.T) *netns {
	c := *n
	c.t = t
	return &c
}

// addUser gives the machine unitUser, and the place where unitHook notes its calls.
func (m *machine) addUser(serial int64) {
	m.t.Helper()
	id := 1<<20 + int(serial%64)<<23 + os.Getpid() // of no other machine: LimitNPROC counts a user's processes
	for name, line := range map[string]string{
		"/etc/passwd": fmt.Sprintf("%s:x:%d:%[2]d::/:/bin/false\n", unitUser, id), "/etc/group": fmt.Sprintf("%s:x:%d:\n", unitUser, id),
	} {
		f, err := os.OpenFile(m.path(name), os.O_APPEND|os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteString(line)
		}
		if err != nil {
			m.t.Fatal(err)
		}
		f.Close()
	}
	m.write("/usr/local/bin/unithook", unitHook, 0o755)
}

// write makes a file of the machine.
func (m *machine) write(name, text string, mode os.FileMode) {
	m.t.Helper()
	if err := os.MkdirAll(filepath.Dir(m.path(name)), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(m.path(name), []byte(text), mode); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Chmod(m.path(name), mode); err != nil {
		m.t.Fatal(err)
	}
}
