package config

import (
	"errors"
	"slices"
)

// record is what a parse found: where each directive stood, faults, and notes.
type record struct {
	given map[string]Pos // where each directive stood last
	first string         // the first file
	notes []Note
	errs  []*Error
	rest  *record // of a <connection> block: the rest of the configuration
}

func (r *record) fail(e *Error) { r.errs = append(r.errs, e) }

func (r *record) note(pos Pos, text string) { r.notes = append(r.notes, Note{pos, text}) }

// remark notes something about this directive.
func (d *call) remark(text string) { d.record.note(d.Pos, d.name+": "+text) }

// problem reports a fault of the whole, once, at the directive it has most to do
// with.
func (r *record) problem(directive, reason, mend string) {
	pos, ok := r.given[directive]
	if !ok && r.rest != nil {
		r.rest.problem(directive, reason, mend)
		return
	}
	if !ok {
		pos, directive = r.start(), ""
	}
	fault := Error{pos, directive, "", reason, mend}
	if !slices.ContainsFunc(r.errs, func(e *Error) bool { return *e == fault }) {
		r.fail(&fault)
	}
}

// start is the first file, or the command line where there is none.
func (r *record) start() Pos {
	if r.first == "" {
		return Pos{File: commandLine}
	}
	return Pos{File: r.first}
}

// at is where a directive stood, or the start of the configuration.
func (r *record) at(name string) Pos { return r.given[name] }

func (r *record) has(name string) bool {
	_, ok := r.given[name]
	return ok
}

// holds reports whether a directive is given, for a <connection> block also outside
// of it.
func (r *record) holds(name string) bool {
	return r.has(name) || r.rest != nil && r.rest.has(name)
}

// add keeps the error of a step, if it has one.
func (r *record) add(err error) {
	if err == nil {
		return
	}
	var fault *Error
	if !errors.As(err, &fault) {
		fault = &Error{Pos: r.start(), Reason: err.Error()}
	}
	r.fail(fault)
}
