//go:build interop

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// bootScript starts systemd as process 1 of a container without a boundary for users: a
// copy of this machine's root, which forgets all that is written to it; processes, control
// groups and devices of its own; the network of where it is started. It gets the journal
// and the units of a few targets, and nothing that would start by itself. What it could
// change of this machine, as by the kernel's settings, it only reads.
// Arguments: a directory, the name of a control group, the files to add.
const bootScript = `set -e
export D=$1 G=$2 F=$3 V2=0
[ ! -e /sys/fs/cgroup/cgroup.controllers ] || V2=1
for h in /sys/fs/cgroup /sys/fs/cgroup/*/; do
	[ -w "$h/cgroup.procs" ] || continue
	mkdir "$h/$G" 2>/dev/null || continue
	echo $$ 2>/dev/null >"$h/$G/cgroup.procs" || rmdir "$h/$G"
	[ $V2 = 0 ] || break
done
exec unshare --pid --mount --cgroup --uts --ipc --fork --kill-child -- bash -c '
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs $D
mkdir $D/upper $D/work $D/root
R=$D/root
mount -t overlay overlay -o lowerdir=/,upperdir=$D/upper,workdir=$D/work $R
mount -t proc proc $R/proc
mount --bind $R/proc/sys $R/proc/sys
mount --bind $R/proc/sys/net $R/proc/sys/net
mount -o remount,ro,bind $R/proc/sys
mount -t sysfs -o ro sysfs $R/sys
mount -t tmpfs tmpfs $R/sys/fs/cgroup -o mode=755
mount -t tmpfs tmpfs $R/run -o mode=755
mount -t tmpfs tmpfs $R/tmp -o mode=1777
mount -t tmpfs tmpfs $R/dev -o mode=755
mkdir -p $R/dev/net $R/dev/pts $R/dev/shm
for n in null zero full random urandom tty net/tun; do
	touch $R/dev/$n
	mount --bind /dev/$n $R/dev/$n
done
echo 0123456789abcdef0123456789abcdef >$R/etc/machine-id
S=usr/lib/systemd/system
for d in $S usr/lib/systemd/system-generators etc/systemd/system etc/systemd/system-generators etc/openvpn; do
	mkdir -p $R/$d
	mount -t tmpfs tmpfs $R/$d -o mode=755
done
for u in basic.target sysinit.target multi-user.target network.target network-online.target shutdown.target umount.target \
	final.target systemd-journald.service systemd-journald.socket systemd-journald-dev-log.socket; do
	cp -P /$S/$u $R/$S/
done
for t in sockets slices paths timers local-fs swap; do
	printf "[Unit]\nDescription=$t\n" >$R/$S/$t.target
done
mkdir $R/$S/sockets.target.wants
ln -s ../systemd-journald.socket ../systemd-journald-dev-log.socket $R/$S/sockets.target.wants/
cp -a $F/. $R/
cd $R
mkdir -p oldroot
pivot_root . oldroot
umount -l /oldroot
systemd-tmpfiles --create openvpn.conf
exec env -i container=culvert PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd \
	systemd.unified_cgroup_hierarchy=$V2 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1 \
	systemd.log_target=journal systemd.show_status=0 systemd.unit=multi-user.target </dev/null
'
`

// machine is a host whose process 1 is systemd.
type machine struct {
	*netns
	pid    int // of process 1
	inside *netns
}

// boot starts systemd on the host, with the files of a directory added to the root.
func (n *netns) boot(files string) *machine {
	n.t.Helper()
	group := n.name + "-systemd"
	root := filepath.Join(n.t.TempDir(), "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { removeGroups(n.t, group) })
	p := n.start("systemd", "bash", "-c", bootScript, "boot", root, group, files)
	m := &machine{netns: n}
	m.until("process 1", func() bool {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", p.cmd.Process.Pid))
		name, _ := os.ReadFile(fmt.Sprintf("/proc/%s/comm", strings.TrimSpace(string(text))))
		_, err := fmt.Sscan(string(text), &m.pid)
		return err == nil && strings.TrimSpace(string(name)) == "systemd"
	})
	m.inside = &netns{n.t, n.name, n.dir, []string{"nsenter", "--target", fmt.Sprint(m.pid), "--all", "--wd=/"}}
	m.until("systemd", func() bool {
		argv := m.inside.exec([]string{"systemctl", "is-active", "-q", "multi-user.target"})
		return exec.Command(argv[0], argv[1:]...).Run() == nil
	})
	return m
}

// until waits for a condition.
func (m *machine) until(what string, done func() bool) {
	m.t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			m.t.Fatalf("no %s after %v", what, patience)
		}
	}
}

// path is where this test finds a file of the machine.
func (m *machine) path(name string) string { return fmt.Sprintf("/proc/%d/root%s", m.pid, name) }

// systemctl runs systemctl on the machine, and returns what it prints and whether that
// went well.
func (m *machine) systemctl(args ...string) (string, error) {
	argv := m.inside.exec(append([]string{"systemctl"}, args...))
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = environment()
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// show is one property of a unit.
func (m *machine) show(unit, property string) string {
	m.t.Helper()
	out, err := m.systemctl("show", "--value", "-p", property, unit)
	if err != nil {
		m.t.Fatalf("systemctl show: %v: %s", err, out)
	}
	return out
}

// journal is what a unit, or a program by its name in syslog, has logged.
func (m *machine) journal(args ...string) string {
	m.t.Helper()
	return m.inside.output(append([]string{"journalctl", "-q", "-o", "cat", "--no-pager"}, args...)...)
}

// removeGroups removes the control groups of a machine that is gone.
func removeGroups(t testing.TB, group string) {
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		left := 0
		for _, pattern := range []string{"/sys/fs/cgroup/", "/sys/fs/cgroup/*/"} {
			tops, _ := filepath.Glob(pattern + group)
			for _, top := range tops {
				exec.Command("find", top, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";").Run()
				if _, err := os.Stat(top); err == nil {
					left++
				}
			}
		}
		if left == 0 {
			return
		}
		if time.Now().After(end) {
			t.Errorf("%d control groups %s cannot be removed", left, group)
			return
		}
	}
}
