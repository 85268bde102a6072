// Package roff writes manual pages with the macros of man(7), in the part that groff and
// mandoc have in common.
package roff

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Page is a manual page that is being written. Texts are plain: what means something to
// roff in them is escaped.
type Page struct {
	b    strings.Builder
	head bool // the last thing written is a heading
}

// New begins a page: its name in lower case, its section, such as 1, its date in the form
// 2026-11-26 or "", the source, such as a program and its version, and the title of the
// manual that it is a part of.
func New(name string, section int, date, source, manual string) *Page {
	p := new(Page)
	fmt.Fprintf(&p.b, ".TH %s %d \"%s\" %s %s\n", quoted(strings.ToUpper(name)), section, date, quoted(source), quoted(manual))
	p.b.WriteString(".nh\n.ad l\n") // names of options are not to be cut or torn apart
	return p
}

// String is the page as it is.
func (p *Page) String() string { return p.b.String() }

// Section begins a section.
func (p *Page) Section(title string) { p.heading(".SH ", strings.ToUpper(title)) }

// Subsection begins a part of a section.
func (p *Page) Subsection(title string) { p.heading(".SS ", title) }

func (p *Page) heading(macro, title string) {
	p.b.WriteString(macro + quoted(title) + "\n")
	p.head = true
}

// Text writes paragraphs. An empty line ends one. Lines that are indented by two blanks
// or more stay as they are.
func (p *Page) Text(text string) {
	for _, b := range blocks(text) {
		lead := ".PP\n"
		if p.head {
			lead = "" // a heading begins a paragraph
		}
		p.write(b, lead)
	}
}

// Item writes a term, such as an option or a directive, and below it what it means, as
// Text does.
func (p *Page) Item(term, text string) {
	p.b.WriteString(".TP\n\\fB" + inline(term) + "\\fR\n")
	lead := ""
	for _, b := range blocks(text) {
		p.write(b, lead)
		lead = ".IP\n"
	}
}

// block is lines that belong together: a paragraph, or what stays as it is.
type block struct {
	lines    []string
	verbatim bool
	apart    bool // an empty line is before it
}

func blocks(text string) []block {
	var all []block
	apart := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\r\n")
		verbatim := strings.HasPrefix(line, "  ")
		switch last := len(all) - 1; {
		case line == "":
			apart = true
			continue
		case last >= 0 && verbatim && all[last].verbatim:
			if apart {
				all[last].lines = append(all[last].lines, "")
			}
			all[last].lines = append(all[last].lines, line[2:])
		case last >= 0 && !verbatim && !all[last].verbatim && !apart:
			all[last].lines = append(all[last].lines, line)
		default:
			all = append(all, block{[]string{strings.TrimPrefix(line, "  ")}, verbatim, apart && last >= 0})
		}
		apart = false
	}
	return all
}

// write writes a block, and what begins a paragraph before one.
func (p *Page) write(b block, lead string) {
	p.head = false
	if !b.verbatim {
		p.b.WriteString(lead)
		p.lines(b)
		return
	}
	p.b.WriteString(".RS 2\n.nf\n")
	if b.apart {
		p.b.WriteString(".sp\n")
	}
	p.lines(b)
	p.b.WriteString(".fi\n.RE\n")
}

func (p *Page) lines(b block) {
	for _, line := range b.lines {
		if line = inline(line); line == "" {
			line = ".sp"
		} else if line[0] == '.' {
			line = `\&` + line
		}
		p.b.WriteString(line + "\n")
	}
}

// quoted is an argument of a macro.
func quoted(s string) string {
	return `"` + strings.ReplaceAll(inline(s), `"`, `\(dq`) + `"`
}

var special = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`)

// inline escapes text that does not begin a line.
func inline(s string) string {
	var b strings.Builder
	for _, r := range special.Replace(s) {
		switch {
		case r < ' ' || r == utf8.RuneError:
			b.WriteByte(' ')
		case r < utf8.RuneSelf:
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\[u%04X]`, r)
		}
	}
	return b.String()
}
