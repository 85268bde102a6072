//go:build unix

package server_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/internal/simnet"
)

// TestAdoptLearnAddress: newcomers meet learn-address, and their programs are told new
// variables; who was in before is spared both.
func TestAdoptLearnAddress(t *testing.T) {
	dir := t.TempDir()
	script, said := filepath.Join(dir, "script"), filepath.Join(dir, "said")
	if err := os.WriteFile(script, []byte("echo $1 $3 $colour >> "+said+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serve("")
		anna := w.connect("anna", "")
		lines := "script-security 2\nlearn-address \"/bin/sh " + script + "\"\nsetenv colour "
		for _, step := range []struct{ colour, newcomer string }{{"red", "ben"}, {"blue", "carl"}} {
			if err := s.Adopt(parse(t, "server.conf", ours().serverConf(lines+step.colour))); err != nil {
				t.Fatal(err)
			}
			exchange(t, s, w.connect(step.newcomer, ""))
		}
		exchange(t, s, anna)
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	text, err := os.ReadFile(said)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	slices.Sort(lines)
	// each has an IPv4 and an IPv6 address
	if want := []string{"add ben red", "add ben red", "add carl blue", "add carl blue", "delete", "delete", "delete", "delete"}; !slices.Equal(lines, want) {
		t.Errorf("programs were told %q, want %q", lines, want)
	}
}
