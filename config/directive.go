package config

import (
	"slices"
	"strings"
)

// Directive is one row of the table: everything known about one directive.
type Directive struct {
	Name   string
	Usage  string // its arguments; [x] optional, ... any number more
	Where  Where
	Role   Role
	Inline bool // may be given as a block <name>...</name>
	Reload Reload
	Status Status
	Reason string // why it is not honoured, and what to do instead; "" if that needs no word
	Help   string

	// Adds marks what may be given several times, each adding to the others or
	// changing a part. Of others, the last one counts.
	Adds bool
	// Same is the name of the directive that sets the same, "" for none: of the
	// two, the last one counts.
	Same string
	// Guards marks what nobody may leave out where it is not honoured, not
	// even by saying that unknown directives do not matter: it decides who may
	// in, or keeps something from others.
	Guards bool

	// Routing marks what route-nopull keeps a server from pushing.
	Routing bool
	// Touches is what the directive does on its reader's machine beyond a tunnel.
	Touches TouchKind

	set setter
}

// setter carries one directive into the configuration. It checks all of its
// arguments before it changes anything.
type setter func(b *builder, d *call) error

// Where is the set of places a directive may stand in.
type Where uint8

// The places.
const (
	InFile Where = 1 << iota
	InCommandLine
	InConnection // a <connection> block
	InPush       // pushed by the server
	InCCD        // a file of client-config-dir

	top  = InFile | InCommandLine
	conn = top | InConnection
	pull = top | InPush
)

// Role is which end of the tunnel a directive is for.
type Role uint8

// The roles.
const (
	RoleBoth Role = iota
	RoleClient
	RoleServer
)

// Reload is when a changed value takes effect.
type Reload uint8

// The effects of a reload.
const (
	ReloadSessions Reload = iota // for sessions begun after the reload
	ReloadRestart                // when the process is restarted
)

// Status is what becomes of a directive.
type Status uint8

// The statuses. A Harmless directive changes nothing and is accepted, with a
// note when it has a Reason. A Planned or Refused one is an error, Planned
// meaning that a later version will take it. A WindowsOnly one is ignored
// elsewhere, with a note. A Negotiated one is part of what a server pushes and
// is read by the session's negotiation. A Command makes the program do another
// thing than run a tunnel, before it looks for a configuration.
const (
	Supported Status = iota
	Harmless
	Planned
	Refused
	WindowsOnly
	Negotiated
	Command
)

// isFor reports whether a directive is worth a note where its role is not there:
// one that is taken, and not noted anyway.
func (d *Directive) isFor(role Role) bool {
	return d.Role == role && (d.Status == Supported || d.Status == Harmless && d.Reason == "")
}

// Arity is the least and the greatest number of arguments, the latter -1 for
// any number.
func (d *Directive) Arity() (least, most int) {
	for _, word := range strings.Fields(d.Usage) {
		switch {
		case word == "...":
			return least, -1
		case word[0] != '[':
			least++
		}
		most++
	}
	return least, most
}

var (
	table  = slices.Concat(linkRows, outerRows, netRows, ethernetRows, serverRows, tlsRows, authRows, processRows, peerRows, perClientRows, plannedRows, legacyRows)
	byName = index(table)
)

// Directives returns the table, by name.
func Directives() []Directive {
	rows := slices.Clone(table)
	slices.SortFunc(rows, func(a, b Directive) int { return strings.Compare(a.Name, b.Name) })
	return rows
}
