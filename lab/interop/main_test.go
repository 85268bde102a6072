//go:build interop

package interop

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
)

// TestMain turns the process into a traffic helper when started as one, and
// otherwise clears what a killed run left behind, then runs the tests.
func TestMain(m *testing.M) {
	if os.Getenv(helperEnv) != "" {
		os.Exit(runHelper(os.Args[1:]))
	}
	flag.Parse()
	if os.Getuid() != 0 {
		fmt.Fprintln(os.Stderr, "interop: needs root, for network namespaces; run it with sudo")
		os.Exit(1)
	}
	sweep()
	sideBySide()
	code := m.Run()
	os.RemoveAll(credentialsDir())
	os.Remove("/etc/netns") // only when empty
	os.Exit(code)
}

// sideBySide has four tests run at once where there are fewer processors and nobody asks for
// another number: they wait more than they work. What keeps a processor busy for long takes
// turns, and what is measured runs alone, before the others.
func sideBySide() {
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if !asked {
		flag.Set("test.parallel", strconv.Itoa(max(4, runtime.GOMAXPROCS(0))))
	}
}

// turns are as many as there are processors.
var turns = make(chan struct{}, runtime.GOMAXPROCS(0))

// turn waits for one, and returns how to end it.
func turn() (end func()) {
	turns <- struct{}{}
	return func() { <-turns }
}

// implementation is one of the two programs that can play either role.
type implementation struct {
	name string
	// command starts it on a configuration; stateDir is private to the
	// namespace it runs in.
	command func(t testing.TB, config, stateDir string) []string
}

var (
	stock = implementation{"stock", func(t testing.TB, config, _ string) []string {
		path, err := exec.LookPath("openvpn")
		if err != nil {
			t.Fatalf("stock OpenVPN is needed: %v; install the package openvpn", err)
		}
		return []string{path, "--config", config}
	}}
	ours = implementation{"ours", func(t testing.TB, config, stateDir string) []string {
		return []string{culvert(t), "--config", config, "--state-dir", stateDir}
	}}
)

// culvert is the path of the program under test, built at the first call.
func culvert(t testing.TB) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var build = sync.OnceValues(func() (string, error) {
	path, err := filepath.Abs("../../bin/culvert")
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-trimpath", "-o", path, "../../cmd/culvert") // as make build compiles it
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the program under test: %w\n%s", err, out)
	}
	return path, nil
})
