package process

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// launched in the environment has the test program launch a command, which ends it.
const launched = "CULVERT_TEST_LAUNCH"

// TestLaunch: a command runs in the group and as the user who called sudo, with that user's
// home; what is missing is said.
func TestLaunch(t *testing.T) {
	if dir := os.Getenv(launched); dir != "" {
		t.Fatal(Launch(dir, "", []string{"sh", "-c", "echo $(id -u) $(id -G) $HOME ${SUDO_UID-none}"}))
	}
	launch := func(dir string, env ...string) string {
		c := exec.Command(os.Args[0], "-test.run=^TestLaunch$")
		c.Env = append(os.Environ(), append(env, launched+"="+dir)...)
		out, _ := c.CombinedOutput()
		return string(out)
	}
	dir := t.TempDir() // a file in the place of the kernel's
	if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if got := launch(dir, "SUDO_UID=65534"); got != "65534 65534 /nonexistent none\n" {
			t.Errorf("%q", got)
		}
		if got := launch(dir, "SUDO_UID=4242424"); !strings.Contains(got, "user 4242424: ") {
			t.Errorf("%q", got)
		}
	}
	if moved, err := os.ReadFile(filepath.Join(dir, "cgroup.procs")); os.Geteuid() == 0 && (err != nil || string(moved) != "0") {
		t.Errorf("%q, %v", moved, err)
	}
	if got := launch(filepath.Join(dir, "gone")); !strings.Contains(got, "there is no control group") {
		t.Errorf("%q", got)
	}
	if err := Launch(dir, "", []string{"no-such-program"}); err == nil || !strings.Contains(err.Error(), "no-such-program") {
		t.Error(err)
	}
}
