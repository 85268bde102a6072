package check

import (
	"strings"

	"culvert/config"
	"culvert/internal/printable"
)

// directives explains each line of the file by the table of directives.
func (s *subject) directives() []Directive {
	all := []Directive{}
	for _, l := range s.lines {
		d := Directive{Line: l.Pos.Line, Last: l.Last, Text: printable.Name(veil{subject: s}.veiled(l).String())}
		if l.Name == "connection" && l.Inline {
			d.Meaning = "One server, with settings for it alone; several are tried in turn."
		} else if row, of := s.row(l); row != nil {
			d.Meaning = of + row.Help
			d.State = state(row)
		}
		all = append(all, d)
	}
	return all
}

// row returns the row of a line's directive, nil if there is none. Of `setenv opt` it
// is that of the directive behind it, and of says so.
func (s *subject) row(l config.Line) (row *config.Directive, of string) {
	name := l.Name
	if inner, ok := optional(l); ok {
		name, of = inner.Name, "Where it is known: "
	}
	if d, found := config.Lookup(name); found {
		return &d, of
	}
	if of != "" {
		d, _ := config.Lookup("setenv")
		return &d, ""
	}
	return nil, ""
}

// optional returns the directive that `setenv opt` marks as optional.
func optional(l config.Line) (config.Line, bool) {
	if l.Name != "setenv" || len(l.Args) < 2 || l.Args[0] != "opt" {
		return l, false
	}
	l.Name, l.Args = strings.TrimPrefix(l.Args[1], "--"), l.Args[2:]
	return l, true
}

// state is what becomes of a directive here, "" if it is honoured.
func state(row *config.Directive) string {
	if row.Status == config.Supported {
		return ""
	}
	return row.State()
}
