package hostnet

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

// expectLines checks how often each text is in a log.
func expectLines(t *testing.T, log string, want map[string]int) {
	t.Helper()
	for text, n := range want {
		if got := strings.Count(log, text); got != n {
			t.Errorf("%d times %q, want %d, in\n%.2000s", got, text, n, log)
		}
	}
}

// Thousands of routes are told of in one line, made and taken back.
func TestManyRoutesAreOneLine(t *testing.T) {
	var log bytes.Buffer
	k, dir, ps := newTwin(), t.TempDir(), newProcesses()
	h := ps.start(k, dir, 1, nil)
	h.opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
	a := mustApply(t, h, manyRoutes(3000))
	expectLines(t, log.String(), map[string]int{
		"add 3000 routes via 10.8.0.1 dev tun0, 10.100.0.0/24 to 10.111.183.0/24": 1,
		"add route 10.100.": 0, "add route 0.0.0.0/1 ": 1,
	})
	log.Reset()
	mustUndo(t, a)
	expectLines(t, log.String(), map[string]int{
		"removed 3000 routes via 10.8.0.1 dev tun0, 10.111.183.0/24 to 10.100.0.0/24": 1,
		"removed route 10.100.": 0, "removed route 0.0.0.0/1 ": 1,
	})
}

// Those past the tunnel may lie between.
func TestManyRoutesOfTwoWaysAreTwoLines(t *testing.T) {
	var log bytes.Buffer
	h := newProcesses().start(newTwin(), t.TempDir(), 1, nil)
	h.opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
	s := manyRoutes(100)
	for i := range s.Routes {
		s.Routes[i].Bypass = i%2 == 0
	}
	mustApply(t, h, s)
	expectLines(t, log.String(), map[string]int{"add 50 routes via 10.8.0.1 dev tun0": 1, " routes via 192.168.1.1 dev wlan0": 1, "add route 10.1": 0})
}

func TestCleanupOfManyRoutesIsOneLine(t *testing.T) {
	k, dir, ps := newTwin(), t.TempDir(), newProcesses()
	mustApply(t, ps.start(k, dir, 1, nil), manyRoutes(3000))
	ps.alive[1] = false
	lines, err := ps.start(k, dir, 2, nil).cleanup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	expectLines(t, strings.Join(lines, "\n"), map[string]int{"tun0: removed 3000 routes via 10.8.0.1 dev tun0": 1, "removed route 10.100.": 0})
}

// Each is told of where somebody looks closely.
func TestManyRoutesAreListedForDebugging(t *testing.T) {
	var log bytes.Buffer
	h := newProcesses().start(newTwin(), t.TempDir(), 1, nil)
	h.opts.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	mustApply(t, h, manyRoutes(100))
	expectLines(t, log.String(), map[string]int{"add route 10.100.": 100, "add 100 routes": 1})
}

func TestManyFailedRoutesAreOneLine(t *testing.T) {
	k := newTwin()
	s := manyRoutes(100)
	for _, r := range s.Routes {
		k.fail["route "+r.Dst.String()] = errNextHop
	}
	_, err := newProcesses().start(k, t.TempDir(), 1, nil).apply(t.Context(), s)
	var partial *PartialError
	if !errors.As(err, &partial) || len(partial.Failures) < 100 {
		t.Fatal(err)
	}
	expectLines(t, err.Error(), map[string]int{"and 95 more": 1, "; route ": maxListed - 1})
}
