package hostnet

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/windows"
)

func thisProcess() (owner, error) {
	pid := os.Getpid()
	start, err := startOf(windows.CurrentProcess())
	if err != nil {
		return owner{}, fmt.Errorf("identify this process: %w", err)
	}
	return owner{PID: pid, Start: start}, nil
}

// alive reports whether this same process still runs.
func (o owner) alive() bool {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(o.PID))
	if err != nil {
		return false
	}
	defer windows.CloseHandle(h)
	start, err := startOf(h)
	return err == nil && start == o.Start
}

// startOf returns when a process was made, if it has not ended.
func startOf(h windows.Handle) (string, error) {
	const running = 259 // STILL_ACTIVE
	var code uint32
	if err := windows.GetExitCodeProcess(h, &code); err != nil || code != running {
		return "", errors.Join(err, os.ErrProcessDone)
	}
	var made, ended, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(h, &made, &ended, &kernel, &user); err != nil {
		return "", err
	}
	return strconv.FormatInt(made.Nanoseconds(), 10), nil
}

// fileID is not needed where there is one network.
func (files) fileID(string) string { return "" }

// readOwn reads a file that this user or an administrator owns, in a directory
// that is so too: in ProgramData anyone may make files, but not change others'.
func readOwn(path string) ([]byte, error) {
	for _, p := range []string{filepath.Dir(path), path} {
		if err := trusted(p); err != nil {
			return nil, err
		}
	}
	return os.ReadFile(path)
}

// trusted returns an error unless a file belongs to this user, to administrators
// or to the system.
func trusted(path string) error {
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if errors.Is(err, fs.ErrNotExist) {
		return errGone
	}
	if err != nil {
		return err
	}
	has, _, err := sd.Owner()
	if err != nil {
		return err
	}
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return err
	}
	if has.IsWellKnown(windows.WinBuiltinAdministratorsSid) || has.IsWellKnown(windows.WinLocalSystemSid) || has.Equals(user.User.Sid) {
		return nil
	}
	return fmt.Errorf("not trusted: it belongs to %s, neither this user nor an administrator; remove it if it is not yours", has)
}
