//go:build interop

package interop

import (
	"fmt"
	"os/exec"
	"regexp"
	"time"
)

// machineScript makes the files of a machine, below a directory of its own, and
// stays as what the programs of that machine are started beside. /etc/netns is
// left out: hosts of other tests come and go there. Rules of udev
// are those for network devices: events of this computer's other devices reach
// every namespace, and are none of the machine's.
const machineScript = `set -e
mount -t tmpfs tmpfs "$1"
mkdir -p "$1/etc" "$1/rules" "$1/dev/net" "$1/dev/pts" "$1/dev/shm"
for file in /etc/* /etc/.[!.]*; do [ "$file" = /etc/netns ] || [ ! -e "$file" ] || cp -a "$file" "$1/etc"; done
rm -rf "$1/etc/NetworkManager" "$1/etc/udev/rules.d" "$1/etc/systemd/network"
mkdir -p "$1/etc/NetworkManager/system-connections" "$1/etc/udev/rules.d" "$1/etc/systemd/network"
tr -d - </proc/sys/kernel/random/uuid >"$1/machine-id"
cp "$1/machine-id" "$1/etc/machine-id"
cp /lib/udev/rules.d/*net* /lib/udev/rules.d/*nm-* /lib/udev/rules.d/99-systemd.rules "$1/rules"
for node in null zero full random urandom tty net/tun; do cp -a "/dev/$node" "$1/dev/$node"; done
umount /etc/resolv.conf
mount --bind "$1/etc" /etc
mount --bind "$1/rules" /lib/udev/rules.d
mount --bind /dev/pts "$1/dev/pts"
mount --rbind "$1/dev" /dev
for dir in /run /var/lib/NetworkManager /var/lib/dhcpcd /var/lib/systemd /var/lib/dhcp; do mount -t tmpfs tmpfs "$dir"; done
mkdir -p /run/dbus /run/lock /run/systemd
echo ready
exec sleep infinity
`

var ready = regexp.MustCompile(`^ready$`)

// machine makes a host that has files of its own beside its own network: what a
// daemon of the system finds and leaves in /etc, /run, /dev and its part of
// /var/lib is this host's, and so are the devices in /sys.
func (l *lab) machine(role string) *netns {
	l.t.Helper()
	for _, program := range []string{"nsenter", udevd, "udevadm"} {
		if _, err := exec.LookPath(program); err != nil {
			l.t.Fatalf("%v; .ci/deps installs it", err)
		}
	}
	n := l.host(role)
	holder := n.start("the machine's files", "sh", "-c", machineScript, "sh", l.t.TempDir())
	holder.expect(ready, 1, patience)
	n.enter = []string{"nsenter", "-m", "-n", "-t", fmt.Sprint(holder.cmd.Process.Pid), "--",
		"env", "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/run/dbus/system_bus_socket"}
	return n
}

const udevd = "/lib/systemd/systemd-udevd"

// udev starts systemd-udevd on a machine, with the link policy that systemd
// installs.
func (n *netns) udev() {
	n.t.Helper()
	n.start("udevd", udevd, "--debug")
	n.eventually("udevd answers", func() bool { return n.answers("udevadm", "control", "--ping") })
	n.output("udevadm", "trigger", "--subsystem-match=net", "--action=add")
	n.udevDone()
}

// udevDone waits until udev is done with all devices that there are.
func (n *netns) udevDone() {
	n.t.Helper()
	n.output("udevadm", "settle", "--timeout=20")
}

// put writes a file of a machine.
func (n *netns) put(path, text string) {
	n.t.Helper()
	n.output("cp", n.file("put", text), path)
	n.output("chmod", "600", path)
}

// answers reports whether a program ends with status 0 on the host.
func (n *netns) answers(argv ...string) bool {
	n.t.Helper()
	_, ok := n.asks(argv...)
	return ok
}

// eventually waits until a condition holds.
func (n *netns) eventually(what string, holds func() bool) {
	n.t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			n.t.Fatalf("%v later it is not so yet: %s", patience, what)
		}
	}
}
