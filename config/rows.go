package config

import (
	"maps"
	"slices"
	"strings"

	"culvert/internal/nearest"
)

// rows are the table's rows by name.
type rows map[string]*Directive

func index(all []Directive) rows {
	m := make(rows, len(all))
	for i := range all {
		m[all[i].Name] = &all[i]
	}
	return m
}

// unknownName is the error for a name without a row.
func (rows rows) unknownName(d *call) *Error {
	name := d.name
	switch {
	case strings.HasPrefix(name, "-"):
		return d.fault("", "not a directive", "write it with two dashes or none")
	case d.inline:
		name = "<" + name + ">"
	}
	e := &Error{Pos: d.Pos, Directive: clip(name), Reason: "unknown directive"}
	if first, second := rows.twoNames(d.name); second != "" && !d.inline {
		e.Mend = "two lines seem to be run together here: end the first after " + first + ", and begin the next with " + second
		return e
	}
	if bare := strings.Trim(d.name, curly+dashes); bare != d.name {
		e.Mend = "it has quotes or dashes of a word processor or web page around it: write " + clip(bare)
		return e
	}
	if like := rows.nearest(d.name); like != "" {
		e.Mend = "did you mean " + strings.Replace(name, d.name, like, 1) + "?"
	}
	return e
}

// nearest returns the directive whose name is most like name, or "" if none is.
func (rows rows) nearest(name string) string {
	return nearest.Of(maps.Keys(rows), strings.ReplaceAll(strings.ToLower(name), "_", "-"))
}

// runTogether adds to a fault that a line break may be lost, where a value ends in
// the name of a directive: `remote a 1194proto udp`.
func (rows rows) runTogether(d *call, e *Error) *Error {
	if d.File == pushed {
		return e
	}
	for i, word := range d.args {
		if slices.Contains(strings.FieldsFunc(rows[d.name].Usage, func(r rune) bool { return r == '|' || r == ' ' }), word) {
			continue // a word that it takes, such as cgroup
		}
		if name := rows.nameAtEnd(word, rows.isSurplus(d, i)); name != "" {
			e.Mend = "two lines seem to be run together here: begin a new one before " + name
			break
		}
	}
	return e
}

func (rows rows) isSurplus(d *call, i int) bool {
	_, most := rows[d.name].Arity()
	return most >= 0 && i >= most
}

// nameAtEnd returns the directive whose name ends a value, or "". Short names end
// many words, and count after digits only.
func (rows rows) nameAtEnd(word string, whole bool) string {
	const least = 4
	if whole && len(word) >= least && rows[word] != nil {
		return word
	}
	for i := max(1, len(word)-longestName); i < len(word)-1; i++ {
		name, before := word[i:], word[i-1]
		isDigit := '0' <= before && before <= '9'
		isLetter := 'a' <= before|0x20 && before|0x20 <= 'z'
		if rows[name] != nil && (isDigit || isLetter && len(name) >= least) {
			return name
		}
	}
	return ""
}

// longestName is no shorter than any directive's name.
const longestName = 48

// twoNames cuts a name into the names of two directives.
func (rows rows) twoNames(name string) (first, second string) {
	if len(name) > 2*longestName {
		return "", ""
	}
	for i := 1; i < len(name); i++ {
		if rows[name[:i]] != nil && rows[name[i:]] != nil {
			return name[:i], name[i:]
		}
	}
	return "", ""
}
