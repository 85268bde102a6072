package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// ReadFile reads a file that a directive names. A relative name is relative to
// the working directory, as in OpenVPN. It should bound what it reads.
type ReadFile func(name string) ([]byte, error)

// commandLine is the Pos.File of directives given as arguments.
const commandLine = "command line"

// maxDepth bounds how deep `config` may nest.
const maxDepth = 10

// maxFiles bounds how many files `config` includes in all.
const maxFiles = 100

// maxSuggestions bounds the search for names like unknown ones, which a file
// that is no configuration at all is full of.
const maxSuggestions = 20

// ParseFile parses a configuration file. The error is a *FaultsError.
func ParseFile(name string, text []byte, read ReadFile) (*Config, error) {
	b := newBuilder(read)
	b.text(name, text)
	return b.finish()
}

// ParseArgs parses OpenVPN's command line, without the program's name: one
// configuration file, or directives that each begin with "--". The error is a
// *FaultsError.
func ParseArgs(args []string, read ReadFile) (*Config, error) {
	b := newBuilder(read)
	if len(args) == 1 && !strings.HasPrefix(args[0], "--") {
		args = []string{"--config", args[0]}
	}
	if len(args) == 0 {
		b.fail(&Error{Pos: Pos{File: commandLine}, Reason: "no configuration given", Mend: "give a file, or --config FILE and further directives"})
	}
	for len(args) > 0 {
		args = b.argument(args)
	}
	return b.finish()
}

// argument takes one directive off the command line.
func (b *builder) argument(args []string) []string {
	n := 1
	for n < len(args) && !strings.HasPrefix(args[n], "--") {
		n++
	}
	name, dashed := strings.CutPrefix(args[0], "--")
	d := &call{Pos: Pos{File: commandLine}, name: name, args: slices.Clone(args[1:n])}
	if !dashed {
		b.fail(d.fault("", "a directive on the command line begins with --", "write --"+strings.TrimLeft(name, "-")))
	} else {
		b.apply(d, InCommandLine)
	}
	return args[n:]
}

// builder fills a Config. What depends on later directives waits in its own
// fields until finish.
type builder struct {
	*Config
	read  ReadFile
	rows  map[string]*Directive
	depth int    // of the file being parsed
	files int    // included so far
	first string // the first file
	errs  []*Error
	given map[string]Pos   // where each directive stood last
	last  map[string]*call // each setting as it was given last
	outer *builder         // of a <connection> block: the rest

	unknown  []refusal       // names without a row, planned ones: until the last line is read
	optional map[string]bool // ignore-unknown-option
	forward  bool            // setenv FORWARD_COMPATIBLE 1
	sending  bool            // what is pushed is this side's to send

	loaded             map[*File]bool
	blocks             []connection
	remotes            []remote
	port, lport, rport string
	locals             []local
	protoForce         *Proto
	tcpNoDelay         bool
	ifconfig           *call
	ipWin32            *call
	cipher, fallback   *call
	dataCiphers        *call
	keepalive          *Pos
	interval, timeout  int // keepalive's
	ncpDisable         bool
	offerCipher        bool // `cipher` beside data-ciphers
	dh                 *File
	netmask            int        // of the server, likewise
	perClient          *PerClient // while a file of client-config-dir is parsed
}

// connection is a <connection> block before it is resolved.
type connection struct {
	Pos
	calls []call
}

// remote is a `remote` before ports and protocols are resolved.
type remote struct {
	Pos
	host, port string
	proto      *Proto
}

// refusal is an error that a later line may turn into a note.
type refusal struct {
	err    *Error
	name   string
	known  bool // it has a row
	guards bool // the row's Guards
}

func newBuilder(read ReadFile) *builder { return builderOf(byName, read) }

// builderOf is newBuilder for setters, which the table itself leads to.
func builderOf(rows map[string]*Directive, read ReadFile) *builder {
	return &builder{
		Config:   defaults(),
		read:     read,
		rows:     rows,
		given:    map[string]Pos{},
		last:     map[string]*call{},
		optional: map[string]bool{},
		loaded:   map[*File]bool{},
	}
}

