//go:build interop

package interop

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for a thing that ought to be there within
// a second or two.
const patience = 30 * time.Second

// outBy is how long who is disabled or revoked may stay on a machine that is busy beside.
const outBy = patience / 2

// process is a program running on a host of the lab. It ends with the test.
type process struct {
	t     testing.TB
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *os.File // what it says

	mu      sync.Mutex
	lines   []string
	times   []time.Time   // when each line came
	changed chan struct{} // closed and replaced when a line came or it ended
	ended   bool
	exit    error
	done    chan struct{} // closed when it ended
}

// start runs a program on the host; name is for messages.
func (n *netns) start(name string, argv ...string) *process {
	n.t.Helper()
	argv = n.exec(argv)
	p := &process{t: n.t, name: name, cmd: exec.Command(argv[0], argv[1:]...),
		changed: make(chan struct{}), done: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = n.dir, environment()
	if err := p.launch(); err != nil {
		n.t.Fatalf("starting %s: %v", name, err)
	}
	n.t.Cleanup(p.finish)
	return p
}

// launch starts the process with both outputs going to one log.
func (p *process) launch() error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer w.Close()
	p.cmd.Stdout, p.cmd.Stderr = w, w
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	p.out = r
	go p.collect()
	return nil
}

func (p *process) collect() {
	defer p.out.Close()
	for s := bufio.NewScanner(p.out); s.Scan(); {
		p.note(func() { p.lines, p.times = append(p.lines, s.Text()), append(p.times, time.Now()) })
	}
	err := p.cmd.Wait()
	p.note(func() { p.ended, p.exit = true, err })
	close(p.done)
}

func (p *process) note(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	close(p.changed)
	p.changed = make(chan struct{})
}

// finish ends the process and shows its log if the test failed.
func (p *process) finish() {
	p.kill()
	if p.t.Failed() {
		p.t.Logf("log of %s:\n%s", p.name, p.log())
	}
}

// kill ends the process the hard way (kill -9) and waits until it is gone. Its
// children, whose output is the same, may live on: removing their host ends
// them.
func (p *process) kill() {
	p.cmd.Process.Kill()
	p.out.SetReadDeadline(time.Now().Add(time.Second))
	<-p.done
}

// stop sends sig and waits for the end.
func (p *process) stop(sig os.Signal) error {
	p.t.Helper()
	p.cmd.Process.Signal(sig)
	return p.wait(patience)
}

// wait waits for the end by itself and returns its exit status: nil for 0,
// else *exec.ExitError.
func (p *process) wait(limit time.Duration) error {
	p.t.Helper()
	select {
	case <-p.done:
		return p.exit
	case <-time.After(limit):
		p.t.Fatalf("%s still runs after %v", p.name, limit)
		return nil
	}
}

// log is all it has said so far.
func (p *process) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// count is the number of lines of its log that match.
func (p *process) count(re *regexp.Regexp) int {
	n, _ := p.look(re)
	return n
}

// look counts matches, and returns what tells when there may be more: nil
// once the process ended.
func (p *process) look(re *regexp.Regexp) (n int, more <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, line := range p.lines {
		if re.MatchString(line) {
			n++
		}
	}
	if p.ended {
		return n, nil
	}
	return n, p.changed
}

// expect waits until n lines of the log match; the test fails when the
// process ends first or the limit passes.
func (p *process) expect(re *regexp.Regexp, n int, limit time.Duration) {
	p.t.Helper()
	if err := p.await(re, n, limit); err != nil {
		p.t.Fatalf("%s: %v: /%v/, wanted %d times, seen %d", p.name, err, re, n, p.count(re))
	}
}

func (p *process) await(re *regexp.Regexp, n int, limit time.Duration) error {
	deadline := time.After(limit)
	for {
		seen, more := p.look(re)
		if seen >= n {
			return nil
		}
		if more == nil {
			return errors.New("it ended without the line")
		}
		select {
		case <-more:
		case <-deadline:
			return errors.New("no such line in time")
		}
	}
}

var initialized = regexp.MustCompile(`Initialization Sequence Completed`)

// up waits until an OpenVPN, stock or ours, says that its tunnel is up.
func (p *process) up() *process {
	p.t.Helper()
	p.expect(initialized, 1, patience)
	return p
}
