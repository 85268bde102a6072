package history

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culvert/operate/history/track"
	"culvert/store"
	"culvert/store/bolt"
)

// TestPacked: a server packs a file that has much room to spare when it starts, and what is there
// stays; one that has little is left as it is.
func TestPacked(t *testing.T) {
	dir := t.TempDir()
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	opened := func() *bolt.Store {
		s, err := Open(dir, log)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	size := func() int64 {
		info, err := os.Stat(filepath.Join(dir, File))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	s := opened()
	k := NewKeeper(s, Options{Days: 90, Log: discard()})
	at := time.Now() // no earlier: a keeper knows no day before it began
	k.Changed(track.Ended, &track.Live{Session: track.Session{ID: track.ID(at, 1), Device: "anna", Begin: at, Last: at, End: at, IPv4: netip.MustParseAddr("10.8.0.2")}})
	k.Close()
	var keys []string
	for n := range 50 {
		key := fmt.Sprint("s/19700101/", n)
		keys = append(keys, key)
		if _, err := s.CommitAll(t.Context(), store.Txn{Put: []store.Put{{Key: key, Value: make([]byte, store.MaxValue)}}}); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	full := size()
	s = opened()
	if size() != full || said.Len() > 0 {
		t.Errorf("a full file was packed: %d bytes of %d\n%s", size(), full, &said)
	}
	if _, err := s.CommitAll(t.Context(), store.Txn{Delete: keys}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s = opened()
	defer s.Close()
	if size() > full/10 || strings.Count(said.String(), "was made smaller") != 1 {
		t.Errorf("%d bytes of %d are left\n%s", size(), full, &said)
	}
	if got := found(t, NewBook(s), Query{}); got != "anna@10.8.0.2:" {
		t.Errorf("found %q", got)
	}
}

// TestDamagedLater: a file of which a record is damaged opens; the log and Stats say so when the
// record is met, and the next server puts the file aside.
func TestDamagedLater(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, File)
	s, err := Open(dir, discard())
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	change := func(s *bolt.Store, log *slog.Logger) *Keeper {
		k := NewKeeper(s, Options{Days: 90, Log: log})
		k.Changed(track.Begun, &track.Live{Session: track.Session{ID: track.ID(at, 1), Device: "anna", Begin: at, Last: at, BytesIn: 5}})
		k.Tick(at)
		return k
	}
	change(s, discard())
	s.Close()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := bytes.Index(whole, []byte("/device/anna")); i >= 0 && i < len(whole)-40; { // in a total
		whole[i+26] ^= 1
		next := bytes.Index(whole[i+1:], []byte("/device/anna"))
		if next < 0 {
			break
		}
		i += 1 + next
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	if s, err = Open(dir, log); err != nil {
		t.Fatal(err)
	}
	k := change(s, log)
	if st := k.Stats(); !strings.Contains(st.Trouble, "damaged") || !strings.Contains(said.String(), "puts the file aside") {
		t.Errorf("%+v\n%s", st, &said)
	}
	s.Close()
	if s, err = Open(dir, log); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if aside, _ := filepath.Glob(path + ".damaged-*"); len(aside) != 1 {
		t.Errorf("put aside: %v", aside)
	}
	if _, _, err := OpenBook(dir); !errors.Is(err, bolt.ErrLocked) {
		t.Errorf("the new one: %v", err)
	}
}