func (b *builder) fail(e *Error) { b.errs = append(b.errs, e) }

func (b *builder) note(pos Pos, text string) {
	b.Notes = append(b.Notes, Note{pos, text})
}

// remark notes something about the directive at hand.
func (b *builder) remark(d *call, text string) { b.note(d.Pos, d.name+": "+text) }

// text parses a file's text.
func (b *builder) text(file string, text []byte) {
	b.first = cmp.Or(b.first, file)
	calls, notes, errs := lex(file, text, 1)
	b.Notes = append(b.Notes, notes...)
	b.errs = append(b.errs, errs...)
	for i := range calls {
		b.apply(&calls[i], InFile)
	}
}

// apply checks one directive against its row and carries it out.
func (b *builder) apply(d *call, place Where) {
	isConnection := d.name == "connection" && d.inline && place == InFile
	row := b.rows[d.name]
	switch {
	case d.glued && (row != nil || isConnection):
		b.note(d.Pos, "what follows the end of a block is taken as a line of its own: "+d.name)
	case d.glued && !d.inline:
		b.note(d.Pos, "what follows the end of a block in its line is ignored: "+clip(d.name))
		return
	}
	if isConnection {
		b.connection(d)
		return
	}
	if row == nil {
		b.unknown = append(b.unknown, refusal{err: b.unknownName(d), name: d.name})
		return
	}
	if err := b.check(row, d, place); err != nil {
		if row.Status == Planned || row.Status == Refused {
			b.unknown = append(b.unknown, refusal{err, d.name, true, row.Guards})
		} else {
			b.fail(b.runTogether(d, err))
		}
		return
	}
	b.again(row, d, place)
	b.given[d.name] = d.Pos
	b.run(row, d)
}

// run calls the row's setter, and keeps what it finds wrong.
func (b *builder) run(row *Directive, d *call) {
	switch {
	case row.Status == WindowsOnly:
		b.remark(d, "only for Windows, ignored here")
		return
	case row.Status == Harmless && row.Reason != "":
		b.remark(d, row.Reason)
	}
	b.touch(row, d)
	if row.set == nil {
		return
	}
	if err := row.set(b, d); err != nil {
		var e *Error
		if !errors.As(err, &e) {
			e = d.fault("", err.Error(), "")
		}
		b.fail(b.runTogether(d, e))
	}
}

// unknownName is the error for a name without a row.
func (b *builder) unknownName(d *call) *Error {
	name := d.name
	switch {
	case strings.HasPrefix(name, "-"):
		return d.fault("", "not a directive", "write it with two dashes or none")
	case d.inline:
		name = "<" + name + ">"
	}
	e := &Error{Pos: d.Pos, Directive: clip(name), Reason: "unknown directive"}
	if len(b.unknown) > maxSuggestions {
		return e
	}
	if first, second := b.twoNames(d.name); second != "" && !d.inline {
		e.Mend = "two lines seem to be run together here: end the first after " + first + ", and begin the next with " + second
		return e
	}
	if bare := strings.Trim(d.name, curly+dashes); bare != d.name {
		e.Mend = "it has quotes or dashes of a word processor or web page around it: write " + clip(bare)
		return e
	}
	if like := nearest(b.rows, d.name); like != "" {
		e.Mend = "did you mean " + strings.Replace(name, d.name, like, 1) + "?"
	}
	return e
}

// clip bounds a name from outside, and keeps it printable.
func clip(name string) string {
	q := quote(name)
	if q == `"`+name+`"` {
		return name
	}
	return q
}

// connection keeps a <connection> block for finish.
func (b *builder) connection(d *call) {
	if len(b.blocks) == maxRemotes {
		b.fail(d.fault("", fmt.Sprintf("more than %d <connection> blocks", maxRemotes), ""))
		return
	}
	calls, notes, errs := lex(d.File, d.body, d.Line+1)
	b.Notes = append(b.Notes, notes...)
	b.errs = append(b.errs, errs...)
	b.blocks = append(b.blocks, connection{d.Pos, calls})
}

