package check

import "slices"

// Report is what is known about a configuration file. Its JSON is documented in
// docs/check.md.
type Report struct {
	File       string      `json:"file"`
	Role       string      `json:"role"`   // "client", "server" or "peer": one of two hosts without a server
	Status     Status      `json:"status"` // of the worst finding
	Summary    []string    `json:"summary"`
	Directives []Directive `json:"directives"`
	Findings   []Finding   `json:"findings"`
	Stock      []Version   `json:"stock"`
}

// Status is how a configuration fared.
type Status string

// The statuses. Notes leave a configuration clean.
const (
	Clean    Status = "clean"
	Warnings Status = "warnings"
	Errors   Status = "errors"
)

// Exit is the exit status that stands for s.
func (s Status) Exit() int {
	return slices.Index([]Status{Clean, Warnings, Errors}, s)
}

// Directive is one line of the file, or one block.
type Directive struct {
	Line    int    `json:"line"`
	Last    int    `json:"last"`              // where a block ends, else Line
	Text    string `json:"text"`              // without comment; of a block its opening tag
	Meaning string `json:"meaning,omitempty"` // "" for an unknown directive
	State   string `json:"state,omitempty"`   // "" where it is honoured
}

// Finding is one thing to know about a configuration.
type Finding struct {
	File     string   `json:"file"`
	Line     int      `json:"line"` // 0: the file as a whole
	Severity Severity `json:"severity"`
	Kind     Kind     `json:"kind"`
	Text     string   `json:"text"`
	Instead  string   `json:"instead,omitempty"` // what to do or write
}

// Severity is how much a finding matters.
type Severity string

// The severities. An error keeps the configuration from being used.
const (
	Err  Severity = "error"
	Warn Severity = "warning"
	Note Severity = "note"
)

// Kind is what a finding is about.
type Kind string

// The kinds, in the order in which people see them.
const (
	Fault      Kind = "fault"
	Insecure   Kind = "insecure"
	Deprecated Kind = "deprecated"
	NoEffect   Kind = "no-effect"
	Remark     Kind = "remark"
)

var kinds = []Kind{Fault, Insecure, Deprecated, NoEffect, Remark}

// Version is what a version of stock OpenVPN would make of the file on Linux.
type Version struct {
	Version string   `json:"version"`
	Word    Word     `json:"word"`
	Reasons []Reason `json:"reasons"`
}

// Reason is a line that a version does not simply accept.
type Reason struct {
	Line int    `json:"line"`
	Word Word   `json:"word"`
	Text string `json:"text"`
	From string `json:"from"` // where that is known from
}

// Word is what OpenVPN does with a line, or a file.
type Word string

// The words, from good to bad.
const (
	Accepts Word = "accepts"
	Warns   Word = "warns"
	Fatal   Word = "fatal"
)

var words = []Word{Accepts, Warns, Fatal}

// worse returns the worse of two words.
func worse(a, b Word) Word {
	return words[max(slices.Index(words, a), slices.Index(words, b))]
}

func (r *Report) worst() Status {
	status := Clean
	for _, f := range r.Findings {
		switch {
		case f.Severity == Err:
			return Errors
		case f.Severity == Warn:
			status = Warnings
		}
	}
	return status
}
