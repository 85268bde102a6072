//go:build linux

package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The program runs itself by these names before it becomes another: within makes the
// namespaces, and inside is in them.
const (
	within = "within"
	inside = "inside"
)

// enter runs a command, after the name of a processor, in namespaces of its own in
// which programs for that processor run as this machine's do, whoever starts them.
// Since Linux 6.7 each user namespace has its own list of such programs, so that
// nothing changes on this machine. All users are mapped, each to itself, up to numbers
// that nobody uses. The error is an exitStatus if the command fails.
func enter(command []string) error {
	if os.Geteuid() != 0 {
		return errors.New("it makes namespaces with all users of this machine in them; run it as root")
	}
	everybody := []syscall.SysProcIDMap{{Size: math.MaxInt32}}
	c := exec.Command("/proc/self/exe", append([]string{inside}, command...)...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:                 syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET,
		UidMappings:                everybody,
		GidMappings:                everybody,
		GidMappingsEnableSetgroups: true,
		Pdeathsig:                  syscall.SIGKILL,
	}
	err := c.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exitStatus(exit.ExitCode())
	}
	return err
}

const binfmt = "/proc/sys/fs/binfmt_misc"

// execute sets up the namespaces that it is in for a processor, and becomes the command.
func execute(name string, command []string) error {
	p, ok := named(name)
	if !ok {
		return fmt.Errorf("%q is no processor known here", name)
	}
	qemu, err := exec.LookPath(p.qemu)
	if err != nil {
		return fmt.Errorf("%w: install qemu-user (.ci/deps does)", err)
	}
	if err := unix.Mount("binfmt_misc", binfmt, "binfmt_misc", 0, ""); err != nil {
		return fmt.Errorf("mount %s: %w; it takes Linux 6.7 or later with binfmt_misc", binfmt, err)
	}
	if err := os.WriteFile(binfmt+"/register", []byte(p.rule(qemu)), 0); err != nil {
		return fmt.Errorf("register %s: %w", p.qemu, err)
	}
	lo, err := netlink.LinkByName("lo")
	if err == nil {
		err = netlink.LinkSetUp(lo)
	}
	if err != nil {
		return fmt.Errorf("bring up lo: %w", err)
	}
	path, err := exec.LookPath(command[0])
	if err != nil {
		return err
	}
	if err := p.hide(); err != nil {
		return err
	}
	return syscall.Exec(path, command, os.Environ())
}
