package bolt

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"culvert/store"
)

// sample is a file with all kinds of pages, and what it holds.
func sample(t testing.TB) (file []byte, holds map[string]string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), File)
	if err := Create(path); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	holds = make(map[string]string)
	for i := range 12 {
		var txn store.Txn
		for j := range 20 {
			key, value := fmt.Sprintf("k/%d/%d", j, i), strings.Repeat(fmt.Sprint(i), 10*j)
			if j == 7 && i%4 == 0 {
				value = strings.Repeat("large", 3000)
			}
			txn.Put = append(txn.Put, store.Put{Key: key, Value: []byte(value)})
			holds[key] = value
		}
		if i > 3 {
			txn.Delete = append(txn.Delete, fmt.Sprintf("k/1/%d", i-3))
			delete(holds, fmt.Sprintf("k/1/%d", i-3))
		}
		if _, err := s.Commit(t.Context(), txn); err != nil {
			t.Fatal(err)
		}
	}
	defer s.Close()
	var b bytes.Buffer
	if err := s.Backup(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), holds
}

// damages are ways in which a file changes.
var damages = []func(r *rand.Rand, b []byte) []byte{
	func(r *rand.Rand, b []byte) []byte { b[r.IntN(len(b))] ^= 1 << r.IntN(8); return b },
	func(r *rand.Rand, b []byte) []byte { // in the head of a page
		b[r.IntN(len(b)/4096)*4096+r.IntN(64)] = byte(r.Uint32())
		return b
	},
	func(r *rand.Rand, b []byte) []byte { // in the table of a page
		at := r.IntN(len(b)/4096)*4096 + 16 + 4*r.IntN(100)
		b[at+3] ^= byte(r.Uint32())
		return b
	},
	func(r *rand.Rand, b []byte) []byte { return b[:r.IntN(len(b))] },
	func(r *rand.Rand, b []byte) []byte { clear(b[r.IntN(len(b)/4096)*4096:][:4096]); return b },
	func(r *rand.Rand, b []byte) []byte {
		n := len(b) / 4096
		copy(b[r.IntN(n)*4096:][:4096], b[r.IntN(n)*4096:][:4096])
		return b
	},
}

// TestDamaged: a file that was changed in any way is either refused in words, or opens with
// values that were written, and takes a commit.
func TestDamaged(t *testing.T) {
	file, holds := sample(t)
	r := rand.New(rand.NewPCG(1, 2))
	path := filepath.Join(t.TempDir(), File)
	opened, refused := 0, 0
	for n := range 300 {
		b := damages[n%len(damages)](r, bytes.Clone(file))
		if err := os.WriteFile(path, b, private); err != nil {
			t.Fatal(err)
		}
		s, err := Open(path, Options{})
		if err != nil {
			if refused++; !strings.HasPrefix(err.Error(), path+": ") {
				t.Errorf("%d: %v", n, err)
			}
			continue
		}
		opened++
		useDamaged(t, n, s, holds)
	}
	t.Logf("opened %d, refused %d", opened, refused)
	if opened < 50 || refused < 80 {
		t.Errorf("opened %d, refused %d: expected many of both", opened, refused)
	}
}

func useDamaged(t *testing.T, n int, s *Store, holds map[string]string) {
	defer s.Close()
	snap, err := s.List(t.Context(), "")
	if err != nil {
		t.Errorf("%d: it opens, and: %v", n, err)
		return
	}
	for _, e := range snap.Entries {
		// One of the commit before, after the loss of the last one's header, may have been
		// deleted since.
		if value, there := holds[e.Key]; there && value != string(e.Value) {
			t.Errorf("%d: %s has another value", n, e.Key)
		}
	}
	if snap.Revision < 11 {
		t.Errorf("%d: revision %d", n, snap.Revision)
	}
	if _, err := s.Commit(t.Context(), store.Txn{Put: []store.Put{{Key: "new", Value: make([]byte, 20000)}}}); err != nil {
		t.Errorf("%d: it opens, and: %v", n, err)
	}
}

func FuzzVerify(f *testing.F) {
	file, _ := sample(f)
	f.Add(file)
	f.Add(file[:8192])
	f.Fuzz(func(t *testing.T, b []byte) { _ = verify(b) })
}
