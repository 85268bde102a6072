//go:build linux && (amd64 || arm64)

package process

import (
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"
)

// TestHandledSignals: signals come by the handler while it is in place, thousands of
// them while goroutines work, and by os/signal again after that. One was ignored when the
// process began, as with nohup.
func TestHandledSignals(t *testing.T) {
	ignored, before := sigaction{handler: 1}, sigaction{} // SIG_IGN
	if err := setAction(syscall.SIGHUP, &ignored, &before); err != nil {
		t.Fatal(err)
	}
	defer setAction(syscall.SIGHUP, &before, nil)
	to := make(chan os.Signal, 1)
	stop, err := handledSignals(to)
	if err != nil {
		t.Fatal(err)
	}
	busy := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case <-busy:
				return
			default:
				_ = make([]byte, n%10000)
			}
		}
	}()
	for range 2000 {
		for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGINT} {
			syscall.Kill(os.Getpid(), s)
			if got := received(t, to); got != s {
				t.Fatalf("got %v, want %v", got, s)
			}
		}
	}
	close(busy)
	stop()
	signal.Notify(to, syscall.SIGUSR1)
	defer signal.Stop(to)
	syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	if got := received(t, to); got != syscall.SIGUSR1 {
		t.Errorf("got %v afterwards", got)
	}
}

func received(t *testing.T, from <-chan os.Signal) os.Signal {
	t.Helper()
	select {
	case s := <-from:
		return s
	case <-time.After(10 * time.Second):
		t.Fatal("no signal came")
		return nil
	}
}

// TestReserveThreads: there are as many threads as were asked for.
func TestReserveThreads(t *testing.T) {
	want := threads() + 3
	ReserveThreads(want)
	if got := threads(); got < want {
		t.Errorf("%d threads, want %d", got, want)
	}
	if got := quietThreads(); got < want { // the runtime keeps its threads
		t.Errorf("%d threads by the status file, want %d", got, want)
	}
}
