//go:build interop

package interop

import (
	"bytes"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

var givenUp = regexp.MustCompile(`root's rights are given up`)

// asNobody connects ours to a stock server that pushes everything, with
// `user nobody`, and waits until the rights are gone.
func (in *internet) asNobody(t *testing.T, extra ...string) *process {
	t.Helper()
	config := in.client.clientConfig(clientParty(t, plain, append(extra, "user nobody")...), in.serverIPv4)
	p := in.client.run(ours, config).up()
	p.expect(givenUp, 1, patience)
	return p
}

// worker is the process that carries the tunnel for p.
func worker(t *testing.T, p *process) int {
	t.Helper()
	out, err := exec.Command("pgrep", "-P", strconv.Itoa(p.cmd.Process.Pid)).Output()
	pid, err2 := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil || err2 != nil {
		t.Fatalf("no worker: %q, %v", out, err)
	}
	return pid
}

// TestRightsGivenUp: every thread that carries packets is nobody's, without a
// capability and without a way to get one; and all is undone nonetheless.
func TestRightsGivenUp(t *testing.T) {
	t.Parallel()
	in := newRedirected(t)
	before := in.client.state()
	p := in.asNobody(t, "status "+filepath.Join(in.client.dir, "status")+" 1")
	in.fetchFrom(t, in.webWire.b4, innerClient(in))
	for field, want := range map[string]string{
		"Uid": "65534 65534 65534 65534", "Gid": "65534 65534 65534 65534", "Groups": "65534",
		"CapEff": "0000000000000000", "CapPrm": "0000000000000000", "NoNewPrivs": "1",
	} {
		for _, got := range threadFields(t, worker(t, p), field) {
			if got != want {
				t.Errorf("%s of a thread: %q, want %q", field, got, want)
			}
		}
	}
	p.cmd.Process.Signal(syscall.SIGUSR1)
	p.expect(initialized, 2, patience)
	in.fetchFrom(t, in.webWire.b4, innerClient(in))
	p.cmd.Process.Signal(syscall.SIGHUP)
	p.expect(sessionsGoOn, 1, patience)
	in.fetchFrom(t, in.webWire.b4, innerClient(in))
	if err := p.stop(syscall.SIGTERM); err != nil {
		t.Errorf("exit status: %v", err)
	}
	in.sameState(t, before)
	if text, err := os.ReadFile(filepath.Join(in.client.dir, "status")); err != nil || !strings.HasPrefix(string(text), "OpenVPN STATISTICS\n") {
		t.Errorf("status file: %q, %v", text, err)
	}
}

func innerClient(in *internet) netip.Addr {
	v, _ := in.client.device(tunDevice)
	return v.prefix.Addr()
}

// threadFields are the values of a field of /proc/PID/task/*/status.
func threadFields(t *testing.T, pid int, field string) (values []string) {
	t.Helper()
	files, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/status")
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue // the thread ended
		}
		for line := range strings.Lines(string(text)) {
			if value, ok := strings.CutPrefix(line, field+":"); ok {
				values = append(values, strings.Join(strings.Fields(value), " "))
			}
		}
	}
	if len(values) == 0 {
		t.Errorf("no %s of process %d", field, pid)
	}
	return values
}

// TestRightsKilled: whichever of the two processes is killed, the host comes
// back: by the other at once, or by cleanup.
func TestRightsKilled(t *testing.T) {
	t.Parallel()
	t.Run("worker", func(t *testing.T) {
		in := newRedirected(t)
		before := in.client.state()
		p := in.asNobody(t)
		syscall.Kill(worker(t, p), syscall.SIGKILL)
		if err := p.wait(patience); err == nil {
			t.Error("exit status 0 after the worker was killed")
		}
		in.sameState(t, before)
	})
	t.Run("both", func(t *testing.T) {
		in := newRedirected(t)
		before := in.client.state()
		p := in.asNobody(t)
		pid := worker(t, p)
		p.cmd.Process.Kill()
		syscall.Kill(pid, syscall.SIGKILL)
		<-p.done
		if in.client.state() == before {
			t.Fatal("nothing is left behind by the kill: the test shows nothing")
		}
		gone(t, pid)
		in.client.output(culvert(t), "cleanup", "--state-dir", filepath.Join(in.client.dir, "state"))
		in.sameState(t, before)
	})
}

