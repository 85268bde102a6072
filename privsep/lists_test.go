package privsep

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"culvert/config"
	"culvert/endpoint"
)

// TestListsGoWhole: a worker without the right to read has the lists of its
// keeper, anew when they change, and no other file.
func TestListsGoWhole(t *testing.T) {
	w, k, _ := pair(t, new(fakeHost))
	if got := w.Lists(time.Now(), 0); got != nil {
		t.Errorf("without lists: %+v", got)
	}
	path := filepath.Join(t.TempDir(), "crl.pem")
	os.WriteFile(path, []byte("one"), 0o600)
	k.lists = endpoint.NewListFiles(&config.Config{CRLVerify: &config.File{Name: path}}).Read
	first := w.Lists(time.Now(), 0)
	if first == nil || string(first.Files[path]) != "one" || len(first.Files) != 1 {
		t.Fatalf("%+v", first)
	}
	if again := w.Lists(time.Now(), first.Number); again != nil {
		t.Errorf("unchanged: %+v", again)
	}
	os.WriteFile(path, []byte("another"), 0o600)
	if next := w.Lists(time.Now(), first.Number); next == nil || string(next.Files[path]) != "another" || next.Number <= first.Number {
		t.Errorf("changed: %+v", next)
	}
	os.Remove(path)
	if next := w.Lists(time.Now(), first.Number); next == nil || next.Failed[path] == "" {
		t.Errorf("removed: %+v", next)
	}
}
