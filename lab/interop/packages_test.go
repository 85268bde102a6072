//go:build interop

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// debianScript makes a small Debian that nothing outside sees, below a directory of its own,
// and stays in it as what programs of that Debian are started beside. What is written to it
// is kept in memory.
const debianScript = `set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"
mount -t tmpfs tmpfs "$1/root/dev"
mkdir "$1/root/dev/net"
for node in null zero full random urandom tty net/tun; do cp -a "/dev/$node" "$1/root/dev/$node"; done
mount -t proc proc "$1/root/proc"
mount --bind /etc/resolv.conf "$1/root/etc/resolv.conf"
echo ready
exec chroot "$1/root" sleep infinity
`

// debianHost is a host that is a small Debian.
type debianHost struct {
	*netns
	root    string   // where it is for programs of this machine
	outside []string // the command line before that of such a program, which is to see it
}

// debian makes a fresh Debian, as .ci/peers got it. Its directory /packages has Debian's own
// packages, and /ours those of dist.
func (l *lab) debian(role, dist string) debianHost {
	l.t.Helper()
	root := filepath.Join(peersDir(), "debian")
	if _, err := os.Stat(filepath.Join(root, "unpacked")); err != nil {
		l.t.Fatalf("%v; .ci/peers makes it", err)
	}
	n := l.host(role)
	dir := l.t.TempDir()
	holder := n.start("Debian", "sh", "-c", debianScript, "sh", dir, filepath.Join(root, "root"))
	holder.expect(ready, 1, patience)
	enter := slices.Clip([]string{"nsenter", "-m", "-n", "-t", fmt.Sprint(holder.cmd.Process.Pid)})
	d := debianHost{n, filepath.Join(dir, "root"), append(enter, "--")}
	d.beside("cp", "-r", filepath.Join(root, "packages"), filepath.Join(d.root, "packages"))
	d.beside("cp", "-r", dist, filepath.Join(d.root, "ours"))
	n.enter = append(enter, "-r", "-w", "--", "env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "DEBIAN_FRONTEND=noninteractive")
	return d
}

// beside runs a program of this machine that sees the Debian, and returns what it prints.
func (d debianHost) beside(argv ...string) string {
	d.t.Helper()
	argv = append(slices.Clone(d.outside), argv...)
	return mustRun(d.t, argv[0], argv[1:]...)
}

// packed makes packages of the program, as kinds says, in a directory.
func packed(t *testing.T, kinds, dist, version string) {
	t.Helper()
	mustRun(t, "env", "VERSION="+version, "DIST="+dist, "MAINTAINER=Test <test@example.org>", "../../packaging/build", kinds, runtime.GOARCH)
}

// everything is a listing of all that is on a host, without what notes that packages were
// there: the logs, the package managers' own files and backups of the list of users.
const everything = `find / -xdev \( -path /var/lib/dpkg -o -path /var/lib/rpm -o -path /var/log -o -path /var/cache \) -prune -o -printf '%p %y %m %u:%g %l\n' |
	grep -vE '^(/etc/(passwd|group|shadow|gshadow)-|/etc/.pwd.lock|/run/adduser|/ours|/packages|/root)' | sort
find /etc -xdev -type f ! -name '*-' -exec md5sum {} + | sort -k 2
cat /etc/passwd /etc/group
dpkg-divert --list
ls /var/lib/dpkg/info /var/lib/dpkg/alternatives /var/lib/systemd`

func (n *netns) everything() string {
	n.t.Helper()
	return n.output("sh", "-c", everything)
}

// unchanged reports what two listings have not in common.
func unchanged(t *testing.T, when, before, after string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"before": before, "after": after} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("diff", "-U0", filepath.Join(dir, "before"), filepath.Join(dir, "after")).CombinedOutput(); err != nil {
		t.Errorf("%s:\n%s", when, out)
	}
}

// says checks what a program of the host prints.
func (n *netns) says(want string, argv ...string) {
	n.t.Helper()
	if said := n.output(argv...); !strings.Contains(said, want) {
		n.t.Errorf("%q says\n%s\nexpected %q in it", argv, said, want)
	}
}

