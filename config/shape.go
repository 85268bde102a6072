package config

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

// checkRow reports why a directive may not stand here or like this, nil if it may.
func checkRow(row *Directive, d *call, place Where) *Error {
	switch {
	case row.Status == Planned:
		return d.fault("", "not supported yet"+because(row.Reason), "")
	case row.Status == Refused:
		return d.fault("", row.Reason, "")
	case row.Status == Command:
		return d.fault("", "is a command of its own"+because(row.Reason), "give it on the command line: --"+usage(row))
	case row.Status == WindowsOnly:
		return nil
	case row.Where&place == 0:
		return d.fault("", "may not stand "+place.phrase(), "it may stand "+row.Where.phrase())
	case d.inline && !row.Inline:
		return d.fault("", "cannot be given as a block", "write it in one line: "+usage(row))
	case d.inline:
		return nil
	}
	dropSurplus(row, d)
	return arity(row, d)
}

// affirmative are words that people write after a directive that needs none, as
// other languages want it.
var affirmative = []string{"yes", "true", "on", "1", "enable", "enabled"}

// dropSurplus drops, with a note, surplus values that change nothing: those of a
// harmless directive, and a yes after one without values.
func dropSurplus(row *Directive, d *call) {
	_, most := row.Arity()
	if most < 0 || len(d.args) <= most {
		return
	}
	surplus := strings.Join(d.args[most:], " ")
	yes := most == 0 && len(d.args) == 1 && slices.Contains(affirmative, strings.ToLower(d.args[0]))
	if row.Status == Harmless || yes {
		d.remark("takes " + number(most) + ", so " + quote(surplus) + " is ignored")
		d.args = d.args[:most]
	}
}

func number(values int) string {
	switch values {
	case 0:
		return "no value"
	case 1:
		return "one value"
	}
	return "two values"
}

// arity checks that a directive has as many arguments as its row says.
func arity(row *Directive, d *call) *Error {
	least, most := row.Arity()
	n := len(d.args)
	for n > least && d.args[n-1] == "" {
		n--
	}
	d.args = d.args[:n]
	switch {
	case n < least:
		return d.fault("", "a value is missing", "write it as: "+usage(row))
	case most == 0 && n > 0:
		return d.fault(strings.Join(d.args, " "), "takes no value", "write it as: "+usage(row))
	case most >= 0 && n > most:
		return d.fault(strings.Join(d.args[most:], " "), "more values than it takes", "write it as: "+usage(row)+" (a value with blanks goes in quotes)")
	}
	return nil
}

// again notes a setting that is given twice and counts once, so that nobody wonders
// why the other line has no effect. The command line is meant to replace a file's.
func (b *builder) again(row *Directive, d *call, place Where) {
	key := cmp.Or(row.Same, row.Name)
	before := b.last[key]
	b.last[key] = d
	switch _, most := row.Arity(); {
	case row.Adds || row.Status != Supported || place == InPush || before == nil:
	case most == 0 && !row.Inline || before.equal(d):
	case len(d.args) == 0 && !d.inline || isInlineWord(d) || isInlineWord(before):
	case d.File == commandLine && before.File != commandLine:
	default:
		d.remark("given before, in " + before.String() + as(before, d) + "; this one counts")
	}
}

func as(before, d *call) string {
	if before.name == d.name {
		return ""
	}
	return ", as " + before.name
}

func (d *call) equal(o *call) bool {
	return d.inline == o.inline && slices.Equal(d.args, o.args) && bytes.Equal(d.body, o.body)
}

// isInlineWord reports whether d only says that a block follows.
func isInlineWord(d *call) bool { return len(d.args) > 0 && d.args[0] == "[inline]" }

func usage(row *Directive) string { return strings.TrimSpace(row.Name + " " + row.Usage) }

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// phrase is w in words.
func (w Where) phrase() string {
	var places []string
	for _, p := range []struct {
		bit  Where
		text string
	}{
		{InFile, "in a configuration file"},
		{InCommandLine, "on the command line"},
		{InConnection, "in a <connection> block"},
		{InPush, "in what a server pushes"},
		{InCCD, "in a file of client-config-dir"},
	} {
		if w&p.bit != 0 {
			places = append(places, p.text)
		}
	}
	if last := len(places) - 1; last > 1 {
		return strings.Join(places[:last], ", ") + " or " + places[last]
	}
	return strings.Join(places, " or ")
}
