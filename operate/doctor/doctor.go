// Package doctor looks for what keeps a tunnel from working: at a client's profile
// and the way to its servers, or at a server and its host. It is many small checks,
// made side by side, each within a time of its own, so that one that hangs or fails
// takes no other down. What a check finds has the command that mends it.
//
// A client is tried in user space: nothing of this host is changed, and no rights
// are needed.
package doctor

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"culvert/internal/printable"
)

// Severity is how much a finding matters.
type Severity string

// The severities. A problem keeps a tunnel, or part of what it is for, from working.
// A warning does so soon, or is a risk. A note is good to know, and mends nothing.
const (
	Problem Severity = "problem"
	Warning Severity = "warning"
	Note    Severity = "note"
)

// Finding is one thing that a check found.
type Finding struct {
	Severity Severity `json:"severity"`
	Text     string   `json:"text"`               // what is wrong, and what comes of it
	Evidence string   `json:"evidence,omitempty"` // what was seen
	Mend     string   `json:"mend,omitempty"`     // the command that mends it, or what to do
	Fixable  bool     `json:"fixable,omitempty"`  // --fix does what Mend says
	// Fixed says what --fix did, Undo how to take that back, and FixFailed why it
	// could not.
	Fixed     string `json:"fixed,omitempty"`
	Undo      string `json:"undo,omitempty"`
	FixFailed string `json:"fix_failed,omitempty"`

	fix fix // nil: nothing that is safe to do without asking
}

// fix mends a finding, and returns what it did and how to undo that.
type fix func() (did, undo string, err error)

// Outcome is how a check ended.
type Outcome string

// The outcomes. A check is skipped where there is nothing for it to look at, and
// unknown where it could not look.
const (
	Well    Outcome = "well"
	Unwell  Outcome = "unwell" // with at least one problem or warning
	Skipped Outcome = "skipped"
	Unknown Outcome = "unknown"
)

// Result is what came of one check. Its JSON is documented in docs/doctor.md.
type Result struct {
	Check    string    `json:"check"`
	About    string    `json:"about"` // what it looks at
	Outcome  Outcome   `json:"outcome"`
	Seen     []string  `json:"seen,omitempty"` // what it saw that is well
	Why      string    `json:"why,omitempty"`  // it was skipped, or could not look
	Findings []Finding `json:"findings,omitempty"`
	// Took is how long it took, in milliseconds.
	Took int64 `json:"took_ms"`
}

// Report is the whole of an examination.
type Report struct {
	Subject string   `json:"subject"` // the file
	Role    string   `json:"role"`    // client or server
	Results []Result `json:"results"`
}

// The exit statuses of `culvert doctor`.
const (
	ExitHealthy = 0
	ExitUnwell  = 1
	ExitUnknown = 2
)

// Exit is the exit status that stands for a report: unwell if a check found a problem
// or a warning that was not mended, and otherwise unknown if one could not look.
func (r *Report) Exit() int {
	status := ExitHealthy
	for _, c := range r.Results {
		switch c.Outcome {
		case Unwell:
			return ExitUnwell
		case Unknown:
			status = ExitUnknown
		}
	}
	return status
}

// notes is what a check writes its result into.
type notes struct{ Result }

func (n *notes) saw(format string, args ...any) {
	n.Seen = append(n.Seen, printable.Line(fmt.Sprintf(format, args...)))
}

// well is saw, unless something was found that is not.
func (n *notes) well(format string, args ...any) {
	if !slices.ContainsFunc(n.Findings, func(f Finding) bool { return f.Severity != Note }) {
		n.saw(format, args...)
	}
}

func (n *notes) skip(format string, args ...any) {
	n.Outcome, n.Why = Skipped, fmt.Sprintf(format, args...)
}

func (n *notes) unknown(format string, args ...any) {
	n.Outcome, n.Why = Unknown, printable.Line(fmt.Sprintf(format, args...))
}

// found adds a finding, whose words may be a stranger's.
func (n *notes) found(f Finding) {
	f.Text, f.Evidence, f.Mend = printable.Line(f.Text), printable.Line(f.Evidence), printable.Line(f.Mend)
	f.Fixable = f.fix != nil
	if !slices.ContainsFunc(n.Findings, func(o Finding) bool { return o.Text == f.Text && o.Mend == f.Mend }) {
		n.Findings = append(n.Findings, f)
	}
}

