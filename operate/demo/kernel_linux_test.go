//go:build interop

package demo

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestKernel needs root.
func TestKernel(t *testing.T) {
	program := filepath.Join(t.TempDir(), "culvert")
	if out, err := exec.Command("go", "build", "-o", program, "culvert/cmd/culvert").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var out strings.Builder
	err := Kernel(t.Context(), Options{Out: &out, Size: testSize, Program: program})
	t.Log(out.String())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`(?s)name servers before:\n    default via 198\.18\.0\.1 dev eth0\n.*name servers during:\n.*128\.0\.0\.0/1 via 10\.8\.0\.1 dev tun.*nameserver 203\.0\.113\.53.*name servers after:\n    default via`,
		`route: 203\.0\.113\.80 is in 128\.0\.0\.0/1 via 10\.8\.0\.1 dev tun`,
		`http://203\.0\.113\.80/1MiB: 1,048,576 bytes in .* SHA-256`,
		`GET /1MiB from 203\.0\.113\.1:\d+: sent 1,048,576 bytes`,
		`\ndemo: ok\n$`,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("the output lacks %s", want)
		}
	}
	checkGone(t)
}

// TestKernelFails: what ends at once is named, and all is removed.
func TestKernelFails(t *testing.T) {
	err := Kernel(t.Context(), Options{Out: t.Output(), Size: testSize, Program: "false"})
	if err == nil || !strings.Contains(err.Error(), "the server ended: exit status 1") {
		t.Errorf("error: %v", err)
	}
	checkGone(t)
}

func checkGone(t *testing.T) {
	t.Helper()
	for _, dir := range []string{"/run/netns", "/etc/netns"} {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if m := ownName.FindStringSubmatch(e.Name()); m != nil {
				t.Errorf("%s is left in %s", e.Name(), dir)
			}
		}
	}
}
