package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Error is one fault in a configuration: where, what, and how to mend it.
type Error struct {
	Pos       Pos
	Directive string // "" when the fault is not in a directive
	Value     string // the offending value, "" if none or secret
	Reason    string // what was expected, or why it is refused
	Mend      string // what to do, "" when the reason says it
}

func (e *Error) Error() string {
	var s strings.Builder
	s.WriteString(e.Pos.String() + ": ")
	if e.Directive != "" {
		s.WriteString(e.Directive)
		if e.Value != "" {
			s.WriteString(" " + quote(e.Value))
		}
		s.WriteString(": ")
	}
	s.WriteString(e.Reason)
	if e.Mend != "" {
		s.WriteString("; " + e.Mend)
	}
	return s.String()
}

// String is "file:line", or the file alone where lines mean nothing.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return p.File + ":" + strconv.Itoa(p.Line)
}

// quote shows a value from outside: escaped, and not longer than a line.
func quote(s string) string {
	const most = 80
	if len(s) > most {
		s = s[:most] + "..."
	}
	return strconv.Quote(s)
}

// FaultsError is everything that is wrong with a configuration: an *Error for each
// fault.
type FaultsError struct {
	Faults []error
	// Understood is what could be read all the same, such as where to log.
	Understood *Config
}

func (e *FaultsError) Error() string { return errors.Join(e.Faults...).Error() }

// Unwrap returns the faults.
func (e *FaultsError) Unwrap() []error { return e.Faults }

// maxErrors bounds how many faults one parse reports.
const maxErrors = 100

// joinErrors joins faults, sorted.
func joinErrors(errs []*Error) error { return errors.Join(sorted(errs)...) }

// sorted sorts faults by line within each file, and cuts a long list.
func sorted(errs []*Error) []error {
	sortByPlace(errs, func(e *Error) Pos { return e.Pos })
	var all []error
	for i, e := range errs {
		if i == maxErrors {
			all = append(all, fmt.Errorf("and %d more", len(errs)-maxErrors))
			break
		}
		all = append(all, e)
	}
	return all
}

// sortByPlace sorts by line within each file, and keeps the order of files.
func sortByPlace[T any](list []T, pos func(T) Pos) {
	files := map[string]int{}
	for _, x := range list {
		if _, seen := files[pos(x).File]; !seen {
			files[pos(x).File] = len(files)
		}
	}
	slices.SortStableFunc(list, func(a, b T) int {
		p, q := pos(a), pos(b)
		return cmp.Or(cmp.Compare(files[p.File], files[q.File]), cmp.Compare(p.Line, q.Line))
	})
}

// fault returns an Error about a value of this directive.
func (d *call) fault(value, reason, mend string) *Error {
	return &Error{Pos: d.Pos, Directive: d.name, Value: value, Reason: reason, Mend: mend}
}

// expected returns the most common fault: a value that is not what it should be.
func (d *call) expected(value, what string) *Error {
	return d.fault(value, "expected "+what, "")
}

// faultOf returns err as a fault of this directive; an *Error is one already.
func (d *call) faultOf(err error) *Error {
	var fault *Error
	if !errors.As(err, &fault) {
		fault = d.fault("", err.Error(), "")
	}
	return fault
}
