package service

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"culvert/config"
	"culvert/host/process"
	"culvert/operate/backend/backendtest"
	"culvert/operate/logs"
)

// stage is a life in a synctest bubble, whose roles are fakes. Change its fields
// before it runs.
type stage struct {
	t *testing.T
	*life
	written lines
	events  chan process.Event
	end     context.CancelCauseFunc
	ended   chan error

	mu    sync.Mutex
	fakes []*backendtest.Fake // of the roles opened so far
}

// newStage is one with a load that gives a configuration, its number as the name.
func newStage(t *testing.T) *stage {
	s := &stage{t: t, events: make(chan process.Event), ended: make(chan error, 1)}
	read := 0
	s.life = newLife(Self{}, func() (*config.Config, error) {
		read++
		return &config.Config{Process: config.Process{Verb: 3}, Adapter: config.Adapter{Dev: fmt.Sprint("tun", read)}}, nil
	}, Options{StateDir: t.TempDir()})
	s.newLog = func(c *config.Config, _ bool, _ Options) *log {
		l := &log{levels: new(logs.Levels)}
		l.Logger = slog.New(slog.NewTextHandler(&s.written, nil))
		return l
	}
	s.open = func(r roles, c *config.Config) (opened, error) { return s.role(r, c), r.isUp() }
	return s
}

// role is a fake for a configuration.
func (s *stage) role(r roles, c *config.Config) opened {
	f := backendtest.New()
	f.State.Adapter, f.Text, f.OnReload = c.Adapter.Dev, "state of "+c.Adapter.Dev+"\nEND\n", r.reload
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fakes = append(s.fakes, f)
	return opened{role: f, stop: func() {}}
}

func (s *stage) run() {
	ctx, cancel := context.WithCancelCause(s.t.Context())
	s.end = cancel
	go func() { s.ended <- s.life.run(ctx, s.events) }()
	synctest.Wait()
}

// signal has an event obeyed.
func (s *stage) signal(e process.Event) {
	s.events <- e
	synctest.Wait()
}

// over is how it ended, by now.
func (s *stage) over() error {
	s.t.Helper()
	synctest.Wait()
	select {
	case err := <-s.ended:
		return err
	default:
		s.t.Fatalf("it goes on; log:\n%s", s.written.text())
		return nil
	}
}

// asked wants what the roles were asked so far, one after the other.
func (s *stage) asked(want ...string) {
	s.t.Helper()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	var got []string
	for _, f := range s.fakes {
		for _, what := range f.Asked() {
			got = append(got, f.State.Adapter+" "+what)
		}
	}
	if !slices.Equal(got, want) {
		s.t.Errorf("asked %q, want %q", got, want)
	}
}

// said wants some words in the log so often.
func (s *stage) said(words string, times int) {
	s.t.Helper()
	if n := strings.Count(s.written.text(), words); n != times {
		s.t.Errorf("the log has %q %d times, want %d:\n%s", words, n, times, s.written.text())
	}
}

// lines are what is written to a log.
type lines struct {
	mu      sync.Mutex
	what    strings.Builder
	changed chan struct{} // closed when more is written; nil: nobody waits
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
	return l.what.Write(b)
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.what.String()
}

// next is closed when more is written.
func (l *lines) next() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return l.changed
}

// onStage runs a test in virtual time.
func onStage(t *testing.T, test func(*stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(newStage(t)) })
}

func TestStartAndStop(t *testing.T) {
	onStage(t, func(s *stage) {
		s.run()
		s.asked("tun1 run")
		s.signal(process.Exit)
		if err := s.over(); err != nil {
			t.Error(err)
		}
		s.asked("tun1 run", "tun1 end")
		s.said("stopping (SIGINT or SIGTERM)", 1)
	})
}

// TestCallerEnds: whoever runs a life ends it by its context, as a signal does, while
// it reads its configuration, opens its role and runs it.
func TestCallerEnds(t *testing.T) {
	onStage(t, func(s *stage) {
		s.run()
		s.end(errors.New("enough"))
		if err := s.over(); err != nil {
			t.Error(err)
		}
		s.asked("tun1 run", "tun1 end")
		s.said("stopping", 1)
	})
	onStage(t, func(s *stage) {
		never := make(chan struct{})
		defer close(never)
		s.open = func(roles, *config.Config) (opened, error) { <-never; return opened{}, errors.New("it came") }
		s.run()
		s.end(nil)
		if err := s.over(); err != nil {
			t.Error(err)
		}
	})
	onStage(t, func(s *stage) {
		never := make(chan struct{})
		defer close(never)
		s.load = func() (*config.Config, error) { <-never; return nil, errors.New("it came") }
		s.run()
		s.end(errors.New("enough"))
		if err := s.over(); !errors.Is(err, errStopped) || !strings.Contains(err.Error(), "enough") {
			t.Error(err)
		}
	})
}