func (n *notes) problem(text, evidence, mend string) {
	n.found(Finding{Severity: Problem, Text: text, Evidence: evidence, Mend: mend})
}

func (n *notes) warning(text, evidence, mend string) {
	n.found(Finding{Severity: Warning, Text: text, Evidence: evidence, Mend: mend})
}

func (n *notes) note(text, evidence, mend string) {
	n.found(Finding{Severity: Note, Text: text, Evidence: evidence, Mend: mend})
}

// settle gives a result its outcome by its findings.
func (r *Result) settle() {
	open := func(f Finding) bool { return f.Severity != Note && f.Fixed == "" }
	switch {
	case slices.ContainsFunc(r.Findings, open):
		r.Outcome = Unwell
	case r.Outcome == "" || r.Outcome == Unwell:
		r.Outcome = Well
	}
}

// inspection is one check: one thing to look at.
type inspection struct {
	name, about string
	budget      time.Duration // how long it may take; 0: ordinary
	look        func(ctx context.Context, n *notes)
}

// ordinary is how long a check may take that names no time of its own, and grace how
// much longer it is waited for before it is left alone.
const (
	ordinary = 5 * time.Second
	grace    = 500 * time.Millisecond
)

// run makes all checks at once, and hands each result to emit in the order of the
// checks, as soon as those before are there. mend has the findings mended that can be
// without asking.
func run(ctx context.Context, checks []inspection, mend bool, emit func(Result)) []Result {
	pending := make([]<-chan Result, len(checks))
	for i, c := range checks {
		pending[i] = c.start(ctx)
	}
	results := make([]Result, 0, len(checks))
	for i, ch := range pending {
		r := <-ch
		if mend {
			r = checks[i].mended(ctx, r)
		}
		emit(r)
		results = append(results, r)
	}
	return results
}

// start makes a check in the background. Its result comes in time even where the
// check does not end.
func (c inspection) start(ctx context.Context) <-chan Result {
	budget := c.budget
	if budget == 0 {
		budget = ordinary
	}
	result, done, began := make(chan Result, 1), make(chan Result, 1), time.Now()
	ctx, cancel := context.WithTimeout(ctx, budget)
	go func() {
		n := &notes{Result{Check: c.name, About: c.about}}
		defer func() {
			if p := recover(); p != nil {
				n.Findings = nil
				n.unknown("the check itself failed, which is a fault of this program: %v (%s)", p, where(debug.Stack()))
			}
			n.settle()
			done <- n.Result
		}()
		c.look(ctx, n)
	}()
	go func() {
		defer cancel()
		timer := time.NewTimer(budget + grace)
		defer timer.Stop()
		var r Result
		select {
		case r = <-done:
		case <-timer.C:
			r = Result{Check: c.name, About: c.about, Outcome: Unknown, Why: fmt.Sprintf("there was no end of it within %v", budget+grace)}
		}
		r.Took = time.Since(began).Milliseconds()
		result <- r
	}()
	return result
}

// where is the line of this program's that panicked.
func where(stack []byte) string {
	lines := strings.Split(string(stack), "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, "panic(") && i+3 < len(lines) {
			return strings.TrimSpace(lines[i+3])
		}
	}
	return "unknown place"
}

// mended mends what a check found and can be mended without asking, looks again, and
// says what came of it: what is found again counts as not mended.
func (c inspection) mended(ctx context.Context, r Result) Result {
	tried := false
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.fix == nil {
			continue
		}
		tried = true
		did, undo, err := f.fix()
		if err != nil {
			f.FixFailed = printable.Line(err.Error())
			continue
		}
		f.Fixed, f.Undo = printable.Line(did), printable.Line(undo)
	}
	if !tried {
		return r
	}
	again := <-c.start(ctx)
	for i := range r.Findings {
		f := &r.Findings[i]
		still := slices.ContainsFunc(again.Findings, func(o Finding) bool { return o.Text == f.Text })
		if f.Fixed != "" && still {
			f.FixFailed, f.Fixed = f.Fixed+", and yet it is as before", ""
		}
	}
	r.settle()
	return r
}