// include reads and parses a file that `config` names.
func (b *builder) include(d *call) error {
	b.files++
	if b.depth == maxDepth || b.files > maxFiles {
		return d.fault(d.args[0], "configuration files are nested too deep, or too many", "see whether one of them includes itself")
	}
	text, err := b.read(b.Path(d.args[0]))
	if err != nil {
		return d.fault(d.args[0], "cannot be read: "+err.Error(), mendOf(err, d.args[0]))
	}
	b.depth++
	b.text(d.args[0], text)
	b.depth--
	return nil
}

// Path is where a file is that c names: `cd` is applied to it.
func (c *Config) Path(name string) string {
	if c.Process.Cd == "" || path.IsAbs(name) {
		return name
	}
	return path.Join(c.Process.Cd, name)
}

// attempt applies a directive marked as optional by `setenv opt`: one that is
// unknown becomes a note. What is wrong with a known one stays an error, since
// what it asks for may be what keeps others out.
func (b *builder) attempt(d *call, place Where) {
	unknown := b.unknown
	b.unknown = nil
	b.apply(d, place)
	for _, r := range b.unknown {
		if r.guards {
			b.fail(r.err)
		} else {
			b.note(r.err.Pos, "optional, so ignored: "+r.err.about())
		}
	}
	b.unknown = unknown
}

// about is the error without its place, for a note that has one.
func (e *Error) about() string {
	return strings.TrimPrefix(e.Error(), e.Pos.String()+": ")
}

// settle turns the refusals that the configuration says to ignore into notes,
// and the others into errors.
func (b *builder) settle() {
	for _, r := range b.unknown {
		if !r.guards && (b.optional[r.name] || b.forward && !r.known) {
			b.note(r.err.Pos, "ignored, as this configuration asks: "+r.err.about())
		} else {
			b.fail(r.err)
		}
	}
	b.unknown = nil
}

// file is the setter of directives that name a file or hold it as a block.
// Reading waits for finish, since `cd` moves all names wherever it stands.
func file(field func(*Config) **File) setter {
	return func(b *builder, d *call) error {
		f := field(b.Config)
		switch {
		case d.inline:
			*f = &File{Inline: true, Text: d.body, Pos: d.Pos}
		case d.args[0] == "":
			return d.expected("", "the name of a file")
		case d.args[0] != "[inline]" || *f == nil || !(*f).Inline:
			*f = &File{Name: d.args[0], Pos: d.Pos}
		}
		return nil
	}
}

// clone returns a copy that shares nothing a setter changes in place: setters
// append to slices and write to maps, and replace whatever a pointer leads to.
func (c *Config) clone() *Config {
	n := *c
	for _, s := range []*[]string{&n.Server.Push, &n.Data.Ciphers, &n.Trust.TLSCipher, &n.Trust.TLSGroups, &n.Routing.DNS.SearchDomains, &n.Trust.PeerFingerprints} {
		*s = slices.Clone(*s)
	}
	n.Link.Remotes = slices.Clone(c.Link.Remotes)
	n.Routing.Routes = slices.Clone(c.Routing.Routes)
	n.Routing.DNS.Servers = slices.Clone(c.Routing.DNS.Servers)
	n.Routing.DNS.Addrs = slices.Clone(c.Routing.DNS.Addrs)
	n.Routing.DNS.NTP = slices.Clone(c.Routing.DNS.NTP)
	n.Routing.DNS.WINS = slices.Clone(c.Routing.DNS.WINS)
	n.Routing.DNS.NBDD = slices.Clone(c.Routing.DNS.NBDD)
	n.Notes = slices.Clone(c.Notes)
	n.touches = slices.Clone(c.touches)
	n.Process.Env = maps.Clone(c.Process.Env)
	return &n
}