// configured is what people have put into a server's directory. A server keeps its keys,
// leases, store and audit log there, too.
func configured(n *netns) string {
	n.t.Helper()
	return n.output("sh", "-c", "find /etc/culvert -type f ! -name 'keys-*' ! -name ipp.txt ! -name store.db ! -name history.db ! -name audit.log -exec md5sum {} + | sort")
}

// startsUnit starts what a unit would.
func (n *netns) startsUnit(unit string) *process {
	n.t.Helper()
	text := n.output("cat", "/usr/lib/systemd/system/"+unit)
	m := regexp.MustCompile(`(?m)^ExecStart=(.*)$`).FindStringSubmatch(text)
	if m == nil {
		n.t.Fatalf("%s starts nothing:\n%s", unit, text)
	}
	return n.start(unit, strings.Fields(m[1])...)
}

const (
	isCulvert = "This is Culvert"
	isStock   = "OpenVPN Inc"
)

// TestPackages makes packages of two versions, and has their parts installed.
func TestPackages(t *testing.T) {
	t.Parallel()
	dist := t.TempDir()
	packed(t, "deb,rpm", dist, "1.2.0-rc.1")
	packed(t, "deb", dist, "1.2.0")
	for name, test := range map[string]func(*testing.T, string){"deb": debAlone, "deb beside OpenVPN": debBesideOpenVPN, "rpm": rpmAlone} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, dist)
		})
	}
}

// systemctlStub stands in for systemd's: it notes what it is asked for, and says that what is
// in /run/active is.
const systemctlStub = `#!/bin/sh
echo "$*" >>/run/asked
case $* in *is-active*) test -e /run/active ;; esac
`

// stubSystemd has scripts of packages think that systemd runs.
func (n *netns) stubSystemd() {
	n.t.Helper()
	n.output("mkdir", "-p", "/run/systemd/system", "/etc/systemd/system/multi-user.target.wants")
	n.output("sh", "-c", "cat >/usr/bin/systemctl <<'END'\n"+systemctlStub+"END\nchmod +x /usr/bin/systemctl")
}

