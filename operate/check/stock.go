package check

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"culvert/config"
)

// stockView looks at a configuration as versions of stock OpenVPN do.
type stockView struct{ *subject }

// stock says what each version would make of the file.
func (s stockView) stock() []Version {
	all := make([]Version, len(versions))
	lines := s.stockLines()
	for i, name := range versions {
		v := Version{Version: name, Word: Accepts, Reasons: []Reason{}}
		for _, l := range lines {
			if l.made[i] != Accepts {
				v.Word = worse(v.Word, l.made[i])
				v.Reasons = append(v.Reasons, Reason{l.line, l.made[i], l.text, l.from})
			}
		}
		all[i] = v
	}
	return all
}

// stockLine is what the versions make of one line.
type stockLine struct {
	line int
	made by
	text string
	from string
}

// stockLines returns what is not simply accepted by every version, by line.
func (s stockView) stockLines() (all []stockLine) {
	always := by{Fatal, Fatal, Fatal}
	excuses := s.excuses()
	for i, l := range s.lines {
		inner, isOptional := optional(l)
		switch {
		case excuses.excuse(i, l.Name):
		case isOptional:
			all = append(all, s.ofOptional(inner)...)
		default:
			all = append(all, s.ofLine(l)...)
		}
	}
	all = append(all, s.combinations()...)
	all = append(all, s.unmet()...)
	for _, f := range s.faults {
		var fault *config.Error
		if errors.As(f, &fault) && fault.Pos.File != s.name {
			all = append(all, stockLine{0, always, "an included file is not right", survey})
		} else if errors.As(f, &fault) {
			all = append(all, stockLine{fault.Pos.Line, s.ofFault(fault), strings.TrimSpace(fault.Directive + " " + short(fault.Reason)), survey})
		}
	}
	all = append(all, s.ofKeys()...)
	all = append(all, s.ofPrograms()...)
	all = append(all, s.ofDirectories()...)
	all = append(all, s.ofIncluded(excuses)...)
	all = append(all, s.spelling()...)
	slices.SortStableFunc(all, func(a, b stockLine) int { return a.line - b.line })
	return slices.CompactFunc(all, func(a, b stockLine) bool { return a.line == b.line && a.made == b.made })
}

func short(reason string) string {
	reason, _, _ = strings.Cut(reason, ": ")
	return reason
}

// ofLine returns what the versions make of one line, if any minds it.
func (s stockView) ofLine(l config.Line) []stockLine {
	name := s.named(l)
	add := func(made by, why, from string) []stockLine {
		return []stockLine{{l.Pos.Line, made, name + " " + why, from}}
	}
	always := by{Fatal, Fatal, Fatal}
	if l.Name == "connection" && l.Inline {
		return nil
	}
	_, found := config.Lookup(l.Name)
	switch {
	case s.ofRole(l) != "":
		return add(always, s.ofRole(l), seen)
	case slices.Contains(newIn25, l.Name) && factOf(l, s.role()) == nil:
		return add(by{Fatal, Accepts, Accepts}, "came with 2.5", notes25)
	case slices.Contains(newIn26, l.Name):
		return add(by{Fatal, Accepts, Accepts}, "came with 2.6", notes26)
	case slices.Contains(newIn27, l.Name):
		return add(by{Fatal, Fatal, Accepts}, "came with 2.7", "running 2.6.14 and 2.7.8")
	case len(l.Args) > mostValues(l):
		return add(always, "has more values than it takes", tried)
	case !found, slices.Contains(unknownToStock, l.Name):
		return add(always, "is not known on Linux", "running 2.6.14 and 2.7.8")
	}
	if f := factOf(l, s.role()); f != nil && !(l.Name == "cipher" && (s.negotiates(l.Args) || s.config.Trust.Secret != nil)) {
		return add(f.made, f.why, f.from)
	}
	return nil
}

// mostValues is how many values stock takes of a line where Culvert takes more.
func mostValues(l config.Line) int {
	switch l.Name {
	case "http-proxy-option":
		if len(l.Args) > 0 && l.Args[0] == "CUSTOM-HEADER" {
			return 3
		}
		return 2
	case "push":
		return 1
	case "dhcp-option", "hash-size":
		return 2
	}
	return len(l.Args)
}

