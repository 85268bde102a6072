//go:build linux

package main

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// entry is a test that cannot work under emulation, or on a system.
type entry struct {
	processors []string
	id
	why string
}

// id names a test, or a package if there is no test.
type id struct {
	pkg  string // below the module
	test string
}

func (i id) String() string { return strings.TrimSpace(i.pkg + " " + i.test) }

//go:embed known.txt
var knownText string

// parseKnown reads lines of processors with commas between, package, test and reason. Lines that begin
// with # are comments.
func parseKnown(text string) (entries []entry, err error) {
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Fields(line)
		if len(f) < 4 {
			return nil, fmt.Errorf("known.txt:%d: %q: want processors, a package, a test and the reason", n, line)
		}
		which := strings.Split(f[0], ",")
		for _, name := range which {
			if _, ok := named(name); !ok {
				return nil, fmt.Errorf("known.txt:%d: %q is no processor, want some of %s", n, name, strings.Join(names(processors), ","))
			}
		}
		entries = append(entries, entry{which, id{f[1], f[2]}, strings.Join(f[3:], " ")})
	}
	return entries, nil
}

// of returns the entries for a processor.
func of(all []entry, p processor) (some []entry) {
	for _, e := range all {
		if slices.Contains(e.processors, p.name) {
			some = append(some, e)
		}
	}
	return some
}

// skip is the pattern for go test that leaves out the tests of entries.
func skip(entries []entry) string {
	var all []string
	for _, e := range entries {
		parts := strings.Split(e.test, "/")
		for i, part := range parts {
			parts[i] = "^" + regexp.QuoteMeta(part) + "$"
		}
		all = append(all, strings.Join(parts, "/"))
	}
	return strings.Join(all, "|")
}

// judge compares what happened with what is known. Failures are those not known, and
// wrong are complaints about the list. A test fails with its subtests: such a failure
// is known if the subtest's is.
func judge(o outcome, entries []entry) (failures []id, wrong []string) {
	for i := range o.failed {
		known := slices.ContainsFunc(entries, func(e entry) bool { return e.covers(i) })
		if !known && !(i.test == "" && o.excused(i.pkg, entries)) {
			failures = append(failures, i)
		}
	}
	slices.SortFunc(failures, func(a, b id) int { return strings.Compare(a.String(), b.String()) })
	for _, e := range entries {
		switch {
		case o.failed[e.id] || !o.ran[id{pkg: e.pkg}]:
		case o.ran[e.id]:
			wrong = append(wrong, fmt.Sprintf("%s passes: take its line out of known.txt", e.id))
		default:
			wrong = append(wrong, fmt.Sprintf("%s is not there, or was skipped: take its line out of known.txt", e.id))
		}
	}
	return failures, wrong
}

// covers reports whether the failure of a test is one of the entry: of the test itself,
// of its subtests, and of the tests that it is part of.
func (e entry) covers(i id) bool {
	return i.pkg == e.pkg && i.test != "" &&
		(i.test == e.test || strings.HasPrefix(i.test, e.test+"/") || strings.HasPrefix(e.test, i.test+"/"))
}

// excused reports whether a package failed because of known tests and nothing else.
func (o outcome) excused(pkg string, entries []entry) bool {
	return o.ended[pkg] && slices.ContainsFunc(entries, func(e entry) bool { return e.pkg == pkg && o.failed[e.id] })
}
