// Package check explains a configuration file to people: what it would do, line by
// line and as a whole, what is wrong, weak, old or without effect in it, and what
// versions of OpenVPN would make of it. It can write a modern equivalent.
//
// It starts nothing, connects to nobody, asks nobody, and reads only files that the
// configuration names. It shows no contents of those: they may be secrets, and the
// configuration a stranger's. Words of the configuration itself that may be secrets,
// such as the answers in a plugin's line, are not shown either.
package check

import (
	"time"

	"culvert/config"
	"culvert/host/process"
)

// File checks a configuration file. The error says why it cannot be read.
func File(name string, now time.Time) (*Report, error) {
	text, err := process.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return Text(name, text, process.ReadFile, now), nil
}

// Text checks the text of a configuration file. read reads the files that it names.
func Text(name string, text []byte, read config.ReadFile, now time.Time) *Report {
	s := newSubject(name, text, read, now)
	r := &Report{File: name, Role: s.role()}
	r.Summary = teller{s}.summary()
	r.Findings = critic{s}.findings()
	r.Directives = s.directives()
	r.Stock = stockView{s}.stock()
	veil{subject: s}.cover(r)
	r.Status = r.worst()
	return r
}
