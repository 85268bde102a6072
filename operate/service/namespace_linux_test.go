package service

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"culvert/config"
)

// inContainer makes the test binary the root of a user namespace with nobody else.
const inContainer = "CULVERT_TEST_CONTAINER"

// TestContainer: where there is nobody to become, none is proposed, as in the
// server.conf of `culvert init`, and a line that names one is refused at the start.
func TestContainer(t *testing.T) {
	if os.Getenv(inContainer) != "" {
		if name := DefaultUser(); name != "" {
			t.Errorf("user %s is proposed", name)
		}
		_, err := giveUp(&config.Config{Process: config.Process{User: leastUser()}})
		if err == nil || !strings.Contains(err.Error(), "remove the line") {
			t.Error(err)
		}
		if _, err := giveUp(&config.Config{Process: config.Process{User: "root"}}); err != nil {
			t.Error(err)
		}
		return
	}
	c := exec.Command(os.Args[0], "-test.run=^TestContainer$")
	c.Env = append(os.Environ(), inContainer+"=1")
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}, GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}}
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
