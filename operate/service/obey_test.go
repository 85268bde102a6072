package service

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/config"
	"culvert/host/process"
)

// TestSignalWhileReading: a configuration that never comes is not waited for
// when a signal asks for the end.
func TestSignalWhileReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, signal := context.WithCancel(t.Context())
		never := make(chan struct{})
		defer close(never)
		ended := make(chan error)
		go func() {
			ended <- Run(ctx, func() (*config.Config, error) {
				<-never
				return nil, errors.New("it came")
			}, Options{})
		}()
		synctest.Wait()
		signal()
		if err := <-ended; err == nil || !strings.Contains(err.Error(), "stopped by a signal") {
			t.Error(err)
		}
	})
}

// fakeTunnel counts what it is asked.
type fakeTunnel struct {
	role
	restarts int
}

func (f *fakeTunnel) Restart() { f.restarts++ }

// TestObeyed: an exit is obeyed while files are read and passwords asked for,
// and while the configuration is read again; what else is asked waits for the
// tunnel.
func TestObeyed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := make(chan struct{})
		l := &life{log: newLog(&config.Config{Process: config.Process{Verb: -1}}, false), load: func() (*config.Config, error) {
			<-never
			return nil, errors.New("it came")
		}}
		run := func() (o obeyed, events chan process.Event, next chan *config.Config, ctx context.Context) {
			ctx, l.failed = context.WithCancelCause(t.Context())
			o = obeyed{life: l, ready: make(chan role, 1), done: make(chan struct{})}
			events, next = make(chan process.Event), make(chan *config.Config, 1)
			go func() { next <- o.obey(ctx, events) }()
			return o, events, next, ctx
		}

		o, events, next, ctx := run()
		events <- process.Exit
		<-ctx.Done()
		close(o.done)
		if c := <-next; c != nil {
			t.Error("there is a next configuration after an exit")
		}

		o, events, next, ctx = run()
		s := new(fakeTunnel)
		events <- process.Restart
		o.ready <- s
		synctest.Wait()
		if s.restarts != 1 {
			t.Errorf("%d restarts of a tunnel that was asked once before it was there", s.restarts)
		}
		events <- process.Reload
		events <- process.Restart
		events <- process.Exit
		<-ctx.Done()
		close(o.done)
		if c := <-next; c != nil || s.restarts != 2 {
			t.Errorf("next %v, %d restarts", c, s.restarts)
		}
		close(never)
	})
}

// TestWhyItStops: the log says once that a signal asks for the end, and where it
// was none but the keeper's end, what is to be done about this host.
func TestWhyItStops(t *testing.T) {
	for _, tt := range []struct {
		why          string
		exits        int
		signal, gone int
	}{{"a signal, and another", 2, 1, 0}, {"keeper gone", 0, 0, 1}, {"a signal, keeper gone", 1, 1, 1}} {
		synctest.Test(t, func(t *testing.T) {
			var written strings.Builder
			said := newLog(&config.Config{}, false)
			said.Logger = slog.New(slog.NewTextHandler(&written, nil))
			ctx, cancel := context.WithCancelCause(t.Context())
			o := obeyed{life: &life{log: said, failed: cancel}, ready: make(chan role, 1), done: make(chan struct{})}
			events, ended := make(chan process.Event), make(chan struct{})
			go func() { defer close(ended); o.obey(ctx, events) }()
			for range tt.exits {
				events <- process.Exit
			}
			if tt.gone > 0 {
				close(events)
			}
			synctest.Wait()
			if ctx.Err() == nil {
				t.Errorf("%s: it goes on", tt.why)
			}
			close(o.done)
			<-ended
			if n := strings.Count(written.String(), "SIGTERM"); n != tt.signal {
				t.Errorf("%s: %d signals said", tt.why, n)
			}
			if n := strings.Count(written.String(), "culvert cleanup"); n != tt.gone {
				t.Errorf("%s: the keeper's end said %d times", tt.why, n)
			}
		})
	}
}

// TestStatusToLog: SIGUSR2 writes down what a tunnel is doing, whatever carries it
// from where it was opened.
func TestStatusToLog(t *testing.T) {
	c, err := config.ParseFile("a.conf", []byte("dev null\nproto udp\nnobind\nremote 127.0.0.1 9\nsecret k\nifconfig 10.8.0.1 10.8.0.2\ncipher AES-256-CBC\nallow-deprecated-insecure-static-crypto\n"), func(string) ([]byte, error) {
		return []byte("-----BEGIN OpenVPN Static key V1-----\n" + strings.Repeat(strings.Repeat("5a", 16)+"\n", 16) + "-----END OpenVPN Static key V1-----\n"), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	written := make(lines, 64)
	said := newLog(c, false)
	said.Logger = slog.New(slog.NewTextHandler(written, nil))
	l := &life{Self: thisProcess(t.Context()), log: said, Options: Options{StateDir: t.TempDir()}}
	l.pidFile.Store(new(string))
	events := make(chan process.Event)
	go func() {
		events <- process.Status
		if !written.until("TUN/TAP read bytes", 10*time.Second) {
			t.Error("no status in the log")
		}
		events <- process.Exit
	}()
	if _, err := l.once(t.Context(), c, process.Jail{Identity: process.Identity{UID: -1, GID: -1}}, events); err != nil {
		t.Error(err)
	}
}

// lines are what is written to a log.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}

// until reports whether a line with some words came in time.
func (l lines) until(words string, patience time.Duration) bool {
	for late := time.After(patience); ; {
		select {
		case line := <-l:
			if strings.Contains(line, words) {
				return true
			}
		case <-late:
			return false
		}
	}
}

// writer makes the test binary a process whose standard error output is a pipe
// that nobody reads.
const writer = "CULVERT_TEST_BROKEN_PIPE"

// TestBrokenPipe: who reads the log may go without ending this process.
func TestBrokenPipe(t *testing.T) {
	if os.Getenv(writer) != "" {
		defer process.SurviveBrokenPipes()()
		os.Stdin.Read(make([]byte, 1)) // until the pipe is broken
		log := newLog(&config.Config{Process: config.Process{Verb: 1}}, false)
		log.Info("nobody reads this")
		log.Info("nor this")
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
