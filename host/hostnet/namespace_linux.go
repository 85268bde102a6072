package hostnet

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// networkNamespace returns the calling thread's namespace.
func networkNamespace() (space, error) {
	here, err := readNamespace()
	if err != nil {
		return space{}, fmt.Errorf("identify this network namespace: %w; is /proc mounted?", err)
	}
	return here, nil
}

func readNamespace() (here space, err error) {
	link, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		return here, err
	}
	here.Number, _ = namespaceNumber(link)
	if here.Boot, err = bootID(); err != nil {
		return here, err
	}
	if h, _, err := unix.NameToHandleAt(unix.AT_FDCWD, "/proc/thread-self/ns/net", unix.AT_SYMLINK_FOLLOW); err == nil && h.Type() == handleType {
		here.Handle = hex.EncodeToString(h.Bytes())
	}
	here.Cookie, err = netnsCookie()
	return here, err
}

// handleType is the type of namespaces' handles (FILEID_NSFS in the kernel's
// exportfs.h).
const handleType = 0xf1

// procSpaces looks for namespaces by the kernel's file handles and by /proc.
type procSpaces struct{}

func (procSpaces) there(handle string) (there, known bool) {
	b, err := hex.DecodeString(handle)
	if err != nil || handle == "" {
		return false, false
	}
	mount, err := os.Open("/proc/thread-self/ns/net") // any of that file system
	if err != nil {
		return false, false
	}
	defer mount.Close()
	fd, err := unix.OpenByHandleAt(int(mount.Fd()), unix.NewFileHandle(handleType, b), unix.O_RDONLY|unix.O_CLOEXEC)
	if err == nil {
		unix.Close(fd)
	}
	return err == nil, err == nil || errors.Is(err, unix.ESTALE)
}

// netnsCookie returns the cookie of the calling thread's network namespace, 0 if the
// kernel does not tell it.
func netnsCookie() (uint64, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	cookie, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	if errors.Is(err, unix.ENOPROTOOPT) || errors.Is(err, unix.EINVAL) { // as old kernels say, and qemu-user
		return 0, nil
	}
	return cookie, err
}

func bootID() (string, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return string(bytes.TrimSpace(boot)), err
}

// namespaceNumber reads a link such as net:[4026531833].
func namespaceNumber(link string) (number string, ok bool) {
	if rest, ok := strings.CutPrefix(link, "net:["); ok {
		return strings.CutSuffix(rest, "]")
	}
	return "", false
}

// firstPIDs is the process namespace of a machine, in which all of its processes
// can be seen; containers have others (PROC_PID_INIT_INO in the kernel's
// proc_ns.h).
const firstPIDs = "pid:[4026531836]"

// inUse returns the numbers of the namespaces that a thread is in, and of those that
// are mounted or held by an open file.
func (procSpaces) inUse() (numbers map[string]bool, known bool) {
	if mine, err := os.Readlink("/proc/self/ns/pid"); err != nil || mine != firstPIDs {
		return nil, false
	}
	u := users{numbers: map[string]bool{}, mounts: map[string]bool{}}
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil || len(all) == 0 {
		return nil, false
	}
	for _, process := range all {
		if err := u.add(process); err != nil && !ended(err) {
			return nil, false
		}
	}
	return u.numbers, true
}

// ended reports whether err comes from looking at a process that no longer exists.
func ended(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) }

// users collects the network namespaces that processes use.
type users struct {
	numbers map[string]bool
	mounts  map[string]bool // mount namespaces that were looked at
}

// add looks at a process, by its directory in /proc.
func (u *users) add(process string) error {
	if err := u.links(filepath.Join(process, "task"), "ns/net"); err != nil {
		return err
	}
	if err := u.links(filepath.Join(process, "fd"), ""); err != nil {
		return err
	}
	mounts, err := os.Readlink(filepath.Join(process, "ns/mnt"))
	if err != nil || u.mounts[mounts] {
		return err
	}
	u.mounts[mounts] = true
	table, err := os.ReadFile(filepath.Join(process, "mountinfo"))
	if err != nil {
		if errors.Is(err, unix.EINVAL) { // it is about to end
			return nil
		}
		return err
	}
	u.mounted(string(table))
	return nil
}

// mounted adds the namespaces that are mounted by a table (proc_pid_mountinfo(5)). The
// root of such a mount is the namespace's link.
func (u *users) mounted(table string) {
	for line := range strings.Lines(table) {
		if f := strings.Fields(line); len(f) > 3 {
			u.take(f[3])
		}
	}
}

// links adds the links with a name below the entries of a directory.
func (u *users) links(dir, name string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		link, err := os.Readlink(filepath.Join(dir, e.Name(), name))
		if err != nil && !ended(err) {
			return err
		}
		u.take(link)
	}
	return nil
}

func (u *users) take(link string) {
	if number, ok := namespaceNumber(link); ok {
		u.numbers[number] = true
	}
}
