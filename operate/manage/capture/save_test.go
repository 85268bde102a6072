package capture

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

func TestSave(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.pcapng")
	if err := Save(file, strings.NewReader("packets"), nil); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if string(got) != "packets" {
		t.Errorf("%q, %v", got, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v; expected that only this user may read it", info.Mode(), err)
	}
	var out strings.Builder
	if err := Save("-", strings.NewReader("packets"), &out); err != nil || out.String() != "packets" {
		t.Errorf("%q, %v", out.String(), err)
	}
	broken := errors.New("broken")
	err = Save(file, io.MultiReader(strings.NewReader("pack"), iotest.ErrReader(broken)), nil)
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "x.pcapng is incomplete") {
		t.Errorf("packets that end early: %v", err)
	}
	if got, _ := os.ReadFile(file); string(got) != "pack" {
		t.Errorf("what came before is %q", got)
	}
}
