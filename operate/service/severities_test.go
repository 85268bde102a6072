package service

import (
	"log/slog"
	"strings"
	"testing"
)

// TestSeverities: each level goes to a severity of its own, below which
// nothing goes anywhere.
func TestSeverities(t *testing.T) {
	var got []string
	to := func(name string) lineWriter {
		return func(line string) error { got = append(got, name+": "+line); return nil }
	}
	log := slog.New(newSeverities(slog.LevelInfo, nil, to("debug"), to("info"), to("warn"), to("err"))).With("a", 1)
	log.Debug("0")
	log.Info("1")
	log.WithGroup("g").Warn("2", "level", "x")
	log.Error("3")
	want := "info: msg=1 a=1\nwarn: msg=2 a=1 g.level=x\nerr: msg=3 a=1\n"
	if text := strings.Join(got, ""); text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}
