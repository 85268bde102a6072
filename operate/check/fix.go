package check

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"culvert/config"
)

// Fixed is a modern equivalent of a configuration.
type Fixed struct {
	Text    []byte
	Changes []Change // by line, none if there was nothing to change
	Diff    string   // unified; the bodies of blocks, which may be secrets, are not in it
}

// Change is one line that was changed.
type Change struct {
	Line    int      `json:"line"`
	Text    string   `json:"text"`              // what was done, and why
	Setting []string `json:"setting,omitempty"` // the settings that differ after it
}

// Fix writes a modern equivalent of a configuration, which means the same here except
// for what its changes say. Comments, blocks and order stay. The error says what only
// a person can mend.
func Fix(name string, text []byte, read config.ReadFile) (*Fixed, error) {
	s := newSubject(name, text, read, noTime)
	if s.unfit() {
		return nil, fmt.Errorf("%s: it has errors that only you can mend; see them by: culvert check %[1]s", name)
	}
	before, err := s.parsed(text)
	if err != nil {
		return nil, errors.New(veil{subject: s}.coveredAll(err.Error()))
	}
	all := fixer{s, othersSettings(s), stockView{s}.excuses()}.edits()
	kept := s.keep(before, all)
	fixed := s.write(kept)
	if _, err := s.parsed(fixed); err != nil {
		return nil, fmt.Errorf("%s: it cannot be rewritten: %s", name, veil{subject: s}.coveredAll(err.Error()))
	}
	out := &Fixed{Text: fixed, Changes: []Change{}}
	if bytes.Contains(text, []byte("\r")) && !bytes.Contains(text, []byte("\n")) {
		out.Changes = append(out.Changes, Change{Line: 1, Text: "lines end in LF, as stock wants"})
	}
	for _, e := range kept {
		out.Changes = append(out.Changes, e.Change)
	}
	out.Diff = diff(name, veil{subject: s}.hidden(text), veil{subject: s}.hidden(fixed))
	return out, nil
}

// unfit reports whether there are faults other than files that cannot be read, which
// may be elsewhere, directives that are not supported yet, and plugins, which stay as
// they are.
func (s *subject) unfit() bool {
	return slices.ContainsFunc(s.faults, func(f error) bool {
		var fault *config.Error
		if !errors.As(f, &fault) {
			return true
		}
		d, _ := config.Lookup(fault.Directive)
		return !isUnread(fault) && !((d.Status == config.Planned || fault.Directive == "plugin") && fault.Pos.File == s.name)
	})
}

// refusedPlugins returns the lines of plugins that nothing here does the work of. OpenVPN
// loads them, so that they stay.
func (s *subject) refusedPlugins() (all []string) {
	for _, f := range s.faults {
		var fault *config.Error
		if errors.As(f, &fault) && fault.Directive == "plugin" && fault.Pos.File == s.name {
			if l := s.lineAt(fault.Pos.Line); l != nil {
				all = append(all, l.String())
			}
		}
	}
	return all
}

// parsed reads a text without directives that are not supported yet, without plugins that
// are refused, and with stand-ins for files that cannot be read.
func (s *subject) parsed(text []byte) (*config.Config, error) {
	rows := splitRows(text)
	refused := s.refusedPlugins()
	for _, l := range config.Lines(s.name, text) {
		d, _ := config.Lookup(l.Name)
		if l.Glued || d.Status != config.Planned && !(l.Name == "plugin" && slices.Contains(refused, l.String())) {
			continue
		}
		for i := l.Pos.Line; i <= min(l.Last, len(rows)); i++ {
			rows[i-1] = nil
		}
	}
	return config.ParseFile(s.name, bytes.Join(rows, []byte("\n")), s.standIn)
}

// edit replaces lines first to last by others.
type edit struct {
	Change
	first, last int
	rows        []string
}

// mostTried limits how many edits are tried one by one.
const mostTried = 200

// keep returns the edits that may be made: all of them if they change no more than they
// say, else those of which each by itself does not.
func (s *subject) keep(before *config.Config, all []edit) []edit {
	slices.SortStableFunc(all, func(a, b edit) int { return a.first - b.first })
	all = apart(all)
	if s.same(before, all) {
		return all
	}
	var kept []edit
	for _, e := range all[:min(len(all), mostTried)] {
		if with := append(slices.Clone(kept), e); s.same(before, with) {
			kept = with
		}
	}
	return kept
}

// apart leaves out edits of lines that another one has.
func apart(all []edit) (kept []edit) {
	last := 0
	for _, e := range all {
		if e.first > last {
			kept = append(kept, e)
			last = e.last
		}
	}
	return kept
}

// same reports whether edits change no other settings than they say.
func (s *subject) same(before *config.Config, edits []edit) bool {
	after, err := s.parsed(s.write(edits))
	if err != nil {
		return false
	}
	var allowed []string
	for _, e := range edits {
		allowed = append(allowed, e.Setting...)
	}
	return !slices.ContainsFunc(differences(before, after), func(name string) bool { return !slices.Contains(allowed, name) })
}

// write applies edits, which are sorted. Lines keep their ends; where all lines end in
// CR alone, LF takes its place.
func (s *subject) write(edits []edit) []byte {
	rows := keepEnds(s.text)
	var out bytes.Buffer
	for i := 0; i < len(rows); i++ {
		for len(edits) > 0 && edits[0].first < i+1 {
			edits = edits[1:]
		}
		if len(edits) == 0 || edits[0].first > i+1 {
			out.Write(rows[i])
			continue
		}
		end := ending(rows[i])
		for _, row := range edits[0].rows {
			out.WriteString(row + end)
		}
		i = max(i, edits[0].last-1)
	}
	return out.Bytes()
}

// keepEnds cuts a text into lines with their ends. A CR alone becomes LF.
func keepEnds(text []byte) (rows [][]byte) {
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\x00\n"))
	text = bytes.ReplaceAll(text, []byte("\r"), []byte("\n"))
	for row := range bytes.Lines(text) {
		rows = append(rows, bytes.Replace(row, []byte("\x00\n"), []byte("\r\n"), 1))
	}
	return rows
}

func ending(row []byte) string {
	if bytes.HasSuffix(row, []byte("\r\n")) {
		return "\r\n"
	}
	return "\n"
}
