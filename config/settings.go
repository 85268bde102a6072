package config

import (
	"cmp"
	"slices"
	"strings"
)

// Setting is a directive by which a process goes, for people to look at. It holds no
// secret: what the directive's row conceals is not in it.
type Setting struct {
	Pos        // the zero Pos for a default
	Name       string
	Args       []string
	Block      bool // it was given as a block, whose text is not here
	Connection bool // it stands in a <connection> block, and counts for that server
	Withheld   bool // values or a block are left out, since they are or may be secret
	Replaced   bool // a later line sets the same, so that this one has no effect
}

// IsDefault reports whether no line says it.
func (s Setting) IsDefault() bool { return s.Pos == Pos{} }

// OnCommandLine reports whether it was given as an argument of the program.
func (s Setting) OnCommandLine() bool { return s.File == commandLine }

// Pushed reports whether a server sent it.
func (s Setting) Pushed() bool { return s.File == pushed }

// conceal is what of a directive is or may be secret, and so is never shown.
type conceal uint8

const (
	concealNone    conceal = iota
	concealBlock           // its block; its values are the names of files
	concealAll             // its block and all values
	concealRest            // all values but the first
	concealCommand         // of its first value, a command line, all but the program
	concealLine            // what a line of its values, which has its own row, conceals
)

// apply returns the values that may be shown, and whether there were others.
func (h conceal) apply(rows rows, args []string, block bool) (shown []string, withheld bool) {
	switch {
	case h == concealBlock:
		return args, block
	case h == concealAll:
		return nil, block || len(args) > 0
	case len(args) == 0:
		return nil, false
	case h == concealRest:
		return args[:1], len(args) > 1
	case h == concealCommand:
		words, err := Words(args[0])
		if err != nil || len(words) == 0 {
			return nil, true
		}
		return append(words[:1:1], args[1:]...), len(words) > 1
	case h == concealLine:
		return concealedLine(rows, strings.Join(args, " "))
	}
	return args, false
}

// concealedLine is apply for a line with a row of its own. Of one without a row, the name
// alone is shown.
func concealedLine(rows rows, line string) (shown []string, withheld bool) {
	words, err := Words(line)
	if err != nil || len(words) == 0 {
		return nil, true
	}
	row := rows[words[0]]
	if row == nil || row.conceal == concealLine && holdsLine(rows, words[1:]) {
		return words[:1], len(words) > 1
	}
	shown, withheld = row.conceal.apply(rows, words[1:], false)
	text := Line{Name: words[0], Args: shown}.String()
	return []string{text}, withheld
}

// holdsLine reports whether a line holds another one: of lines within lines within lines, which
// nobody writes, all is concealed, since each would double the quotes of the one within.
func holdsLine(rows rows, words []string) bool {
	return len(words) > 0 && rows[words[0]] != nil && rows[words[0]].conceal == concealLine
}

// use notes a line that is carried out.
func use(b *builder, row *Directive, d *call, place Where) {
	if isInlineWord(d) {
		return // the block is there, too
	}
	if row.Name == "setenv" && isOptional(d) {
		return // the directive that it marks as optional has a line of its own
	}
	s := Setting{Pos: d.Pos, Name: row.Name, Block: d.inline, Connection: place == InConnection}
	args, withheld := row.conceal.apply(b.rows, d.args, d.inline)
	s.Args, s.Withheld = slices.Clone(args), withheld
	b.used = append(b.used, s)
}

// useFlag notes a directive that a flag of the command line sets.
func useFlag(c *Config, name string, args ...string) {
	c.used = append(slices.Clip(c.used), Setting{Pos: Pos{File: commandLine}, Name: name, Args: args})
}

// SettingsOf returns the lines of a configuration that were carried out, in their order, with
// those of <connection> blocks behind the others, and after them what holds by default.
// told is the same with what a server pushed, whose lines are then among them; nil: none did.
func SettingsOf(c, told *Config) []Setting {
	all := slices.Clone(c.used)
	if told != nil {
		for _, s := range told.used {
			if s.Pushed() {
				all = append(all, s)
			}
		}
	}
	last := map[string]int{}
	for i := range all {
		row := byName[all[i].Name]
		if row.Adds {
			continue
		}
		key := cmp.Or(row.Same, row.Name)
		if before, given := last[key]; given {
			all[before].Replaced = true
		}
		last[key] = i
	}
	return append(append(all, c.usedInBlocks...), held(c, all)...)
}

// held are the settings that none of the lines says. One that another directive changes where
// it is given, as its row has it, is not among them.
func held(c *Config, lines []Setting) (list []Setting) {
	given := map[string]bool{}
	for _, s := range lines {
		given[s.Name] = true
		given[byName[s.Name].Same] = true
	}
	other := RoleServer
	if c.isServer() {
		other = RoleClient
	}
	for _, row := range Directives() {
		changed := slices.ContainsFunc(strings.Fields(row.changedBy), func(name string) bool { return given[name] })
		if row.Default == "" || row.Status != Supported || row.Role == other || row.Same != "" || given[row.Name] || changed {
			continue
		}
		list = append(list, Setting{Name: row.Name, Args: strings.Fields(row.Default)})
	}
	return list
}

// Takes is when another value of a directive would take effect.
type Takes string

// The moments.
const (
	TakesReload  Takes = "reload"      // when the configuration is read again (SIGHUP), while sessions go on
	TakesAnew    Takes = "reload-anew" // then, and all sessions start over
	TakesRestart Takes = "restart"     // when the process is started again
	TakesServer  Takes = "server"      // when the server pushes another
	TakesNever   Takes = "never"       // it has no effect here
)

// Takes returns when another value would take effect in a process of this
// configuration.
func (s Setting) Takes(c *Config) Takes {
	row := byName[s.Name]
	switch {
	case s.Pushed():
		return TakesServer
	case row == nil || row.Status == Harmless || row.Status == WindowsOnly || row.Status == Negotiated,
		row.Role == RoleServer && !c.isServer(), row.Role == RoleClient && c.isServer():
		return TakesNever
	}
	switch row.Reload.of(c) {
	case ReloadKept:
		return TakesReload
	case ReloadStart:
		return TakesRestart
	}
	return TakesAnew
}
