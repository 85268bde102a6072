package bolt

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"culvert/store"
)

// killed in the environment makes the test binary a writer of the file that it names.
const killed = "CULVERT_TEST_KILLED"

// kills is how often a writer is killed; CULVERT_KILLS sets another number.
const kills = 50

func TestMain(m *testing.M) {
	if path := os.Getenv(killed); path != "" {
		if err := write(path); err != nil {
			fmt.Println(err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// write makes the file if need be, and then one transaction after the other, each of which
// changes several keys. It prints the number of each that was acknowledged.
func write(path string) error {
	if err := Create(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	s, err := Open(path, Options{})
	if err != nil {
		return err
	}
	ctx := context.Background()
	snap, err := s.List(ctx, "")
	if err != nil {
		return err
	}
	for n := int(snap.Revision) + 1; ; n++ {
		value := []byte(fmt.Sprint(n, strings.Repeat(" ", n*97%5000)))
		t := store.Txn{Delete: []string{fmt.Sprint("old/", n-1)}}
		for _, key := range []string{"a", "m/" + strings.Repeat("m", 300), "z", fmt.Sprint("ring/", n%64), fmt.Sprint("old/", n)} {
			t.Put = append(t.Put, store.Put{Key: key, Value: value})
		}
		if _, err := s.Commit(ctx, t); err != nil {
			return err
		}
		if _, err := fmt.Println(n); err != nil {
			return err
		}
	}
}

// TestKilled: whenever a writer is killed, the file opens, what was acknowledged is there,
// and each transaction is there as a whole or not at all.
func TestKilled(t *testing.T) {
	n := kills
	if more, err := strconv.Atoi(os.Getenv("CULVERT_KILLS")); err == nil {
		n = more
	}
	path := filepath.Join(t.TempDir(), File)
	acknowledged, beyond := 0, 0
	for i := range n {
		last := kill(t, path, acknowledged)
		acknowledged = max(acknowledged, last)
		kept := look(t, path)
		if kept < acknowledged || kept > acknowledged+1 {
			t.Fatalf("kill %d: %d is kept, and %d was acknowledged", i, kept, acknowledged)
		}
		if kept > acknowledged {
			beyond++
		}
		acknowledged = kept
	}
	t.Logf("%d kills, %d transactions; %d were kept that nobody heard of", n, acknowledged, beyond)
	if acknowledged < n {
		t.Errorf("only %d transactions were made", acknowledged)
	}
}

// kill starts a writer, kills it at some moment, and returns the last transaction that was
// acknowledged; of the first ones some are killed before there is one.
func kill(t *testing.T, path string, before int) (last int) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), killed+"="+path)
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(time.Minute, func() { c.Process.Kill() })
	defer timer.Stop()
	lines := bufio.NewScanner(out)
	stop := 1 + rand.IntN(8)
	if before == 0 && rand.IntN(2) == 0 {
		stop = 0
		time.Sleep(time.Duration(rand.IntN(30)) * time.Millisecond) // while the file is made
		c.Process.Kill()
	}
	for n := 1; lines.Scan(); n++ {
		if last, err = strconv.Atoi(lines.Text()); err != nil {
			t.Fatalf("the writer says: %s", lines.Text())
		}
		if n == stop {
			time.Sleep(time.Duration(rand.IntN(4000)) * time.Microsecond)
			c.Process.Kill()
		}
	}
	c.Wait()
	return last
}

// look opens a file, and returns the number of the transaction that it holds.
func look(t *testing.T, path string) int {
	t.Helper()
	s, err := Open(path, Options{})
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	snap, err := s.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	n := int(snap.Revision)
	rings := 0
	for _, e := range snap.Entries {
		number, _ := strconv.Atoi(strings.TrimSpace(string(e.Value)))
		if int(e.Revision) != number {
			t.Fatalf("%s: %d of revision %d", e.Key, number, e.Revision)
		}
		if strings.HasPrefix(e.Key, "ring/") {
			if rings++; number <= n-64 {
				t.Fatalf("%s is of %d, and the last was %d", e.Key, number, n)
			}
		} else if number != n || strings.HasPrefix(e.Key, "old/") && e.Key != fmt.Sprint("old/", n) {
			t.Fatalf("%s is of %d: half of transaction %d is there", e.Key, number, n)
		}
	}
	if want := min(n, 64); rings != want || n > 0 && len(snap.Entries) != want+4 {
		t.Fatalf("%d entries, %d of them in the ring, of transaction %d", len(snap.Entries), rings, n)
	}
	return n
}
