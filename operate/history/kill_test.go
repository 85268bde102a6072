//go:build unix

package history

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"culvert/operate/backend"
	"culvert/operate/history/track"
)

// ofDir says in the environment that the test binary is a server that keeps sessions in this
// directory until it is killed.
const ofDir = "CULVERT_TEST_HISTORY"

func TestMain(m *testing.M) {
	if dir := os.Getenv(ofDir); dir != "" {
		fmt.Fprintln(os.Stderr, keepUntilKilled(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// keepUntilKilled has sessions come, carry and go as fast as they can be written, and prints what
// is written: the numbers of begins and ends, after each transaction.
func keepUntilKilled(dir string) error {
	s, err := Open(dir, discard())
	if err != nil {
		return err
	}
	k := NewKeeper(s, Options{Days: 90, Log: discard()})
	t := track.New("gate", nil, k.Changed)
	var begun, ended, next uint64
	for n := uint64(1); ; n++ {
		e := backend.Event{Time: time.Now(), Kind: backend.Up, Number: &n, Name: fmt.Sprint("pc", n%50), User: "anna", IPv4: netip.AddrFrom4([4]byte{10, 8, byte(n >> 8), byte(n)})}
		t.Take(e)
		begun++
		if old := n - 20; n > 20 {
			e.Kind, e.Number, e.Ending, e.BytesIn = backend.Left, &old, "left", 1000
			t.Take(e)
			ended++
		}
		if n >= next {
			next = n + uint64(1+rand.IntN(5))
			if err := k.write(); err != nil {
				return err
			}
			fmt.Println(begun, ended)
		}
	}
}

// TestKilled: whenever a server is killed, its history opens, is whole, and has all that was
// written: sessions that were open have ended, and totals are those of the sessions.
func TestKilled(t *testing.T) {
	rounds := 5
	if more, err := strconv.Atoi(os.Getenv("CULVERT_KILLS")); err == nil {
		rounds = more
	}
	dir := t.TempDir()
	for round := range rounds {
		if round%25 == 0 { // reading all of it each time takes ever longer
			dir = t.TempDir()
		}
		before := countOf(t, dir)
		begun, ended := killed(t, dir, 1+rand.IntN(30))
		now := countOf(t, dir)
		// What was being written when the server was killed may be there as well: up to 5.
		if n := now.sessions - before.sessions; n < begun || n > begun+5 {
			t.Fatalf("round %d: %d sessions are kept, and %d were written", round, n, begun)
		}
		if n := now.left - before.left; n < ended || n > ended+5 {
			t.Fatalf("round %d: %d ends are kept, and %d were written", round, n, ended)
		}
		if now.sum != now.sessions || now.bytes != 1000*now.left {
			t.Fatalf("round %d: totals of %d sessions and %d bytes; sessions are %d, with %d bytes", round, now.sum, now.bytes, now.sessions, 1000*now.left)
		}
	}
	t.Logf("%d rounds", rounds)
}

// counted is what a history holds.
type counted struct{ sessions, left, sum, bytes uint64 }

// countOf opens a history as the server does that begins next, and counts all of it.
func countOf(t *testing.T, dir string) (c counted) {
	t.Helper()
	s, err := Open(dir, discard())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b := NewBook(s)
	for after := ""; ; {
		page, more, err := b.Sessions(t.Context(), Query{After: after})
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range page {
			after = one.ID
			c.sessions++
			switch {
			case one.Open():
				t.Fatalf("%+v is open", one)
			case one.Cause == track.Left:
				c.left++
			case one.Cause != track.Crashed:
				t.Fatalf("%+v", one)
			}
		}
		if !more {
			break
		}
	}
	days, err := b.Days(t.Context(), ByUser, Span{}, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range days {
		c.sum, c.bytes = c.sum+d.Sessions, c.bytes+d.BytesIn
	}
	if aside, _ := os.ReadDir(dir); len(aside) != 1 {
		t.Fatalf("the directory has %v", aside)
	}
	return c
}

// killed has a server write some transactions and kills it, and returns how many sessions it had
// written that began, and that ended.
func killed(t *testing.T, dir string, lines int) (begun, ended uint64) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), ofDir+"="+dir)
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	r := bufio.NewScanner(out)
	for n := 1; r.Scan(); n++ {
		if _, err := fmt.Sscan(r.Text(), &begun, &ended); err != nil {
			t.Fatal(err)
		}
		if n == lines {
			time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond) // for a moment of chance, not to wait
			c.Process.Kill()
		}
	}
	c.Wait()
	if begun == 0 {
		t.Fatalf("the server wrote nothing: %s", &stderr)
	}
	return begun, ended
}
