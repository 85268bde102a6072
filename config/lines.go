package config

import "strings"

// Line is one directive as a file has it, for who shows or rewrites a configuration.
// Whoever runs one uses ParseFile.
type Line struct {
	Pos
	Last    int // the line where it ends: that of a block's closing tag, else Pos.Line
	Name    string
	Args    []string
	Comment string // behind it in its line, from the # or ; on
	Inline  bool   // a block <name>...</name>
	Body    []byte // the block's text
	Glued   bool   // it shares a line with the end of a block before it
}

// Lines cuts text into its directives, in order, with those inside <connection> blocks
// behind the block. It leaves out lines that cannot be read, which are faults of
// ParseFile.
func Lines(file string, text []byte) []Line {
	calls, _, _ := lex(file, text, 1)
	lines := make([]Line, 0, len(calls))
	for i := range calls {
		d := &calls[i]
		lines = append(lines, d.line())
		if d.name != "connection" || !d.inline {
			continue
		}
		inner, _, _ := lex(file, d.body, d.last-strings.Count(string(d.body), "\n"))
		for j := range inner {
			lines = append(lines, inner[j].line())
		}
	}
	return lines
}

func (d *call) line() Line {
	return Line{Pos: d.Pos, Last: d.last, Name: d.name, Args: d.args, Comment: d.comment, Inline: d.inline, Body: d.body, Glued: d.glued}
}

// String is the directive in OpenVPN's own spelling, without its comment: values
// quoted where they need it. Of a block it is the opening tag.
func (l Line) String() string {
	if l.Inline {
		return "<" + l.Name + ">"
	}
	words := []string{quoted(l.Name)}
	for _, a := range l.Args {
		words = append(words, quoted(a))
	}
	return strings.Join(words, " ")
}

// quoted writes one value so that OpenVPN reads it back: it is quoted where blanks,
// quotes or a comment's sign would end it, and its backslashes are doubled.
func quoted(value string) string {
	plain := value != "" && !strings.ContainsFunc(value, isBlank) && !strings.ContainsAny(value, `"\`) && !strings.ContainsAny(value[:1], "'#;")
	if plain {
		return value
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}
