package service

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"culvert/config"
	"culvert/host/process"
	"culvert/operate/backend"
)

// told are what a service manager was told.
type told struct {
	mu    sync.Mutex
	lines []string
}

func (m *told) hear(state string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if strings.HasPrefix(state, "RELOADING=1\nMONOTONIC_USEC=") {
		state = "RELOADING=1"
	}
	m.lines = append(m.lines, state)
}

// take returns what was told since.
func (m *told) take() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	defer func() { m.lines = nil }()
	return m.lines
}

var readyText = fmt.Sprintf("READY=1\nSTATUS=Pre-connection initialization successful\nMAINPID=%d", os.Getpid())

// TestManagerIsTold: a service manager hears of start, reload and stop, also of a
// reload that fails; `daemon` leaves the process where its manager sees it.
func TestManagerIsTold(t *testing.T) {
	onStage(t, func(s *stage) {
		manager := new(told)
		s.manager = process.ManagerTo(manager.hear, 0)
		load, faulty := s.load, false
		s.load = func() (*config.Config, error) {
			if faulty {
				return nil, errors.New("faulty")
			}
			c, err := load()
			c.Process.Daemon = true
			return c, err
		}
		heard := func(want ...string) {
			t.Helper()
			synctest.Wait()
			if got := manager.take(); !slices.Equal(got, want) {
				t.Errorf("told %q, want %q", got, want)
			}
		}
		s.run()
		heard(readyText)
		faulty = true
		s.signal(process.Reload)
		heard("RELOADING=1", "READY=1")
		faulty = false
		s.signal(process.Reload)
		heard("RELOADING=1", readyText)
		s.signal(process.Exit)
		heard("STOPPING=1")
		if err := s.over(); err != nil {
			t.Error(err)
		}
	})
}

// TestWatchdog: the manager hears twice in its interval that all is well, until the
// role answers no more.
func TestWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		manager := new(told)
		hangs := make(chan struct{})
		b := &hanging{hangs: hangs}
		stop := tellManager(t.Context(), process.ManagerTo(manager.hear, 10*time.Second), b)
		time.Sleep(19 * time.Second)
		synctest.Wait()
		if got := manager.take(); len(got) != 4 || got[0] != "WATCHDOG=1" {
			t.Errorf("told %q in 19 s", got)
		}
		b.now.Store(true)
		time.Sleep(time.Minute)
		if got := manager.take(); len(got) != 0 {
			t.Errorf("told %q while the role hangs", got)
		}
		close(hangs)
		stop()
	})
}

// hanging is a back end whose Status does not return.
type hanging struct {
	backend.Backend
	feed  backend.Feed
	now   atomic.Bool
	hangs chan struct{}
}

func (h *hanging) Events(room int) *backend.Reader { return h.feed.Add(room) }

func (h *hanging) Status() backend.Status {
	if h.now.Load() {
		<-h.hangs
	}
	return backend.Status{}
}

// TestStatusForPeople: what a service manager shows of a client, and that a server's
// clients do not change what it shows.
func TestStatusForPeople(t *testing.T) {
	number := uint64(3)
	for want, e := range map[string]backend.Event{
		"Connecting to vpn.example":                      {Kind: backend.Connecting, Remote: "vpn.example"},
		"Initialization Sequence Completed":              {Kind: backend.Up},
		"Reconnecting in 5s: the server does not answer": {Kind: backend.Reconnecting, Wait: 5 * time.Second, Reason: "the server does not answer"},
		"": {Kind: backend.Up, Number: &number},
	} {
		if got := statusOf(e); got != want {
			t.Errorf("%+v: %q, want %q", e, got, want)
		}
	}
}
