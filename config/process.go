package config

import (
	"log/slog"
	"time"

	"culvert/internal/subsystem"
)

// Variable is a variable for programs.
type Variable struct{ Name, Value string }

// Process is the process on this host: rights, log, status, and the programs it may
// start.
type Process struct {
	User               string
	Group              string
	Chroot             string
	Cd                 string
	Daemon             bool
	WritePID           string
	Syslog             string // the name to log under by syslog, unless Log is set; "" for no syslog
	Log                string
	LogAppend          bool
	Status             string
	StatusInterval     time.Duration
	StatusVersion      int
	LogFormat          LogFormat
	LogJournal         LogJournal
	LogLevels          []LogLevel
	Verb               int
	Mute               int
	MuteReplayWarnings bool
	SuppressTimestamps bool
	PushPeerInfo       bool
	Nice               int // -20 to 19
	LockMemory         bool
	File               string     // the configuration file's name, as given; "" for none
	Env                []Variable // setenv NAME VALUE
	ScriptSecurity     int        // 1
	TmpDir             string     // "" for the system's
	RemapUSR1          string     // what SIGUSR1 is taken as: SIGHUP or SIGTERM; "" for itself
}

// LogLevel is what is logged of one subsystem, whatever Verb says.
type LogLevel struct {
	Subsystem subsystem.Name
	Level     slog.Level
}

// LogFormat is how lines of the log are written.
type LogFormat string

// The formats of the log.
const (
	LogText   LogFormat = "" // for people
	LogLogfmt LogFormat = "logfmt"
	LogJSON   LogFormat = "json"
)

// LogJournal is when the log goes to systemd's journal by its own protocol.
type LogJournal string

// When the log goes to the journal.
const (
	JournalAuto LogJournal = "" // where the standard error output does
	JournalOn   LogJournal = "on"
	JournalOff  LogJournal = "off"
)
