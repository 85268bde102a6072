package service

import (
	"context"
	"fmt"
	"sync"
	"time"

	"culvert/host/process"
	"culvert/operate/backend"
)

// upText is what a service manager shows of a tunnel that works, as OpenVPN puts it.
const upText = "Initialization Sequence Completed"

// tellManager tells the service manager how a role is, and that it is well, until the
// function that it returns is called.
func tellManager(ctx context.Context, m *process.Manager, b backend.Backend) (stop func()) {
	if !m.Yes() {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	events := b.Events(16)
	running.Go(func() {
		for {
			e, more := events.Next(ctx)
			if !more {
				return
			}
			if text := statusOf(e); text != "" {
				m.Status(text)
			}
		}
	})
	if every := m.Watchdog() / 2; every > 0 {
		running.Go(func() { keepAlive(ctx, m, b, every) })
	}
	return func() {
		cancel()
		events.Close()
		running.Wait()
	}
}

// keepAlive tells that all is well for as long as it is: the role answers, which takes
// the locks that it works with. A role that hangs keeps this from telling it.
func keepAlive(ctx context.Context, m *process.Manager, b backend.Backend, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		b.Status()
		m.Alive()
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// statusOf is how a tunnel with one peer is after an event; "": as before, or a
// server's.
func statusOf(e backend.Event) string {
	if e.Number != nil {
		return ""
	}
	switch e.Kind {
	case backend.Connecting:
		return "Connecting to " + e.Remote
	case backend.Up:
		return upText
	case backend.Reconnecting:
		text := "Reconnecting"
		if e.Wait > 0 {
			text = fmt.Sprint("Reconnecting in ", e.Wait.Round(time.Second))
		}
		if e.Reason != "" {
			text += ": " + e.Reason
		}
		return text
	}
	return ""
}
