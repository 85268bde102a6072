package setup

import (
	"os"
	"path/filepath"
	"testing"
)

func TestKeepCopy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crl.pem")
	for i, want := range []string{path + ".before", path + ".before-2", path + ".before-3"} {
		text := string(rune('a' + i))
		if got, err := keepCopy(path, []byte(text)); got != want || err != nil {
			t.Fatalf("%q, %v, want %q", got, err, want)
		}
		if is, _ := os.ReadFile(want); string(is) != text {
			t.Errorf("%q is in %s", is, want)
		}
	}
	if first, _ := os.ReadFile(path + ".before"); string(first) != "a" {
		t.Errorf("the first copy became %q", first)
	}
}
