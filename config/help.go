package config

import (
	"fmt"
	"slices"
	"strings"
)

// String is the part's title.
func (p Part) String() string {
	return [...]string{"Which end this is", "How packets reach the other end", "The virtual adapter", "Routes and names", "What a server gives its clients",
		"One client's settings", "Keys and certificates", "Ciphers, framing and sizes", "User names, passwords and tokens", "Times and limits of a session",
		"The process, its log and status", "Programs", "The management interface", "Commands"}[p]
}

// Lookup finds a directive by its name, with dashes before it or without.
func Lookup(name string) (d Directive, found bool) {
	if row := byName[strings.TrimLeft(name, "-")]; row != nil {
		return *row, true
	}
	return d, false
}

// Alike returns the names of directives that are like name, at most six: first the
// one it may be a slip of, then the shortest of those that it is a part of.
func Alike(name string) []string {
	const most, least = 6, 3
	name = strings.ToLower(strings.TrimLeft(name, "-"))
	var names []string
	if near := byName.nearest(name); near != "" {
		names = append(names, near)
	}
	all := Directives()
	slices.SortStableFunc(all, func(a, b Directive) int { return len(a.Name) - len(b.Name) })
	for _, d := range all {
		if len(names) < most && len(name) >= least && strings.Contains(d.Name, name) && !slices.Contains(names, d.Name) {
			names = append(names, d.Name)
		}
	}
	return names
}

// Text is all that is known about the directive, for a terminal.
func (d *Directive) Text() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s\n\n  %s\n\n", usage(d), d.Help)
	for _, f := range d.Facts() {
		fmt.Fprintf(&s, "  %-9s%s\n", f.What, f.Text)
	}
	return s.String()
}

// Line is how the directive is written: its name and its arguments.
func (d *Directive) Line() string { return usage(d) }

// Fact is one thing that is known about a directive: What is a word, such as "For", and
// Text goes on from there.
type Fact struct{ What, Text string }

// Facts are what is known about the directive beside what it does.
func (d *Directive) Facts() []Fact {
	facts := []Fact{{"Here", d.State()}, {"For", d.Role.phrase()}, {"Stands", d.Where.phrase()}}
	add := func(holds bool, what, text string) {
		if holds {
			facts = append(facts, Fact{what, text})
		}
	}
	add(d.Inline, "Block", "<"+d.Name+"> to </"+d.Name+"> may hold the file's text")
	add(d.Adds, "Several", "lines add up")
	add(d.Default != "", "Default", d.Default)
	add(d.Same != "", "Same as", d.Same+"; of the two, the last line counts")
	add(d.Status == Supported && d.Where&InFile != 0, "Changes", d.Reload.phrase())
	return facts
}

// State says what becomes of the directive here: honoured, harmless or refused,
// with the reason and what to do instead.
func (d *Directive) State() string {
	reason := d.Reason
	for _, lead := range []string{"refused: ", "refused, ", "ignored; ", "ignored, "} {
		reason = strings.TrimPrefix(reason, lead)
	}
	switch d.Status {
	case Harmless:
		if reason == "" {
			return "accepted, and changes nothing"
		}
		return "ignored: " + reason
	case Planned:
		return "not supported yet" + because(reason)
	case Refused:
		return "refused: " + reason
	case WindowsOnly:
		return "ignored: only for Windows"
	case Negotiated:
		return "honoured in what a server pushes"
	case Command:
		return "a command: culvert --" + usage(d)
	}
	if reason != "" {
		return "honoured " + reason
	}
	return "honoured"
}

func (r Role) phrase() string {
	return [...]string{"client and server", "client", "server"}[r]
}

func (r Reload) phrase() string {
	return [...]string{"take effect on SIGHUP, which reads the configuration again and starts over",
		"in what it names take effect at once; another value on SIGHUP, and a server's sessions go on", "take effect when the process is started again",
		"take effect on SIGHUP, and sessions go on", "take effect on SIGHUP, and a server's sessions go on; a client or a paired host starts over",
		"take effect on SIGHUP, and a client's tunnel stays; a server or a paired host starts over",
		"take effect on SIGHUP, and a server's sessions go on, a client's tunnel stays; a paired host starts over"}[r]
}

// Usage lists all directives with their arguments, as OpenVPN's --help does: what is
// ignored or refused is said in brackets.
func Usage() string {
	var s strings.Builder
	for part := range PartCommands + 1 {
		fmt.Fprintf(&s, "\n%s:\n", part)
		for i := range table {
			if d := &table[i]; d.Part == part && d.Where&(InFile|InCommandLine|InCCD) != 0 {
				s.WriteString(d.entry())
			}
		}
	}
	return s.String()
}

// entry is a directive in that list.
func (d *Directive) entry() string {
	const width, indent = 80, 18
	text := d.Help
	if d.Status != Supported && d.Status != Command {
		text += " (" + d.State() + ")"
	}
	head := fmt.Sprintf("%-15s :", "--"+usage(d))
	line, lines := head, ""
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > width && len(line) > indent {
			lines += line + "\n"
			line = strings.Repeat(" ", indent-1)
		}
		line += " " + word
	}
	return lines + line + "\n"
}
