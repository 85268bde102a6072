package check

import (
	"cmp"
	"strings"

	"culvert/config"
)

// index finds lines and notes in a file of any length.
type index struct {
	begins map[int]int      // number of a line: the first directive that begins there
	firsts map[string]int   // by name
	lasts  map[string]int   // by name, of those that set the same; outside of <connection> blocks
	inside map[int]bool     // directives in <connection> blocks
	said   map[int][]string // by line
}

func newIndex(name string, lines []config.Line, notes []config.Note) index {
	x := index{map[int]int{}, map[string]int{}, map[string]int{}, map[int]bool{}, map[int][]string{}}
	block := 0 // where the last <connection> block ends
	for i, l := range lines {
		if _, ok := x.begins[l.Pos.Line]; !ok {
			x.begins[l.Pos.Line] = i
		}
		if _, ok := x.firsts[l.Name]; !ok {
			x.firsts[l.Name] = i
		}
		switch {
		case l.Name == "connection" && l.Inline:
			block = l.Last
		case l.Last <= block && !l.Glued:
			x.inside[i] = true
		default:
			x.lasts[sameAs(l.Name)] = i
		}
	}
	for _, n := range notes {
		if n.Pos.File == name {
			x.said[n.Pos.Line] = append(x.said[n.Pos.Line], n.Text)
		}
	}
	return x
}

// sameAs is the name of the directive that a directive sets the same as.
func sameAs(name string) string {
	d, _ := config.Lookup(name)
	return cmp.Or(d.Same, name)
}

// noteAt reports whether config's notes on a line have these words.
func (x index) noteAt(l config.Line, words string) bool {
	for _, text := range x.said[l.Pos.Line] {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}