// gone waits until a process is.
func gone(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(patience); syscall.Kill(pid, 0) == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("process %d is still there", pid)
		}
	}
}

// TestUnknownUser: it is said before anything is opened.
func TestUnknownUser(t *testing.T) {
	t.Parallel()
	n := newLab(t).host("s")
	p := n.run(ours, n.serverConfig(serverParty(t, plain, "user no-such-user")))
	if err := p.wait(patience); err == nil || !strings.Contains(p.log(), "user no-such-user: ") || strings.Contains(p.log(), tunDevice) {
		t.Errorf("%v, log:\n%s", err, p.log())
	}
	if _, err := os.Stat(filepath.Join(n.dir, "state")); err == nil {
		t.Error("it got as far as changing the host")
	}
}

// TestStatusFields: ours and stock OpenVPN write the same lines about the same
// client, except for what must differ: times, ports and counts.
func TestStatusFields(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"1", "2", "3"} {
		t.Run(version, func(t *testing.T) {
			var texts []string
			for _, impl := range []implementation{stock, ours} {
				l := newLab(t)
				c, s := l.host("c"), l.host("s")
				w := l.join(c, s)
				file := filepath.Join(s.dir, "status")
				s.run(impl, s.serverConfig(serverParty(t, plain, "status "+file+" 1", "status-version "+version))).up()
				c.run(stock, c.clientConfig(clientParty(t, plain), w.b4)).up()
				texts = append(texts, withoutVarying(settledStatus(t, file)))
			}
			if sorted(texts[0]) != sorted(texts[1]) {
				t.Errorf("stock wrote\n%s\nours\n%s", texts[0], texts[1])
			}
		})
	}
}

// TestStatusOfEthernet is TestStatusFields where addresses are those of
// Ethernet.
func TestStatusOfEthernet(t *testing.T) {
	t.Parallel()
	var texts []string
	for _, impl := range []implementation{stock, ours} {
		l := newLab(t)
		c, s := l.host("c"), l.host("s")
		w := l.join(c, s)
		file := filepath.Join(s.dir, "status")
		s.run(impl, s.tapServer("server 10.8.0.0 255.255.255.0", "status "+file+" 1", "status-version 2")).up()
		c.run(stock, c.tapClient(keys(t).client, w.b4, "lladdr 02:00:5e:10:00:07")).up()
		c.ping(serverIPv4)
		texts = append(texts, withoutVarying(statusWith(t, file, "02:00:5e:10:00:07")))
	}
	// Stock queues broadcasts, and counts the longest queue.
	queue := regexp.MustCompile(`queue length\|\d+`)
	if a, b := queue.ReplaceAllString(texts[0], ""), queue.ReplaceAllString(texts[1], ""); sorted(a) != sorted(b) {
		t.Errorf("stock wrote\n%s\nours\n%s", a, b)
	}
}

// withoutVarying masks times, the outer address and the byte counts, and
// leaves out the title.
func withoutVarying(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "TITLE") {
			continue
		}
		fields := strings.FieldsFunc(strings.TrimSpace(line), func(r rune) bool { return r == ',' || r == '\t' })
		for i, f := range fields {
			switch {
			case strings.HasPrefix(f, "198.18."):
				fields[i] = "OUTER"
			case when.MatchString(f):
				fields[i] = "WHEN"
			}
		}
		line = counts.ReplaceAllString(strings.Join(fields, "|"), "$1|IN|OUT|WHEN")
		lines = append(lines, queued.ReplaceAllString(line, "${1}N"))
	}
	return strings.Join(lines, "\n")
}

