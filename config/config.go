// Package config is the OpenVPN configuration language: a lexer that keeps file
// and line, one table of every directive, and the typed Config they fill.
//
// It opens no files and reads no clock: the caller hands in the text, and a
// function that reads the files that directives name.
package config

import "strings"

// Config is a configuration file or command line after parsing. It has a part for
// each reader, and each part a field for each setting: durations as time.Duration,
// names of digests and ciphers in OpenVPN's spelling, in upper case. Zero means "not
// given" unless a field says otherwise. The defaults are those of OpenVPN 2.6, or of
// 2.7 where it changed one.
type Config struct {
	// Role.
	Mode      Mode // ModeServer after `mode server` or `server`; else ModeP2P
	TLSServer bool
	TLSClient bool
	Pull      bool // `pull`, or `client`

	Link       Link
	Adapter    Adapter
	Routing    Routing
	Server     Server
	Trust      Trust
	Data       Data
	Login      Login
	Sources    Sources
	Timers     Timers
	Process    Process
	Management Management
	Records    Records
	Metrics    Metrics
	Hooks      Hooks

	// Notes are for the log: directives that are ignored because they are harmless
	// here, spellings that were translated, defaults that changed.
	Notes   []Note
	touches []Touch
	said    saying    // what each directive was given
	used    []Setting // the lines that were carried out, but for those of <connection> blocks
	// usedInBlocks are those of <connection> blocks.
	usedInBlocks []Setting
	lines        map[string]Pos // where each directive stood last
	reads        ReadFile       // of the files that it names; nil: none can be read
}

// At returns where a directive stood last, the zero Pos if nowhere.
func (c *Config) At(directive string) Pos { return c.lines[directive] }

// Note is one remark on a configuration, with its place.
type Note struct {
	Pos  Pos
	Text string
}

// Pos is a place in a configuration.
type Pos struct {
	File string // a file's name, "command line" or "pushed"
	Line int    // from 1; 0 where lines mean nothing
}

// Mode is what `mode` says.
type Mode int

// The modes of a process.
const (
	ModeP2P Mode = iota
	ModeServer
)

// File is the value of a directive that names a file, or the inline block that
// stands for one. Text is what was read.
type File struct {
	Name   string // "" for an inline block
	Inline bool
	Text   []byte
	Pos    Pos
}

// TwoLines returns the first two lines of a file, such as user name and password.
func (f *File) TwoLines() (first, second string) {
	first, rest, _ := strings.Cut(string(f.Text), "\n")
	second, _, _ = strings.Cut(rest, "\n")
	return strings.TrimRight(first, "\r"), strings.TrimRight(second, "\r")
}