// asked checks what systemd was asked for since the last call.
func (n *netns) asked(want ...string) {
	n.t.Helper()
	if got := strings.TrimSpace(n.output("sh", "-c", "touch /run/asked; cat /run/asked; rm /run/asked")); got != strings.Join(want, "\n") {
		n.t.Errorf("systemd was asked for\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

const ourUnits = "culvert.service culvert-server@*.service culvert-client@*.service"

// debOf is where the package of a version is in a Debian.
func debOf(t *testing.T, version string) string {
	return "/ours/culvert_" + version + "-1_" + strings.TrimSpace(mustRun(t, "dpkg", "--print-architecture")) + ".deb"
}

// debAlone: in a fresh Debian, the package is installed, a server set up with it and a stock
// client let in; a newer version takes its place while it runs, and changes nothing of the
// configuration; removed and purged, it leaves what people have made, and nothing else.
func debAlone(t *testing.T, dist string) {
	older, newer := debOf(t, "1.2.0~rc.1"), debOf(t, "1.2.0")
	l := newLab(t)
	s, c := l.debian("s", dist), l.host("c")
	w := l.join(s.netns, c)
	before := s.everything()
	s.output("dpkg", "-i", older, strings.Replace(older, "culvert_", "culvert-auth-pam_", 1))
	s.says("culvert 1.2.0-rc.1 ", "culvert", "version")
	s.says("libpam.so.0 => /", "ldd", "/usr/libexec/culvert/culvert-auth-pam")
	s.says("github.com/msteinert/pam", "zcat", "/usr/share/doc/culvert-auth-pam/THIRD-PARTY.gz")
	s.says(isCulvert+" 1.2.0-rc.1", "openvpn", "--version")
	s.says("nologin", "getent", "passwd", "culvert")
	s.output("sh", "-c", `test -z "$(find /etc/systemd /etc/rc?.d -name '*culvert*')"`) // nothing starts by itself

	s.output("culvert", "init", "--dir", "/etc/culvert", "--host", w.a4.String())
	s.output("sh", "-c", "echo max-clients 7 >>/etc/culvert/server.conf")
	profile := c.file("anna.ovpn", s.output("culvert", "client", "add", "anna", "--dir", "/etc/culvert"))
	made := configured(s.netns)
	server := s.startsUnit("culvert.service").up()
	client := c.run(stock, profile).up()
	c.ping(serverIPv4)

	s.output("dpkg", "-i", newer, strings.Replace(newer, "culvert_", "culvert-auth-pam_", 1))
	unchanged(t, "the configuration after an upgrade", made, configured(s.netns))
	c.ping(serverIPv4) // what runs goes on
	server.stop(syscall.SIGTERM)
	server = s.startsUnit("culvert.service").up()
	server.expect(regexp.MustCompile("client connected"), 1, patience)
	client.expect(initialized, 2, patience)
	c.ping(serverIPv4)
	s.says("culvert 1.2.0 ", "culvert", "version")
	client.stop(syscall.SIGTERM)
	server.stop(syscall.SIGTERM) // without systemd, prerm stops nothing

	s.output("dpkg", "-P", "culvert-auth-pam")
	s.output("dpkg", "-r", "culvert")
	unchanged(t, "the configuration after removal", made, configured(s.netns))
	s.says("/etc/culvert stay", "dpkg", "-P", "culvert")
	unchanged(t, "the configuration after a purge", made, configured(s.netns))
	s.output("rm", "-r", "/etc/culvert")
	unchanged(t, "what a purge leaves", before, s.everything())
}

// debBesideOpenVPN: whoever has Debian's openvpn, or installs it later, goes on with it, and
// may have culvert in its place. That choice outlives upgrades of both, and nothing is left of
// it in the end.
func debBesideOpenVPN(t *testing.T, dist string) {
	older, newer := debOf(t, "1.2.0~rc.1"), debOf(t, "1.2.0")
	s := newLab(t).debian("s", dist)
	s.output("dpkg", "-i", older)
	s.output("sh", "-c", "dpkg -i /packages/*.deb")
	s.says(isStock, "openvpn", "--version") // whoever installs it wants it
	s.output("dpkg", "-r", "openvpn")
	s.says(isCulvert, "openvpn", "--version")
	s.output("dpkg", "-P", "openvpn", "culvert")

	s.output("sh", "-c", "dpkg -i /packages/*.deb")
	s.stubSystemd()
	before := s.everything()
	s.output("dpkg", "-i", older)
	s.asked("daemon-reload")
	s.says(isStock, "openvpn", "--version")
	s.output("update-alternatives", "--set", "openvpn", "/usr/bin/culvert")
	s.says(isCulvert, "openvpn", "--version")
	s.output("touch", "/run/active")
	s.says("systemctl try-restart culvert.service", "dpkg", "-i", newer)
	s.asked("daemon-reload", "--quiet is-active "+ourUnits)
	s.output("rm", "/run/active")
	s.says(isCulvert+" 1.2.0,", "openvpn", "--version")
	s.output("sh", "-c", "dpkg -i /packages/openvpn_*.deb") // as an upgrade of it does
	s.says(isCulvert, "openvpn", "--version")
	s.output("update-alternatives", "--auto", "openvpn")
	s.says(isStock, "openvpn", "--version")
	s.output("ln", "-s", "/usr/lib/systemd/system/culvert-server@.service", "/etc/systemd/system/multi-user.target.wants/culvert-server@office.service")
	s.output("rm", "-f", "/run/asked") // by OpenVPN's package
	s.output("dpkg", "-P", "culvert")
	s.asked("stop "+ourUnits, "daemon-reload")
	s.says(isStock, "openvpn", "--version")
	unchanged(t, "what a purge leaves", before, s.everything())
}

// rpmAlone: rpm finds in the package what it should hold, installs it, and takes all of it
// away again, in a system that is not its own: what the package asks for is not looked at.
func rpmAlone(t *testing.T, dist string) {
	files, err := filepath.Glob(dist + "/culvert-1*.rpm")
	if err != nil || len(files) != 1 {
		t.Fatalf("packages: %q, %v", files, err)
	}
	list := mustRun(t, "rpm", "-qlp", files[0])
	for _, want := range []string{"/usr/bin/culvert", "/usr/lib/systemd/system/culvert-server@.service", "/usr/lib/sysusers.d/culvert.conf",
		"/usr/share/man/man5/culvert.conf.5.gz", "/usr/share/zsh/site-functions/_culvert", "/usr/share/licenses/culvert/LICENSE"} {
		if !strings.Contains("\n"+list, "\n"+want+"\n") {
			t.Errorf("the package has no %s:\n%s", want, list)
		}
	}
	s := newLab(t).debian("s", dist)
	rpm := func(args ...string) {
		s.beside(append([]string{"rpm", "--root", s.root, "--nodeps", "--force-debian"}, args...)...)
	}
	s.output("sh", "-c", "dpkg -i /packages/*.deb")
	s.output("mv", "/usr/sbin/openvpn", "/root/") // else the name is not ours to take
	// These belong to packages of such a system.
	s.output("mkdir", "-p", "/usr/lib/sysusers.d", "/usr/lib/systemd/system-preset", "/usr/share/zsh/site-functions", "/usr/share/fish/vendor_completions.d", "/usr/share/licenses")
	// As Fedora's package of OpenVPN has them.
	s.output("sh", "-c", "groupadd -r openvpn && chmod 0750 /etc/openvpn/server /etc/openvpn/client && chgrp openvpn /etc/openvpn/server")
	s.output("touch", "/etc/openvpn/server/mine.conf")
	s.stubSystemd()
	before := s.everything()
	s.output("rmdir", "/etc/openvpn/client")
	rpm("-i", files[0])
	s.asked("daemon-reload")
	s.says("drwxr-x--- root root", "stat", "-c", "%A %U %G", "/etc/openvpn/client")
	s.says("culvert 1.2.0-rc.1 ", "culvert", "version")
	s.says(isCulvert, "openvpn", "--version")
	s.says("nologin", "getent", "passwd", "culvert")
	s.output("ln", "-s", "/usr/lib/systemd/system/culvert.service", "/etc/systemd/system/multi-user.target.wants/culvert.service")
	rpm("-e", "culvert")
	s.asked("stop "+ourUnits, "daemon-reload")
	s.output("sh", "-c", "userdel culvert") // rpm's systems keep users
	unchanged(t, "what rpm -e leaves", before, s.everything())
}

// TestVersionsInOrder: dpkg and rpm order versions as Go does.
func TestVersionsInOrder(t *testing.T) {
	t.Parallel()
	order := []string{"0.0.0-20261127004123-5f0cd9c87f09", "0.1.0-beta.2", "0.1.0-rc.1", "0.1.0-rc.1.0.20261201000000-5f0cd9c87f09", "0.1.0-rc.2", "0.1.0",
		"0.1.1-0.20261202000000-5f0cd9c87f09", "0.1.1", "0.2.0", "0.10.0", "1.0.0-rc.1", "1.0.0"}
	previous := ""
	for _, v := range order {
		next := strings.TrimSpace(mustRun(t, "../../packaging/version", v))
		if previous == "" {
			previous = next
			continue
		}
		if err := exec.Command("dpkg", "--compare-versions", previous+"-1", "lt", next+"-1").Run(); err != nil {
			t.Errorf("dpkg: %s is not less than %s", previous, next)
		}
		if said := mustRun(t, "rpm", "--eval", fmt.Sprintf(`%%{lua: print(rpm.vercmp("%s", "%s"))}`, previous, next)); strings.TrimSpace(said) != "-1" {
			t.Errorf("rpm: %s is not less than %s: %s", previous, next, said)
		}
		previous = next
	}
	if out, err := exec.Command("../../packaging/version", "nightly").CombinedOutput(); err == nil {
		t.Errorf("nightly: %s", out)
	}
}