var (
	when = regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$|^\d{10}$`)
	// queued is how many broadcasts waited at the same time.
	queued = regexp.MustCompile(`(Max bcast/mcast queue length\|)\d+`)
	// counts are the two before the first time of a client.
	counts = regexp.MustCompile(`(OUTER.*)\|\d+\|\d+\|WHEN`)
)

// sorted are the lines in any order: stock writes routes in that of a hash.
func sorted(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// settledStatus is the file once it has both routes of the client.
func settledStatus(t *testing.T, file string) string {
	t.Helper()
	return statusWith(t, file, "10.8.0.2", "fd00:8::")
}

// statusWith is the file once it is whole and has all these words.
func statusWith(t *testing.T, file string, words ...string) string {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		text, _ := os.ReadFile(file)
		missing := func(word string) bool { return !strings.Contains(string(text), word) }
		if !slices.ContainsFunc(words, missing) && strings.HasSuffix(string(text), "END\n") {
			return string(text)
		}
		if time.Now().After(end) {
			t.Fatalf("status file: %s", text)
		}
	}
}

// TestDaemon: the start returns when the server is up, and the process it
// leaves is ended by its pid file.
func TestDaemon(t *testing.T) {
	t.Parallel()
	n := newLab(t).host("s")
	before := n.state()
	pidFile, log := filepath.Join(n.dir, "pid"), filepath.Join(n.dir, "log")
	config := n.serverConfig(serverParty(t, plain, "daemon", "writepid "+pidFile, "log "+log, "user nobody"))
	if err := n.run(ours, config).wait(patience); err != nil {
		t.Fatalf("exit status: %v", err)
	}
	text, _ := os.ReadFile(log)
	if !initialized.Match(text) {
		t.Errorf("it returned before the server was up; log:\n%s", text)
	}
	number, _ := os.ReadFile(pidFile)
	pid, err := strconv.Atoi(strings.TrimSpace(string(number)))
	if err != nil {
		t.Fatal(err)
	}
	if second := n.run(ours, config); second.wait(patience) == nil || !strings.Contains(second.log(), "port") {
		t.Errorf("a second one on the same port: log %q", second.log())
	}
	if text, _ := os.ReadFile(log); !strings.Contains(string(text), "another process has the port") {
		t.Errorf("why the second one ended is not in its log:\n%s", text)
	}
	if now, _ := os.ReadFile(pidFile); !bytes.Equal(now, number) {
		t.Errorf("the second one made %q of the pid file with %q", now, number)
	}
	syscall.Kill(pid, syscall.SIGTERM)
	gone(t, pid)
	if _, err := os.Stat(pidFile); err == nil {
		t.Error("the pid file is left behind")
	}
	if after := n.state(); after != before {
		t.Errorf("the host is not as before.\nbefore:\n%s\nafter:\n%s", before, after)
	}
}

// TestPIDFile: `writepid` is there while the process is, over a reload that
// names another file, and gone after every end.
func TestPIDFile(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c, s := l.host("c"), l.host("s")
	w := l.join(c, s)
	s.run(stock, s.serverConfig(serverParty(t, plain))).up()
	first, second := filepath.Join(c.dir, "first.pid"), filepath.Join(c.dir, "second.pid")
	for name, extra := range map[string][]string{"root": {"writepid first.pid"}, "nobody": {"writepid first.pid", "user nobody"}} {
		config := c.clientConfig(clientParty(t, plain, extra...), w.b4)
		p := c.run(ours, config).up()
		holds := func(file string) {
			t.Helper()
			number, err := os.ReadFile(file)
			pid, _ := strconv.Atoi(strings.TrimSpace(string(number)))
			if err != nil || pid != p.cmd.Process.Pid {
				t.Errorf("%s: %s has %q (%v), and the process is %d", name, file, number, err, p.cmd.Process.Pid)
			}
		}
		missing := func(file string) {
			t.Helper()
			if _, err := os.Stat(file); err == nil {
				t.Errorf("%s: %s is left behind", name, file)
			}
		}
		holds(first)
		text := strings.Replace(string(must(os.ReadFile(config))), "first.pid", "second.pid", 1)
		c.file("client.conf", text)
		p.cmd.Process.Signal(syscall.SIGHUP)
		p.expect(initialized, 2, patience)
		holds(second)
		missing(first)
		if err := p.stop(syscall.SIGTERM); err != nil {
			t.Errorf("%s: exit status: %v", name, err)
		}
		missing(second)
	}
	config := c.clientConfig(clientParty(t, plain, "writepid first.pid", "log log", "verb 0", "dev-node /nonexistent"), w.b4)
	if c.run(ours, config).wait(patience) == nil {
		t.Error("a device that is not there is no fault")
	}
	if text := mustRead(t, filepath.Join(c.dir, "log")); !strings.Contains(text, "/nonexistent") {
		t.Errorf("why it ended is not in the log: %q", text)
	}
	if _, err := os.Stat(first); err == nil {
		t.Error("after an error the pid file is left behind")
	}
}
