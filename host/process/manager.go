package process

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Manager is the service manager that started this process and listens at
// NOTIFY_SOCKET (sd_notify(3)): systemd, or OpenRC with notify=socket:ready. The zero
// value and nil stand for none, and tell nobody. Its methods may be called by any
// goroutine. A manager that does not listen is no reason to fail.
type Manager struct {
	send     func(state string)
	watchdog time.Duration

	mu      sync.Mutex
	stopped bool
}

// ServiceManager returns the manager of this process, which is none where nobody
// listens.
func ServiceManager() *Manager {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return new(Manager)
	}
	m := &Manager{send: func(state string) { _, _ = daemon.SdNotify(false, state) }}
	m.watchdog, _ = daemon.SdWatchdogEnabled(false)
	return m
}

// ManagerTo returns a manager that hears of a state by a function of the caller's, and
// wants to be told within every interval of watchdog (0: not) that all is well.
func ManagerTo(send func(state string), watchdog time.Duration) *Manager {
	return &Manager{send: send, watchdog: watchdog}
}

// Yes reports whether there is a manager.
func (m *Manager) Yes() bool { return m != nil && m.send != nil }

// Watchdog returns how often the manager has to be told that all is well; 0: never.
func (m *Manager) Watchdog() time.Duration {
	if !m.Yes() {
		return 0
	}
	return m.watchdog
}

// Ready tells that the service is there, and that this process is its main one.
// OpenVPN sends the same three lines.
func (m *Manager) Ready() {
	m.tell(daemon.SdNotifyReady, "STATUS=Pre-connection initialization successful", fmt.Sprint("MAINPID=", os.Getpid()))
}

// Reloaded ends what Reloading began.
func (m *Manager) Reloaded() { m.tell(daemon.SdNotifyReady) }

// Reloading tells that the configuration is being read again. Ready or Reloaded
// follows.
func (m *Manager) Reloading() {
	m.tell(daemon.SdNotifyReloading, strings.TrimSpace(daemon.SdNotifyMonotonicUsec()))
}

// Stopping tells that the process is about to end. Nothing is told after that.
func (m *Manager) Stopping() {
	m.tell(daemon.SdNotifyStopping)
	if m.Yes() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.stopped = true
	}
}

// Alive tells that all is well.
func (m *Manager) Alive() { m.tell(daemon.SdNotifyWatchdog) }

// Status tells one line for people.
func (m *Manager) Status(text string) {
	m.tell("STATUS=" + strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text))
}

func (m *Manager) tell(lines ...string) {
	if !m.Yes() {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.stopped {
		m.send(strings.Join(lines, "\n"))
	}
}