// negotiates reports whether a cipher is among those of data-ciphers, where stock does
// not mind that it is named by cipher.
func (s stockView) negotiates(args []string) bool {
	list := s.anyOf("data-ciphers", "ncp-ciphers")
	if len(args) == 0 || list == nil || len(list.Args) == 0 {
		return false
	}
	return slices.Contains(strings.Split(strings.ToUpper(list.Args[0]), ":"), strings.ToUpper(args[0])) || s.has("data-ciphers-fallback")
}

// factOf returns the first fact about a line, nil if there is none.
func factOf(l config.Line, role string) *fact {
	args := strings.Join(l.Args, " ")
	for i := range facts {
		f := &facts[i]
		if f.name == l.Name && (f.role == "" || f.role == role) && (f.args == nil || f.args.MatchString(args)) {
			return f
		}
	}
	return nil
}

// excuses are names that stock skips where it does not know them, and where it is told
// so. From forward on, it skips all.
type excuses struct {
	names   map[string]int
	forward int
}

func (s stockView) excuses() excuses {
	e := excuses{map[string]int{}, len(s.lines)}
	for i, l := range s.lines {
		switch {
		case l.Name == "ignore-unknown-option":
			for _, name := range l.Args {
				if name = strings.TrimPrefix(name, "--"); e.names[name] == 0 {
					e.names[name] = i + 1
				}
			}
		case l.Name == "setenv" && len(l.Args) == 2 && l.Args[0] == "FORWARD_COMPATIBLE" && l.Args[1] == "1":
			e.forward = min(e.forward, i)
		}
	}
	return e
}

// excuse reports whether stock skips line i, which it does not know.
func (e excuses) excuse(i int, name string) bool {
	_, found := config.Lookup(name)
	if found && !slices.Contains(unknownToStock, name) {
		return false
	}
	at, named := e.names[name]
	return named && at <= i || i > e.forward
}

// mostStock is how many bytes stock reads in a line, with the end of the line.
const mostStock = 255

// spelling returns lines that stock does not read as Culvert does.
func (s stockView) spelling() (all []stockLine) {
	always, strict := by{Fatal, Fatal, Fatal}, by{Accepts, Accepts, Fatal}
	for _, n := range s.notes {
		for _, m := range []struct {
			words, why string
			made       by
		}{
			{"what follows the number", "2.7 takes whole numbers alone", strict},
			{"is taken as 0", "2.7 takes whole numbers alone", strict},
			{"takes no value, so", "takes no value", always},
			{"takes one value, so", "takes one value", always},
			{"text on the line of", "wants a block's tags on lines of their own", always},
			{"is taken as a line of its own", "wants a block's tags on lines of their own", always},
			{"a single backslash", "wants a backslash doubled in double quotes", always},
		} {
			if l := s.lineAt(n.Pos.Line); l != nil && slices.Contains(lax, l.Name) && strings.HasPrefix(m.words, "takes ") {
				continue
			}
			if n.Pos.File == s.name && strings.Contains(n.Text, m.words) {
				all = append(all, stockLine{n.Pos.Line, m.made, m.why, survey})
			}
		}
	}
	if bytes.Contains(s.text, []byte("\r")) && !bytes.Contains(s.text, []byte("\n")) {
		all = append(all, stockLine{1, always, "wants lines that end in LF or CRLF", survey})
	}
	inside := 0
	for i, row := range s.rows {
		if l := s.lineAt(i + 1); l != nil && l.Inline && l.Name != "connection" {
			inside = l.Last
		}
		trimmed := bytes.TrimLeft(row, " \t")
		switch {
		case i+1 <= inside:
		case len(row) > mostStock:
			all = append(all, stockLine{i + 1, always, "takes no line of 256 bytes or more, comments included", survey})
		case bytes.HasPrefix(trimmed, []byte("\u00a0")) || bytes.HasPrefix(trimmed, []byte("\u200b")):
			all = append(all, stockLine{i + 1, always, "takes a no-break space for a part of the name", survey})
		}
	}
	return all
}
