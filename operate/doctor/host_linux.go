package doctor

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
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

// holders returns who has each port, over TCP as a listener, or over UDP. Looking through
// all processes takes long where some have many files open, so it is done once.
func holders(ctx context.Context, ports []port) (map[port][]holder, error) {
	type socket struct {
		of port
		at netip.Addr
	}
	sockets := map[string]socket{} // by inode
	for _, tcp := range []bool{false, true} {
		kind := map[bool]string{false: "udp", true: "tcp"}[tcp]
		for _, name := range []string{kind, kind + "6"} {
			text, err := os.ReadFile("/proc/net/" + name)
			if err != nil {
				continue
			}
			for inode, at := range socketsOf(text, tcp) {
				if p := (port{tcp, int(at.Port())}); slices.Contains(ports, p) {
					sockets[inode] = socket{p, at.Addr()}
				}
			}
		}
	}
	owners := ownersOf(ctx, slices.Collect(maps.Keys(sockets)))
	if ctx.Err() != nil && len(owners) < len(sockets) {
		return nil, fmt.Errorf("it takes too long to find out who has a port: a process has very many files open (%w)", ctx.Err())
	}
	all := map[port][]holder{}
	for inode, s := range sockets {
		h := owners[inode]
		h.at = s.at
		if !slices.Contains(all[s.of], h) {
			all[s.of] = append(all[s.of], h)
		}
	}
	return all, nil
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

// ownersOf finds the processes that have sockets open, by inode, as far as this one may
// look and there is time.
func ownersOf(ctx context.Context, inodes []string) map[string]holder {
	owners := map[string]holder{}
	dirs, _ := filepath.Glob("/proc/[0-9]*/fd")
	for _, dir := range dirs {
		if len(owners) == len(inodes) || ctx.Err() != nil {
			break
		}
		files, _ := os.ReadDir(dir)
		for _, f := range files {
			to, err := os.Readlink(filepath.Join(dir, f.Name()))
			inode, ok := strings.CutPrefix(to, "socket:[")
			inode = strings.TrimSuffix(inode, "]")
			if err != nil || !ok || !slices.Contains(inodes, inode) {
				continue
			}
			pid, _ := strconv.Atoi(strings.Split(dir, "/")[2])
			owners[inode] = holder{pid: pid, name: nameOf(pid)}
		}
	}
	return owners
}

// kin reports whether two processes are one, or parent and child.
func kin(a, b int) bool { return a == b || parentOf(a) == b || parentOf(b) == a }

// parentOf is the process that a process is the child of; 0: it is not known.
func parentOf(pid int) (parent int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "PPid:"); ok {
			parent, _ = strconv.Atoi(strings.TrimSpace(rest))
		}
	}
	return parent
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
