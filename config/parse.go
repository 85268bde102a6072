package config

import (
	"cmp"
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"
)

// ReadFile reads a file that a directive names. A relative name starts from the
// working directory, as in OpenVPN. ReadFile should limit how much it reads.
type ReadFile func(name string) ([]byte, error)

// commandLine is the Pos.File of directives given as arguments.
const commandLine = "command line"

// maxDepth limits how deep `config` may nest.
const maxDepth = 10

// maxFiles limits how many files `config` includes in all.
const maxFiles = 100

// maxSuggestions limits how many unknown names get a suggestion. A file that is not
// a configuration is full of them.
const maxSuggestions = 20

// ParseFile parses a configuration file. The error is a *FaultsError.
func ParseFile(name string, text []byte, read ReadFile) (*Config, error) {
	b := newBuilder(read)
	b.Process.File = name
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

// builder fills a Config from directives, each by its row's setter. What depends
// on later directives waits until finish.
type builder struct {
	*Config
	*record
	read     ReadFile
	rows     rows
	system   string           // as in runtime.GOOS
	place    Where            // where the lines of files stand
	depth    int              // of the file being parsed
	included int              // files so far
	last     map[string]*call // each setting as it was given last

	unknown  []refusal       // what a later line may say to ignore: until the last line is read
	optional map[string]bool // ignore-unknown-option
	forward  bool            // setenv FORWARD_COMPATIBLE 1
	sending  bool            // what is pushed is this side's to send

	sockets socketLines
	device  deviceLines
	ciphers cipherLines
	alive   keepalive
	files   fileLines

	perClient *PerClient // while a file of client-config-dir is parsed
	netmask   int        // of the server, likewise
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
	err     *Error
	name    string
	refused bool // by the row's status: FORWARD_COMPATIBLE does not ignore it
	stays   bool // an error, whatever the configuration says to ignore
}

func newBuilder(read ReadFile) *builder { return builderOf(byName, defaults(), read) }

// builderOf returns a builder that fills c. Setters hand in the rows, since they
// cannot name the table that refers to them.
func builderOf(rows rows, c *Config, read ReadFile) *builder {
	r := &record{given: map[string]Pos{}}
	c.said = saying{}
	return &builder{
		Config:   c,
		record:   r,
		read:     read,
		rows:     rows,
		system:   runtime.GOOS,
		place:    InFile,
		last:     map[string]*call{},
		optional: map[string]bool{},
		sockets:  socketLines{Config: c, record: r},
		device:   deviceLines{Config: c, record: r},
		ciphers:  cipherLines{data: &c.Data, trust: &c.Trust, rows: rows},
		alive:    keepalive{Config: c, record: r},
		files:    fileLines{Config: c, record: r, read: read, loaded: map[*File]bool{}},
	}
}

// text parses a file's text.
func (b *builder) text(file string, text []byte) {
	b.first = cmp.Or(b.first, file)
	calls, notes, errs := lex(file, text, 1)
	b.notes = append(b.notes, notes...)
	b.errs = append(b.errs, errs...)
	for i := range calls {
		b.apply(&calls[i], b.place)
	}
}

// apply checks one directive against its row and carries it out.
func (b *builder) apply(d *call, place Where) {
	d.record = b.record
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
	if why := passOver(row); place == InCCD && why != "" {
		d.remark(why)
		return
	}
	if err := checkRow(row, d, place); err != nil {
		switch {
		case row.Status == Planned || row.Status == Refused:
			b.unknown = append(b.unknown, refusal{err: err, name: d.name, refused: true, stays: row.Guards})
		case row.Where&place == 0 || row.Status == Command || place == InPush:
			b.fail(b.rows.runTogether(d, err))
		default:
			b.misfit(row, d, err)
		}
		return
	}
	b.again(row, d, place)
	b.given[d.name] = d.Pos
	b.said.line(d)
	use(b, row, d, place)
	b.run(row, d)
}

// misfit keeps the error of a line with too many or few values. OpenVPN 2.6 passes over
// any such line of a configuration that asks to ignore unknown directives. Here only one
// that protects nothing is: without its pull-filter or socks-proxy, a host would start and
// not be what its user takes it for.
func (b *builder) misfit(row *Directive, d *call, err *Error) {
	b.unknown = append(b.unknown, refusal{err: b.rows.runTogether(d, err), name: d.name, stays: !row.isSpare()})
}

// run calls the row's setter, and records its fault.
func (b *builder) run(row *Directive, d *call) {
	switch {
	case row.Status == WindowsOnly && b.system != windows:
		d.remark("only for Windows, ignored here")
		return
	case row.Status == WindowsOnly:
		d.remark("ignored: Culvert has no use for it")
		return
	case row.Status == Harmless && row.Reason != "":
		d.remark(row.Reason)
	case row.Status == Negotiated:
		d.remark("ignored: it only means something in what a server pushes")
	}
	b.touch(row, d)
	if row.set == nil {
		return
	}
	if err := row.set(b, d); err != nil {
		b.fail(b.rows.runTogether(d, d.faultOf(err)))
	}
}

// windows is the system of WindowsOnly.
const windows = "windows"

// clip shortens a name from outside, and makes it printable.
func clip(name string) string {
	q := quote(name)
	if q == `"`+name+`"` {
		return name
	}
	return q
}

// unknownName is the error for a name without a row.
func (b *builder) unknownName(d *call) *Error {
	e := b.rows.unknownName(d)
	if len(b.unknown) > maxSuggestions {
		e.Mend = ""
	}
	return e
}

// connection keeps a <connection> block for finish.
func (b *builder) connection(d *call) {
	if len(b.sockets.blocks) == maxRemotes {
		b.fail(d.fault("", fmt.Sprintf("more than %d <connection> blocks", maxRemotes), ""))
		return
	}
	calls, notes, errs := lex(d.File, d.body, d.Line+1)
	b.notes = append(b.notes, notes...)
	b.errs = append(b.errs, errs...)
	b.sockets.blocks = append(b.sockets.blocks, connection{d.Pos, calls})
	b.said.line(d)
}

// include reads and parses a file that `config` names.
func (b *builder) include(d *call) error {
	b.included++
	if b.read == nil {
		return d.fault(d.args[0], "no other file can be read here", "write its lines in its place")
	}
	if b.depth == maxDepth || b.included > maxFiles {
		return d.fault(d.args[0], "configuration files are nested too deep, or too many", "check whether one of them includes itself")
	}
	text, err := b.read(b.Path(d.args[0]))
	if err != nil {
		return d.fault(d.args[0], unreadable(err), mendOf(err, d.args[0]))
	}
	b.depth++
	b.text(d.args[0], text)
	b.depth--
	return nil
}

// setConfig includes a file. One that the command line names is the configuration.
func setConfig(b *builder, d *call) error {
	if d.File == commandLine {
		b.Process.File = d.args[0]
	}
	return b.include(d)
}

// Path returns the path of a file that c names, with `cd` applied.
func (c *Config) Path(name string) string {
	if c.Process.Cd == "" || path.IsAbs(name) {
		return name
	}
	return path.Join(c.Process.Cd, name)
}

// attempt applies a directive that `setenv opt` marks as optional. An unknown or refused
// one becomes a note, and so does one with too many or few values that protects nothing.
// Any other fault stays an error, since the line may be what keeps others out.
func (b *builder) attempt(d *call, place Where) {
	unknown := b.unknown
	b.unknown = nil
	b.apply(d, place)
	for _, r := range b.unknown {
		if r.stays {
			b.fail(r.err)
		} else {
			b.note(r.err.Pos, "optional, so ignored: "+r.err.about())
		}
	}
	b.unknown = unknown
}

// about is the error without its place, for a note that has the place.
func (e *Error) about() string {
	return strings.TrimPrefix(e.Error(), e.Pos.String()+": ")
}

// settle turns refusals into notes where the configuration says to ignore them, and
// into errors elsewhere.
func (b *builder) settle() {
	for _, r := range b.unknown {
		if !r.stays && (b.optional[r.name] || b.forward && !r.refused) {
			b.note(r.err.Pos, "ignored, as this configuration asks: "+r.err.about())
		} else {
			b.fail(r.err)
		}
	}
	b.unknown = nil
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
	n.Routing.ClientNAT = slices.Clone(c.Routing.ClientNAT)
	n.Routing.DNS.Servers = slices.Clone(c.Routing.DNS.Servers)
	n.Routing.DNS.Addrs = slices.Clone(c.Routing.DNS.Addrs)
	n.Routing.DNS.NTP = slices.Clone(c.Routing.DNS.NTP)
	n.Routing.DNS.WINS = slices.Clone(c.Routing.DNS.WINS)
	n.Routing.DNS.NBDD = slices.Clone(c.Routing.DNS.NBDD)
	n.Notes = slices.Clone(c.Notes)
	n.touches = slices.Clone(c.touches)
	n.used, n.usedInBlocks = slices.Clip(c.used), slices.Clip(c.usedInBlocks)
	n.Process.Env = slices.Clone(c.Process.Env)
	return &n
}