// TestSignalWhileReading: a configuration that never comes is not waited for
// when a signal asks for the end, and only then.
func TestSignalWhileReading(t *testing.T) {
	onStage(t, func(s *stage) {
		never := make(chan struct{})
		defer close(never)
		s.load = func() (*config.Config, error) { <-never; return nil, errors.New("it came") }
		s.run()
		for _, e := range []process.Event{process.Status, process.Restart, process.Reload} {
			s.signal(e)
		}
		if len(s.ended) > 0 {
			t.Fatal("it ended by a signal that asks for something else")
		}
		s.signal(process.Exit)
		if err := s.over(); !errors.Is(err, errStopped) || !strings.Contains(err.Error(), "signal") {
			t.Error(err)
		}
		s.asked()
	})
}

// TestSignalsDuringStart: while files are read and passwords asked for, an exit is
// obeyed, and what else is asked waits for the role.
func TestSignalsDuringStart(t *testing.T) {
	onStage(t, func(s *stage) {
		answer := make(chan struct{})
		open := s.open
		s.open = func(r roles, c *config.Config) (opened, error) { <-answer; return open(r, c) }
		s.run()
		s.signal(process.Restart)
		s.signal(process.Status)
		s.asked()
		close(answer)
		synctest.Wait()
		got := s.fakes[0].Asked()
		slices.Sort(got) // it is asked while it begins to run
		if !slices.Equal(got, []string{"restart", "run"}) {
			t.Errorf("asked %q", got)
		}
		s.said("state of tun1", 1)
		s.signal(process.Exit)
		s.over()
	})
	onStage(t, func(s *stage) {
		file := make(chan struct{})
		load := s.load
		s.load = func() (*config.Config, error) { <-file; return load() }
		s.run()
		s.signal(process.Status)
		s.signal(process.Status)
		close(file)
		synctest.Wait()
		s.said("state of tun1", 2)
		s.signal(process.Status)
		s.said("state of tun1", 3)
		close(s.events) // as a keeper that is gone does
		if err := s.over(); err != nil {
			t.Error(err)
		}
		s.said("culvert cleanup", 1)
	})
	onStage(t, func(s *stage) {
		never := make(chan struct{})
		defer close(never)
		s.open = func(roles, *config.Config) (opened, error) { <-never; return opened{}, errors.New("it came") }
		s.run()
		s.signal(process.Exit)
		if err := s.over(); err != nil {
			t.Error(err)
		}
	})
}

// TestRestartAndStatus: neither ends a role.
func TestRestartAndStatus(t *testing.T) {
	onStage(t, func(s *stage) {
		s.run()
		s.signal(process.Restart)
		s.signal(process.Restart)
		s.signal(process.Status)
		s.asked("tun1 run", "tun1 restart", "tun1 restart")
		s.said("state of tun1", 1)
		s.said("END", 1)
		s.signal(process.Exit)
		s.over()
	})
}

