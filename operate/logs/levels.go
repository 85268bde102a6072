// Package logs is the log of a process: how much each subsystem says, lines as values for
// the sinks that write them (text, JSON, the system's journal), and the latest lines for
// whoever asks.
package logs

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"culvert/internal/subsystem"
)

// levelNames are the levels, from the one that says least.
var levelNames = []struct {
	name  string
	level slog.Level
}{{"error", slog.LevelError}, {"warn", slog.LevelWarn}, {"info", slog.LevelInfo}, {"debug", slog.LevelDebug}}

// LevelNames returns the names of levels, from the one that says least.
func LevelNames() []string {
	names := make([]string, len(levelNames))
	for i, l := range levelNames {
		names[i] = l.name
	}
	return names
}

// LevelName is the name of the greatest level that is not above l.
func LevelName(l slog.Level) string {
	for _, n := range levelNames {
		if l >= n.level {
			return n.name
		}
	}
	return "debug"
}

// ParseLevel returns the level of a name.
func ParseLevel(name string) (slog.Level, error) {
	for _, n := range levelNames {
		if n.name == name {
			return n.level, nil
		}
	}
	return 0, fmt.Errorf("%q is no level of a log; there are: %s", name, strings.Join(LevelNames(), ", "))
}

// Levels say what is logged: from which level on in general (`verb`), and of subsystems
// that have one of their own (`log-level`). The zero value logs from slog.LevelInfo on. It
// is safe for concurrent use, and reading it takes no lock.
type Levels struct{ now atomic.Pointer[levels] }

// levels are what Levels say at one moment; nobody changes them.
type levels struct {
	general, least slog.Level
	own            map[subsystem.Name]slog.Level
}

var noLevels = new(levels)

func (l *Levels) load() *levels {
	if now := l.now.Load(); now != nil {
		return now
	}
	return noLevels
}

// Set replaces all.
func (l *Levels) Set(general slog.Level, own map[subsystem.Name]slog.Level) {
	l.now.Store(newLevels(general, maps.Clone(own)))
}

func newLevels(general slog.Level, own map[subsystem.Name]slog.Level) *levels {
	least := general
	for _, level := range own {
		least = min(least, level)
	}
	return &levels{general, least, own}
}

// SetGeneral changes what counts for all subsystems without a level of their own.
func (l *Levels) SetGeneral(level slog.Level) {
	l.change(func(own map[subsystem.Name]slog.Level, general *slog.Level) { *general = level })
}

// SetOwn gives a subsystem a level of its own, or takes it away (nil).
func (l *Levels) SetOwn(name subsystem.Name, level *slog.Level) {
	l.change(func(own map[subsystem.Name]slog.Level, _ *slog.Level) {
		if level == nil {
			delete(own, name)
		} else {
			own[name] = *level
		}
	})
}

func (l *Levels) change(how func(own map[subsystem.Name]slog.Level, general *slog.Level)) {
	for {
		before := l.now.Load()
		general, own := slog.LevelInfo, map[subsystem.Name]slog.Level{}
		if before != nil {
			general = before.general
			maps.Copy(own, before.own)
		}
		how(own, &general)
		if l.now.CompareAndSwap(before, newLevels(general, own)) {
			return
		}
	}
}

// General is the level of subsystems without one of their own.
func (l *Levels) General() slog.Level { return l.load().general }

// Own returns a subsystem's own level, if it has one.
func (l *Levels) Own(name subsystem.Name) (level slog.Level, ok bool) {
	level, ok = l.load().own[name]
	return level, ok
}

// Of is the level from which on a subsystem's messages are logged.
func (l *Levels) Of(name subsystem.Name) slog.Level {
	now := l.load()
	if level, ok := now.own[name]; ok {
		return level
	}
	return now.general
}

// Least is the lowest level of any subsystem.
func (l *Levels) Least() slog.Level { return l.load().least }

// LevelState is what is logged of one subsystem, for people and programs.
type LevelState struct {
	Subsystem string `json:"subsystem" doc:"The part of the program that logs."`
	Level     string `json:"level" enum:"error,warn,info,debug" doc:"The lowest level that is logged."`
	Own       bool   `json:"own" doc:"Whether the subsystem has this level of its own; otherwise it is that of all others."`
	About     string `json:"about" doc:"What its messages are about."`
}

// State returns the levels of all subsystems, in their usual order.
func (l *Levels) State() []LevelState {
	now := l.load()
	all := make([]LevelState, 0, len(subsystem.All()))
	for _, s := range subsystem.All() {
		level, own := now.own[s.Name]
		if !own {
			level = now.general
		}
		all = append(all, LevelState{string(s.Name), LevelName(level), own, s.What})
	}
	return slices.Clip(all)
}
