//go:build unix

package people

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"culvert/store"
)

// In the environment, what the test binary is in place of tests, and of which directory: a
// server or, with the number of a writer, a command.
const (
	asServer  = "CULVERT_TEST_SERVER"
	asCommand = "CULVERT_TEST_COMMAND"
	ofDir     = "CULVERT_TEST_DIR"
)

func TestMain(m *testing.M) {
	var err error
	switch dir := os.Getenv(ofDir); {
	case os.Getenv(asServer) != "":
		err = serveUntilKilled(dir)
	case os.Getenv(asCommand) != "":
		err = changeUntilKilled(dir, "writers/"+os.Getenv(asCommand))
	default:
		os.Exit(m.Run())
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func serveUntilKilled(dir string) error {
	if _, none, err := Serve(dir); err != nil || none != "" {
		return fmt.Errorf("%w %s", err, none)
	}
	fmt.Println(0)
	select {}
}

// changeUntilKilled counts in a record of its own, and in one that all share, and prints
// each number that was acknowledged.
func changeUntilKilled(dir, key string) error {
	s, err := open(dir)
	if err != nil {
		return err
	}
	ctx := context.Background()
	own, err := s.Get(ctx, key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	n, _ := strconv.Atoi(string(own.Value))
	for at := own.Revision; ; {
		value := []byte(strconv.Itoa(n + 1))
		if at, err = s.Commit(ctx, store.Txn{If: []store.Compare{{Key: key, Revision: at}}, Put: []store.Put{{Key: key, Value: value}, {Key: "last", Value: []byte(key + "=" + string(value))}}}); err != nil {
			return err
		}
		n++
		fmt.Println(n)
	}
}

// child is a process of this binary, and the last number that it printed.
type child struct {
	*exec.Cmd
	last  int // once it has ended
	ended chan struct{}
}

// begin starts a child, which is killed after it has printed some numbers; 0: by others.
func begin(t *testing.T, dir, as, value string, stop int) *child {
	t.Helper()
	c := &child{Cmd: exec.Command(os.Args[0]), ended: make(chan struct{})}
	c.Env = append(os.Environ(), as+"="+value, ofDir+"="+dir)
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if as == asServer && !lines.Scan() {
		t.Fatal("the server did not begin")
	}
	go func() {
		defer close(c.ended)
		for n := 1; lines.Scan(); n++ {
			c.last, _ = strconv.Atoi(lines.Text())
			if n == stop {
				time.Sleep(time.Duration(rand.IntN(4000)) * time.Microsecond)
				c.Process.Kill()
			}
		}
		c.Wait()
	}()
	return c
}

// TestKilledServing: whenever a server is killed to which several commands write, or one of
// these is, the store opens, and what was acknowledged to any of them is there.
func TestKilledServing(t *testing.T) {
	rounds := 5
	if more, err := strconv.Atoi(os.Getenv("CULVERT_KILLS")); err == nil {
		rounds = more
	}
	const writers = 3
	dir := directory(t)
	var kept [writers]int
	for round := range rounds {
		server := begin(t, dir, asServer, "1", 0)
		var commands [writers]*child
		for w := range commands {
			commands[w] = begin(t, dir, asCommand, strconv.Itoa(w), 1+rand.IntN(20))
		}
		<-commands[0].ended // it was killed, while the others may go on
		time.Sleep(time.Duration(rand.IntN(4000)) * time.Microsecond)
		server.Process.Kill()
		<-server.ended
		for w, c := range commands {
			c.Process.Kill()
			<-c.ended
			kept[w] = max(kept[w], c.last)
		}
		for w, n := range counted(t, dir, writers) {
			if n < kept[w] || n > kept[w]+1 {
				t.Fatalf("round %d: writer %d: %d is kept, and %d was acknowledged", round, w, n, kept[w])
			}
			kept[w] = n
		}
	}
	t.Logf("%d rounds, transactions of each writer: %v", rounds, kept)
	if kept[0] < rounds {
		t.Errorf("only %v transactions were made", kept)
	}
}

// counted opens the store as a command does, and returns the numbers of the writers.
func counted(t *testing.T, dir string, writers int) []int {
	t.Helper()
	s, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all := make([]int, writers)
	for w := range all {
		e, err := s.Get(t.Context(), "writers/"+strconv.Itoa(w))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		}
		all[w], _ = strconv.Atoi(string(e.Value))
	}
	return all
}