// TestRemapUSR1: SIGUSR1 is taken as the signal that the configuration names.
func TestRemapUSR1(t *testing.T) {
	for as, want := range map[string][]string{"SIGTERM": {"tun1 run", "tun1 end"}, "SIGHUP": {"tun1 run", "tun1 reload", "tun1 end", "tun2 run"}} {
		onStage(t, func(s *stage) {
			load := s.load
			s.load = func() (*config.Config, error) {
				c, err := load()
				c.Process.RemapUSR1 = as
				return c, err
			}
			s.run()
			s.signal(process.Restart)
			s.asked(want...)
			if as == "SIGHUP" {
				s.signal(process.Exit)
			}
			if err := s.over(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestReload: the next role has the configuration as it is now, and is opened when
// the first one ended. A faulty one changes nothing.
func TestReload(t *testing.T) {
	onStage(t, func(s *stage) {
		var faulty error
		load := s.load
		s.load = func() (*config.Config, error) {
			if faulty != nil {
				return nil, faulty
			}
			return load()
		}
		s.run()
		faulty = errors.New("c.conf:1: nonsense")
		s.signal(process.Reload)
		s.asked("tun1 run", "tun1 reload")
		s.said("the configuration is faulty, so everything stays as it is", 1)
		faulty = nil
		s.signal(process.Reload)
		s.asked("tun1 run", "tun1 reload", "tun1 reload", "tun1 end", "tun2 run")
		s.said("starting over with the configuration as it is now", 1)
		s.signal(process.Status)
		s.said("state of tun2", 1)
		s.fakes[1].Reload() // as a reader of the back end asks for it
		synctest.Wait()
		s.signal(process.Exit)
		if err := s.over(); err != nil {
			t.Error(err)
		}
		if len(s.fakes) != 3 {
			t.Errorf("%d roles, want 3", len(s.fakes))
		}
	})
}

// TestUnsoundReload: a configuration that is read again and names a program or a chroot that
// is not there, or damaged certificates and keys of a server, changes nothing: starting over
// would end the process.
func TestUnsoundReload(t *testing.T) {
	damaged := &config.File{Name: "x.pem", Text: []byte("x")}
	locked := &config.File{Name: "key", Text: pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY"})}
	const nowhere = "/nonexistent/program"
	none, noPool := []string{nowhere}, config.Server{NoPool: true}
	for what, c := range map[string]config.Config{
		"down " + nowhere:           {Hooks: config.Hooks{Down: none}},
		"chroot " + nowhere:         {Process: config.Process{Chroot: nowhere}},
		"client-connect " + nowhere: {Mode: config.ModeServer, Server: config.Server{NoPool: true, ClientConnect: none}},
		"client-config-dir: ":       {Mode: config.ModeServer, Server: config.Server{NoPool: true, ClientConfigDir: nowhere}},
		"cert: x.pem: ":             {Mode: config.ModeServer, Server: noPool, Trust: config.Trust{Cert: damaged, Key: locked}},
		"ca: x.pem: ":               {Mode: config.ModeServer, Server: noPool, Trust: config.Trust{CA: damaged, Key: locked}},
		"pkcs12: x.pem: ":           {Mode: config.ModeServer, Server: noPool, Trust: config.Trust{PKCS12: damaged}},
		"tls-crypt: x.pem: ":        {Mode: config.ModeServer, Server: noPool, Trust: config.Trust{TLSCrypt: damaged}},
		"dev null":                  {Adapter: config.Adapter{DevType: config.DevNull}},
		"plugin auth-ldap: ":        {Mode: config.ModeServer, Server: noPool, Login: config.Login{Plugins: []config.LoginPlugin{{LDAP: damaged}}}},
	} {
		onStage(t, func(s *stage) {
			load, first := s.load, true
			s.load = func() (*config.Config, error) {
				if !first {
					return &c, nil
				}
				first = false
				return load()
			}
			s.UserSpace = c.Adapter.DevType == config.DevNull
			s.run()
			s.signal(process.Reload)
			s.asked("tun1 run", "tun1 reload")
			s.said("the configuration is faulty, so everything stays as it is", 1)
			s.said(what, 1)
			s.signal(process.Exit)
			if err := s.over(); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		})
	}
}

// TestExitWhileReloading: it ends although another configuration may come.
func TestExitWhileReloading(t *testing.T) {
	onStage(t, func(s *stage) {
		never := make(chan struct{})
		load, first := s.load, true
		s.load = func() (*config.Config, error) {
			if !first {
				<-never
			}
			first = false
			return load()
		}
		s.run()
		s.signal(process.Reload)
		s.signal(process.Restart)
		s.asked("tun1 run", "tun1 reload", "tun1 restart")
		s.signal(process.Exit)
		if err := s.over(); err != nil {
			t.Error(err)
		}
		close(never)
		s.asked("tun1 run", "tun1 reload", "tun1 restart", "tun1 end")
	})
}

// TestEndByFailure: why a role ends, cannot be opened, or cannot go on is what
// the process ends by, and it is not opened again.
func TestEndByFailure(t *testing.T) {
	broken := errors.New("the server cannot go on")
	onStage(t, func(s *stage) {
		s.run()
		s.fakes[0].Ends <- broken
		if err := s.over(); err != broken {
			t.Error(err)
		}
		s.asked("tun1 run", "tun1 end")
	})
	onStage(t, func(s *stage) {
		s.run()
		s.fakes[0].Ends <- nil // as ping-exit asks
		if err := s.over(); err != nil {
			t.Error(err)
		}
	})
	onStage(t, func(s *stage) {
		s.open = func(roles, *config.Config) (opened, error) { return opened{}, broken }
		s.run()
		if err := s.over(); err != broken {
			t.Error(err)
		}
	})
	onStage(t, func(s *stage) {
		open, fail := s.open, error(nil)
		s.open = func(r roles, c *config.Config) (opened, error) {
			r.isUp = func() error { return fail }
			fail = broken
			r.tell()
			return open(r, c)
		}
		s.run()
		if err := s.over(); err != broken {
			t.Errorf("what is no failure of the role: %v", err)
		}
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
		onStage(t, func(s *stage) {
			end := make(chan struct{})
			s.open = func(r roles, c *config.Config) (opened, error) {
				return opened{role: slow{s.role(r, c).role, end}, stop: func() {}}, nil
			}
			s.run()
			for range tt.exits {
				s.signal(process.Exit)
			}
			if tt.gone > 0 {
				close(s.events)
			}
			synctest.Wait()
			close(end)
			if err := s.over(); err != nil {
				t.Errorf("%s: %v", tt.why, err)
			}
			s.said("SIGTERM", tt.signal)
			s.said("culvert cleanup", tt.gone)
		})
	}
}

// TestYield: a worker that ends for another one tells its programs so.
func TestYield(t *testing.T) {
	onStage(t, func(s *stage) {
		var why error
		s.open = func(r roles, c *config.Config) (opened, error) {
			return opened{role: curious{s.role(r, c).role, &why}, stop: func() {}}, nil
		}
		s.run()
		s.signal(process.Yield)
		if err := s.over(); err != nil || why != process.Signal("sighup") {
			t.Errorf("%v, %v", err, why)
		}
	})
}

// curious is a role that notes why it ended.
type curious struct {
	role
	why *error
}

func (c curious) Run(ctx context.Context) error {
	err := c.role.Run(ctx)
	*c.why = context.Cause(ctx)
	return err
}

// slow is a role that takes until end to end.
type slow struct {
	role
	end chan struct{}
}

func (s slow) Run(ctx context.Context) error {
	err := s.role.Run(ctx)
	<-s.end
	return err
}

// TestPIDFile: it has this process's number once the tunnel is up, moves with the
// configuration, and goes with the process.
func TestPIDFile(t *testing.T) {
	onStage(t, func(s *stage) {
		dir, read := t.TempDir(), 0
		s.load = func() (*config.Config, error) {
			read++
			return &config.Config{Process: config.Process{Verb: 3, WritePID: filepath.Join(dir, fmt.Sprint(read))}}, nil
		}
		files := func(want ...string) {
			t.Helper()
			synctest.Wait()
			var got []string
			entries, _ := os.ReadDir(dir)
			for _, e := range entries {
				if text, _ := os.ReadFile(filepath.Join(dir, e.Name())); strings.TrimSpace(string(text)) == fmt.Sprint(os.Getpid()) {
					got = append(got, e.Name())
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("files with this process's number: %q, want %q", got, want)
			}
		}
		s.run()
		files("1")
		s.signal(process.Reload)
		files("2")
		s.signal(process.Exit)
		s.over()
		files()
	})
}

// TestFaultyConfiguration: what is wrong with a configuration is told, and nothing is
// opened.
func TestFaultyConfiguration(t *testing.T) {
	onStage(t, func(s *stage) {
		faulty := errors.New("c.conf:1: nonsense")
		s.load = func() (*config.Config, error) { return nil, faulty }
		s.run()
		if err := s.over(); err != faulty {
			t.Error(err)
		}
		s.asked()
	})
	onStage(t, func(s *stage) {
		s.load = func() (*config.Config, error) {
			return &config.Config{Process: config.Process{WritePID: filepath.Join(t.TempDir(), "none", "pid")}}, nil
		}
		s.run()
		if err := s.over(); err == nil || !strings.Contains(err.Error(), "writepid") && !strings.Contains(err.Error(), "none") {
			t.Error(err)
		}
		s.asked()
	})
}
