package config

import (
	"slices"
	"strings"
)

// Directive is one row of the table: everything known about one directive.
type Directive struct {
	Name    string
	Usage   string // its arguments; [x] optional, ... any number more
	Part    Part
	Where   Where
	Role    Role
	Inline  bool // may be given as a block <name>...</name>
	Reload  Reload
	Status  Status
	Reason  string // why it is not honoured, and what to do instead, or when it is; "" if that needs no word
	Default string // what holds without it, as its arguments; "" where that is nothing, or depends
	Help    string // what it does, in one sentence

	// Adds marks a directive of which several lines add up, or each changes a part.
	// Of others the last line counts.
	Adds bool
	// Same is the name of the directive that sets the same, or "". Of the two, the
	// last line counts.
	Same string
	// Guards marks a directive that decides who may connect, or keeps something from
	// others. Where it is not honoured it is an error, even if the configuration asks
	// to ignore unknown directives.
	Guards bool

	// spare marks a directive that protects nothing, and without which traffic goes the
	// same way, or not at all: a number of buffers, a time to wait, what is logged.
	spare bool

	// conceal is what of its values or block is or may be secret.
	conceal conceal
	// changedBy are the directives that change what holds without this one, with spaces
	// between them.
	changedBy string

	// Routing marks what route-nopull does not take from a server.
	Routing bool
	// Touches is what the directive does on this machine beyond a tunnel.
	Touches TouchKind

	set setter
}

// setter writes one directive into the configuration. It checks all arguments
// before it changes anything.
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

// Reload is when a changed setting takes effect.
type Reload uint8

// The moments. SIGHUP reads all of the configuration again. Sessions go on if every
// change can be taken while they do; otherwise everything starts over.
const (
	ReloadAnew   Reload = iota // on SIGHUP
	ReloadLive                 // at once: what the directive names is looked at while the process runs
	ReloadStart                // when the process is started
	ReloadKept                 // on SIGHUP, while sessions go on
	ReloadServer               // on SIGHUP: a server's sessions go on, other roles start over
	ReloadClient               // on SIGHUP: a client's tunnel stays, other roles start over
	ReloadEnds                 // on SIGHUP: a server's sessions go on, and a client's tunnel stays; paired hosts start over
)

// Status is what becomes of a directive.
type Status uint8

// The statuses. A Harmless directive changes nothing and is accepted, with a
// note when it has a Reason. A Planned or Refused one is an error, Planned
// meaning that a later version will take it. A WindowsOnly one is ignored
// elsewhere, with a note, and on Windows too if it has no set function. A Negotiated one is part of what a server pushes and
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

// isSpare reports whether a line with too many or too few values may be passed over where
// the configuration asks to ignore unknown directives. Traffic then goes the same way or
// not at all, and nobody is let in, shown or told more than with the line.
func (d *Directive) isSpare() bool {
	idle := d.Status == Harmless || d.Status == Negotiated || d.Status == WindowsOnly && d.set == nil
	return !d.Guards && (d.spare || idle)
}

// isFor reports whether a directive is for a role and is worth a note in another:
// it is taken, and has no note of its own.
func (d *Directive) isFor(role Role) bool {
	return d.Role == role && (d.Status == Supported || d.Status == Harmless && d.Reason == "")
}

// Arity returns the least and the greatest number of arguments; the latter is -1
// for any number.
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

// Part is what a directive is about: a part of Config, one client's settings, or
// a command.
type Part uint8

// The parts, in the order in which people are shown them.
const (
	PartRole Part = iota
	PartLink
	PartAdapter
	PartRouting
	PartServer
	PartPerClient
	PartTrust
	PartData
	PartLogin
	PartTimers
	PartProcess
	PartPrograms
	PartManagement
	PartCommands
)

var (
	table = slices.Concat(roleRows.of(PartRole), linkRows.of(PartLink), adapterRows.of(PartAdapter), routingRows.of(PartRouting),
		serverRows.of(PartServer), recordsRows.of(PartServer), perClientRows.of(PartPerClient), trustRows.of(PartTrust), dataRows.of(PartData), loginRows.of(PartLogin), sourcesRows.of(PartLogin), oidcRows.of(PartLogin),
		timersRows.of(PartTimers), processRows.of(PartProcess), programsRows.of(PartPrograms), managementRows.of(PartManagement), commandsRows.of(PartCommands))
	byName = index(table)
)

// list is the directives of one part.
type list []Directive

func (l list) of(p Part) []Directive {
	for i := range l {
		l[i].Part = p
	}
	return l
}

// Directives returns the table, sorted by name.
func Directives() []Directive {
	rows := slices.Clone(table)
	slices.SortFunc(rows, func(a, b Directive) int { return strings.Compare(a.Name, b.Name) })
	return rows
}
