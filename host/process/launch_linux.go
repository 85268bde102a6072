package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Launch has a command take this process's place, in the control group of a directory and
// as a user: by name or number, or "" for whom sudo was called by, without sudo this one. It
// returns only with an error, which says what is missing.
func Launch(groupDir, userName string, argv []string) error {
	who, err := launchAs(userName)
	if err != nil {
		return err
	}
	program, err := exec.LookPath(argv[0])
	if err != nil {
		return err
	}
	err = os.WriteFile(filepath.Join(groupDir, "cgroup.procs"), []byte("0"), 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no control group %s: %w", groupDir, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("a program is put into %s with root's rights alone: sudo culvert run; the program itself runs as you", groupDir)
	case err != nil:
		return fmt.Errorf("control group %s: %w", groupDir, err)
	}
	env := os.Environ()
	if who != nil {
		if env, err = become(who, env); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s: %w", program, unix.Exec(program, argv, env))
}

// launchAs finds the user to run a command as; nil: whom this process runs as.
func launchAs(name string) (*user.User, error) {
	if name == "" && os.Geteuid() == 0 {
		name = os.Getenv("SUDO_UID")
	}
	if name == "" || name == strconv.Itoa(os.Geteuid()) {
		return nil, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		u, err = byNumber(name, user.LookupId, err)
	}
	if err != nil {
		return nil, fmt.Errorf("user %s: %w", name, err)
	}
	return u, nil
}

// become gives this process a user's rights, and returns the user's environment.
func become(u *user.User, env []string) ([]string, error) {
	id, err := numbers(u.Uid, u.Gid)
	if err != nil {
		return nil, err
	}
	groups := []int{id.GID}
	list, _ := u.GroupIds()
	for _, g := range list {
		if n, err := strconv.Atoi(g); err == nil && n != id.GID {
			groups = append(groups, n)
		}
	}
	if err := errors.Join(unix.Setgroups(groups), unix.Setresgid(id.GID, id.GID, id.GID), unix.Setresuid(id.UID, id.UID, id.UID)); err != nil {
		return nil, fmt.Errorf("become user %s: %w", u.Username, err)
	}
	own := []string{"HOME=" + u.HomeDir, "USER=" + u.Username, "LOGNAME=" + u.Username}
	for _, v := range env {
		switch name, _, _ := strings.Cut(v, "="); name {
		case "HOME", "USER", "LOGNAME", "SUDO_UID", "SUDO_GID", "SUDO_USER", "SUDO_COMMAND":
		default:
			own = append(own, v)
		}
	}
	return own, nil
}
