package check

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"culvert/access/policy"
	"culvert/internal/printable"
	"culvert/operate/policing"
)

// policy reads the policy, and has it pass those of its tests that need nobody's groups.
// What is wrong is not shown: the file may be another than it should be.
func (s critic) policy() []Finding {
	f := s.config.Server.Policy
	if f == nil || bytes.Equal(f.Text, anyFile) { // which stands in for a file that cannot be read
		return nil
	}
	name := policing.Name(s.config)
	fault := func(what string, lines []int) []Finding {
		instead := "to see why: culvert policy check " + printable.Name(name)
		if f.Inline {
			instead = "to see why, put it into a file: culvert policy check FILE"
		}
		return []Finding{s.at(s.first("policy"), Err, Fault, what+", "+inLines(lines), instead)}
	}
	file, err := policy.Parse(name, f.Text)
	if err != nil {
		return fault("policy: the file cannot be taken", faultyLines(err))
	}
	failed, unasked := policy.Compile(file, policing.Place(s.config)).TestAlone()
	if len(failed) > 0 {
		lines := make([]int, len(failed))
		for i, f := range failed {
			lines[i] = f.Line
		}
		return fault("policy: the file fails tests of its own", lines)
	}
	if unasked > 0 {
		return []Finding{s.at(s.first("policy"), Note, Remark, fmt.Sprintf("policy: %d of its %d tests depend on who is in which group, and were not run", unasked, file.Tests()),
			"run: culvert policy check --dir D, with the server's directory")}
	}
	return nil
}

// faultyLines returns the lines of a policy's faults.
func faultyLines(err error) (lines []int) {
	var one *policy.Error
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range all.Unwrap() {
			lines = append(lines, faultyLines(e)...)
		}
	} else if errors.As(err, &one) {
		lines = append(lines, one.Line)
	}
	return lines
}

// inLines names lines, as far as they fit.
func inLines(lines []int) string {
	const most = 5
	slices.Sort(lines)
	lines = slices.Compact(lines)
	word := "line "
	if len(lines) > 1 {
		word = "lines "
	}
	more := ""
	if len(lines) > most {
		more = fmt.Sprintf(" and %d more", len(lines)-most)
		lines = lines[:most]
	}
	return word + strings.Trim(strings.ReplaceAll(fmt.Sprint(lines), " ", ", "), "[]") + more
}
