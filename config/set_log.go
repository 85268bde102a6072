package config

import (
	"log/slog"
	"slices"
	"strings"

	"culvert/internal/subsystem"
)

// logLevels are the levels of the log by name, from the one that says least.
var logLevels = []logLevel{{"error", slog.LevelError}, {"warn", slog.LevelWarn}, {"info", slog.LevelInfo}, {"debug", slog.LevelDebug}}

type logLevel struct {
	name  string
	level slog.Level
}

// setLogLevel is `log-level`: of two lines for one subsystem, the last counts.
func setLogLevel(b *builder, d *call) error {
	name, ok := subsystem.Find(d.args[0])
	if !ok {
		return d.expected(d.args[0], "a subsystem: "+strings.Join(subsystem.Names(), ", "))
	}
	i := slices.IndexFunc(logLevels, func(l logLevel) bool { return l.name == d.args[1] })
	if i < 0 {
		return d.expected(d.args[1], "error, warn, info or debug")
	}
	p := &b.Process
	p.LogLevels = slices.DeleteFunc(p.LogLevels, func(l LogLevel) bool { return l.Subsystem == name })
	p.LogLevels = append(p.LogLevels, LogLevel{name, logLevels[i].level})
	return nil
}

// setLogFormat is `log-format`.
func setLogFormat(b *builder, d *call) error {
	switch d.args[0] {
	case "text":
		b.Process.LogFormat = LogText
	case string(LogLogfmt), string(LogJSON):
		b.Process.LogFormat = LogFormat(d.args[0])
	default:
		return d.expected(d.args[0], "text, logfmt or json")
	}
	return nil
}

// setLogJournal is `log-journal`.
func setLogJournal(b *builder, d *call) error {
	switch d.args[0] {
	case "auto":
		b.Process.LogJournal = JournalAuto
	case string(JournalOn), string(JournalOff):
		b.Process.LogJournal = LogJournal(d.args[0])
	default:
		return d.expected(d.args[0], "auto, on or off")
	}
	return nil
}
