package config

import (
	"iter"
	"slices"
	"strings"
)

// Touch is a line of a configuration that uses this machine beyond a tunnel. A user
// should see it before they run a stranger's file.
type Touch struct {
	Pos  Pos
	Line string // as it is understood
	Kind TouchKind
	File string // with TouchSends, the file as the configuration names it
	// Unbound is set of a program that script-security does not forbid: the plugin
	// down-root's, which runs with the rights of the start.
	Unbound bool
	name    string // of the directive
}

// TouchKind is what a line does.
type TouchKind uint8

// The kinds.
const (
	TouchNothing TouchKind = iota
	TouchRuns              // runs a program
	TouchWrites            // writes to a file or device of the configuration's choice
	TouchSends             // sends what a file holds to a server or proxy
)

// String says what a line does, as in "it runs a program".
func (k TouchKind) String() string {
	return [...]string{"does nothing", "runs a program", "writes to a file", "sends what the file holds"}[k]
}

// sentFile is the argument of each directive that names the file to send.
var sentFile = map[string]int{"auth-user-pass": 0, "http-proxy-user-pass": 0, "http-proxy": 2, "socks-proxy": 2}

// noFile are words that may stand there instead of a file.
var noFile = []string{"username-only", "auto", "auto-nct", "stdin", "[inline]"}

// touch keeps a line if its row says that it uses this machine.
func (c *Config) touch(row *Directive, d *call) {
	t := Touch{name: d.name, Pos: d.Pos, Line: strings.Join(append([]string{d.name}, d.args...), " "), Kind: row.Touches}
	if t.Kind == TouchSends {
		i := sentFile[d.name]
		if d.inline || len(d.args) <= i || slices.Contains(noFile, d.args[i]) {
			return
		}
		t.File = d.args[i]
	}
	if t.Kind != TouchNothing {
		c.touches = append(c.touches, t)
	}
}

// Touches returns the lines to look at before a stranger's configuration is run,
// with those of <connection> blocks.
func (c *Config) Touches() []Touch {
	all := slices.Clone(c.touches)
	for _, r := range c.Link.Remotes {
		if r.Settings == nil {
			continue
		}
		for _, t := range r.Settings.touches {
			if !slices.Contains(all, t) {
				all = append(all, t)
			}
		}
	}
	return all
}

// untouchAll takes back that the lines of a directive use this machine.
func untouchAll(c *Config, name string) {
	for all := range withBlocks(c) {
		all.touches = slices.DeleteFunc(all.touches, func(t Touch) bool { return t.name == name })
	}
}

// withBlocks yields c, and the settings of each <connection> block.
func withBlocks(c *Config) iter.Seq[*Config] {
	return func(yield func(*Config) bool) {
		if !yield(c) {
			return
		}
		for _, r := range c.Link.Remotes {
			if r.Settings != nil && !yield(r.Settings) {
				return
			}
		}
	}
}

// Programs returns the paths of the programs that the configuration runs.
func (c *Config) Programs() (paths []string) {
	for _, p := range c.commands() {
		paths = append(paths, p.command[0])
	}
	return paths
}

// namedCommand is a program with its arguments, and the directive that names it.
type namedCommand struct {
	name    string
	command []string
	server  bool // only a server runs it
}

// commands returns the programs that the configuration names.
func (c *Config) commands() []namedCommand {
	return slices.DeleteFunc([]namedCommand{
		{"tls-verify", c.Trust.TLSVerify, false},
		{"auth-user-pass-verify", c.Login.UserPassVerify, true},
		{"client-crresponse", c.Login.ClientCRResponse, true},
		{"tls-crypt-v2-verify", c.Trust.TLSCryptV2Verify, true},
		{"client-connect", c.Server.ClientConnect, true},
		{"client-disconnect", c.Server.ClientDisconnect, true},
		{"learn-address", c.Server.LearnAddress, true},
	}, func(p namedCommand) bool { return len(p.command) == 0 })
}
