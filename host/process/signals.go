package process

import (
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

// Event is what a signal asks for.
type Event int

// The events, with the signals that OpenVPN has for them.
const (
	Exit    Event = iota // SIGINT, SIGTERM: end in good order
	Restart              // SIGUSR1: connect anew with the same configuration
	Reload               // SIGHUP: read the configuration again, and start over where it asks for that
	Status               // SIGUSR2: write the state of all connections to the log
	Adopt                // no signal: a keeper has its worker go on with the configuration as it is now
	Yield                // no signal: a keeper has its worker end for another one, which goes by the configuration as it is now
)

func (e Event) String() string {
	return [...]string{"exit", "restart", "reload", "status", "adopt", "yield"}[e]
}

// Signal is why a context ends that a signal ended. It is the name by which programs
// are told, such as sighup.
type Signal string

func (s Signal) Error() string { return "ended by " + string(s) }

// Events returns what this process's signals ask for, until stop is called. After
// the first Exit, an interrupt ends the process at once, with status 130, unless it comes
// with the first: `timeout -s INT` sends two, and a key that bounces leaves nothing behind.
func Events() (events <-chan Event, stop func()) {
	signals, out, done := make(chan os.Signal, 8), make(chan Event), make(chan struct{})
	if IsThin() {
		if end, err := handledSignals(signals); err == nil {
			go pass(signals, out, done)
			return out, func() { end(); close(done) }
		}
	}
	for s := range reactions {
		signal.Notify(signals, s)
	}
	go pass(signals, out, done)
	return out, func() { signal.Stop(signals); close(done) }
}

// bounce is how long after the first another interrupt is the same one.
const bounce = 300 * time.Millisecond

// pass turns signals into events. One that waits already is not repeated.
func pass(signals <-chan os.Signal, out chan<- Event, done <-chan struct{}) {
	var queue []Event
	var exiting time.Time // since when
	for {
		next, first := chan<- Event(nil), Exit
		if len(queue) > 0 {
			next, first = out, queue[0]
		}
		select {
		case s := <-signals:
			e := reactions[s]
			if !exiting.IsZero() && s == os.Interrupt && time.Since(exiting) > bounce {
				PIDFile.Remove()
				os.Exit(130)
			}
			if e == Exit && exiting.IsZero() {
				exiting = time.Now()
			}
			if !slices.Contains(queue, e) {
				queue = append(queue, e)
			}
		case next <- first:
			queue = queue[1:]
		case <-done:
			return
		}
	}
}

// SurviveBrokenPipes makes a write to a pipe that nobody reads any more fail
// instead of ending the process, until undo is called: the reader of a log may end
// while the tunnel stays. Programs that this process starts are not affected.
func SurviveBrokenPipes() (undo func()) {
	if IsThin() {
		return func() {} // keepStandardStreams
	}
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGPIPE)
	return func() { signal.Stop(c) }
}

// IgnoreSignals leaves all signals to another process, which passes them on.
func IgnoreSignals() {
	for s := range reactions {
		signal.Ignore(s)
	}
}
