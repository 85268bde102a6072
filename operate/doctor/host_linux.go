package doctor

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// clockSynchronized reports whether something keeps the clock right (adjtimex(2)).
func clockSynchronized() (synced, known bool) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return false, false
	}
	return state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0, true
}

// holders returns who has a port, over TCP as a listener, or over UDP.
func holders(tcp bool, port int) (list []holder, err error) {
	kind := "udp"
	if tcp {
		kind = "tcp"
	}
	sockets := map[string]netip.Addr{} // by inode
	for _, name := range []string{kind, kind + "6"} {
		text, err := os.ReadFile("/proc/net/" + name)
		if err != nil {
			continue
		}
		for inode, at := range socketsOf(text, tcp) {
			if int(at.Port()) == port {
				sockets[inode] = at.Addr()
			}
		}
	}
	if len(sockets) == 0 {
		return nil, nil
	}
	owners := ownersOf(sockets)
	for inode, a := range sockets {
		h := owners[inode]
		h.at = a
		if !slices.Contains(list, h) {
			list = append(list, h)
		}
	}
	return list, nil
}

const listening = "0A" // TCP_LISTEN in /proc/net/tcp (proc(5))

// socketsOf reads a table of sockets of proc(5): each inode's local address.
func socketsOf(table []byte, tcp bool) map[string]netip.AddrPort {
	all := map[string]netip.AddrPort{}
	lines := bufio.NewScanner(bytes.NewReader(table))
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 10 || tcp && f[3] != listening {
			continue
		}
		if at, ok := socketAddr(f[1]); ok {
			all[f[9]] = at
		}
	}
	return all
}

// socketAddr reads an address of a table of sockets: words of 32 bits as the machine
// has them, in hexadecimal, a colon and the port.
func socketAddr(text string) (netip.AddrPort, bool) {
	address, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(address)
	number, err2 := strconv.ParseUint(port, 16, 16)
	if err != nil || err2 != nil || len(raw) != 4 && len(raw) != 16 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		binary.BigEndian.PutUint32(raw[i:], binary.NativeEndian.Uint32(raw[i:]))
	}
	a, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(a, uint16(number)), ok
}

// ownersOf finds the processes that have sockets open, as far as this one may look.
func ownersOf(sockets map[string]netip.Addr) map[string]holder {
	owners := map[string]holder{}
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, l := range links {
		to, err := os.Readlink(l)
		inode, ok := strings.CutPrefix(to, "socket:[")
		inode = strings.TrimSuffix(inode, "]")
		if _, asked := sockets[inode]; err != nil || !ok || !asked {
			continue
		}
		pid, _ := strconv.Atoi(strings.Split(l, "/")[2])
		owners[inode] = holder{pid: pid, name: nameOf(pid)}
	}
	return owners
}

func nameOf(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return strings.TrimSpace(string(text))
}

// setting reads a setting of the kernel by its path below /proc/sys.
func setting(name string) (string, error) {
	text, err := os.ReadFile("/proc/sys/" + name)
	return strings.TrimSpace(string(text)), err
}

// setSetting sets one, and returns what it was.
func setSetting(name, value string) (was string, err error) {
	if was, err = setting(name); err == nil {
		err = os.WriteFile("/proc/sys/"+name, []byte(value), 0o644)
	}
	return was, err
}

// openFiles returns how many files a process may have open.
func openFiles(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "Max open files"); ok && len(strings.Fields(rest)) > 0 {
			if n, err := strconv.Atoi(strings.Fields(rest)[0]); err == nil {
				return n, nil
			}
			return 1 << 30, nil // unlimited
		}
	}
	return 0, fmt.Errorf("/proc/%d/limits has no line about open files", pid)
}

// mayNetAdmin reports whether this process has the capability.
func mayNetAdmin() bool {
	var own [2]unix.CapUserData
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	return unix.Capget(&header, &own[0]) != nil || own[0].Effective&(1<<unix.CAP_NET_ADMIN) != 0
}

// loadTUN loads the driver's module.
func loadTUN(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "modprobe", "tun").CombinedOutput()
	if err != nil {
		return fmt.Errorf("modprobe tun: %w %s", err, bytes.TrimSpace(out))
	}
	return nil
}
