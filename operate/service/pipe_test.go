package service

import (
	"os"
	"os/exec"
	"testing"

	"culvert/config"
	"culvert/host/process"
)

// writer makes the test binary a process whose standard error output is a pipe
// that nobody reads.
const writer = "CULVERT_TEST_BROKEN_PIPE"

// TestBrokenPipe: who reads the log may go without ending this process.
func TestBrokenPipe(t *testing.T) {
	if os.Getenv(writer) != "" {
		defer process.SurviveBrokenPipes()()
		os.Stdin.Read(make([]byte, 1)) // until the pipe is broken
		log := newLog(&config.Config{Process: config.Process{Verb: 1}}, false, Options{})
		log.Info("nobody reads this")
		log.Info("nor this")
		log.flush()
		os.Exit(7)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(os.Args[0], "-test.run=^TestBrokenPipe$")
	c.Env, c.Stderr = append(os.Environ(), writer+"=1"), w
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	r.Close()
	in.Close()
	if err := c.Wait(); c.ProcessState.ExitCode() != 7 {
		t.Errorf("the process ended: %v", err)
	}
}
