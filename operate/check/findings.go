package check

import (
	"cmp"
	"errors"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"culvert/config"
	"culvert/internal/printable"
)

// critic looks for what is wrong with a configuration.
type critic struct{ *subject }

// findings returns all there is to know about the configuration, by kind and line.
func (s critic) findings() []Finding {
	all := []Finding{}
	said := map[Finding]bool{} // by place and text
	for _, part := range []func() []Finding{s.faulty, s.noted, s.insecure, s.deprecated, s.noEffect, keyring(s).material, s.programs, s.directories, s.clientFiles, s.policy, func() []Finding { return listeners(s) }} {
		for _, f := range part() {
			if key := (Finding{File: f.File, Line: f.Line, Text: f.Text}); !said[key] {
				said[key] = true
				all = append(all, f)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)), cmp.Compare(a.Line, b.Line))
	})
	return all
}

// faulty returns the faults that keep the configuration from being used.
func (s critic) faulty() (all []Finding) {
	for _, f := range s.faults {
		var fault *config.Error
		if !errors.As(f, &fault) {
			all = append(all, Finding{File: s.name, Severity: Err, Kind: Fault, Text: f.Error()})
			continue
		}
		found := Finding{File: fault.Pos.File, Line: fault.Pos.Line, Severity: Err, Kind: Fault}
		if fault.Pos.File == s.name {
			bare := *fault
			bare.Pos, bare.Mend = config.Pos{}, ""
			found.Text, found.Instead = strings.ReplaceAll(strings.TrimPrefix(bare.Error(), ": "), "in "+s.name+":", "in line "), fault.Mend
			if isUnread(fault) && runtime.GOOS != "windows" && ofWindows.MatchString(fault.Value) {
				found.Instead = "this is a path of Windows: check the file there, or write where its file is on this host"
			}
		} else {
			found.Text, found.Instead = "this line of an included file is not right", "run culvert check on that file to see why"
		}
		all = append(all, found)
	}
	return all
}

// ofWindows fits a path with a drive's letter.
var ofWindows = regexp.MustCompile(`^[A-Za-z]:[\\/]`)

// meanings sorts config's notes by what they are about, by words in them. The first
// that fits decides.
var meanings = []struct {
	words    string
	kind     Kind
	severity Severity
}{
	{"WARNING:", Insecure, Warn},
	{"others than the file's owner may read", Insecure, Warn},
	{"any certificate of the authority is taken", Insecure, Warn},
	{"whoever gets this key once can read", Insecure, Warn},
	{"is deprecated", Deprecated, Warn},
	{"leftover of OpenVPN", Deprecated, Warn},
	{"nothing is compressed here", Deprecated, Warn},
	{"is not supported; one of", Deprecated, Warn},
	{"is left out, since it is not supported", Deprecated, Warn},
	{"this one counts", NoEffect, Warn},
	{"ignored, since there are <connection> blocks", NoEffect, Warn},
	{"only means something on", NoEffect, Warn},
	{"will not be reached", Remark, Warn},
	{"no client gets an address", Remark, Warn},
	{"will not take", NoEffect, Warn},
	{"only for Windows", NoEffect, Note},
	{"ignored, as this configuration asks", NoEffect, Note},
	{"optional, so ignored", NoEffect, Note},
	{"not used", NoEffect, Warn},
	{"ignored;", NoEffect, Note},
	{"ignored,", NoEffect, Note},
	{"ignored:", NoEffect, Note},
	{"are compared anyway", NoEffect, Note},
	{"takes no value, so", Remark, Warn},
	{"takes one value, so", Remark, Warn},
	{"what follows", Remark, Warn},
	{"is taken as", Remark, Warn},
	{"there is no ifconfig", Remark, Warn},
}

// noted returns what config notes about the lines.
func (s critic) noted() (all []Finding) {
	for _, n := range s.notes {
		f := Finding{File: n.Pos.File, Line: n.Pos.Line, Severity: Note, Kind: Remark}
		if n.Pos.File != s.name {
			continue // what an included file says is its own
		}
		f.Text, f.Instead, _ = strings.Cut(n.Text, "; write ")
		if f.Instead != "" {
			f.Instead = "write " + f.Instead
		}
		f.Text = printable.Line(strings.ReplaceAll(f.Text, "in "+s.name+":", "in line "))
		for _, m := range meanings {
			if strings.Contains(n.Text, m.words) {
				f.Kind, f.Severity = m.kind, m.severity
				break
			}
		}
		if l := s.lineAt(f.Line); l != nil && runTogether(*l) != "" && strings.Contains(n.Text, "what follows the number") {
			f.Severity, f.Kind = Warn, Remark
			f.Text += "; two lines may have run together: " + runTogether(*l) + " is a directive of its own"
			f.Instead = "write " + runTogether(*l) + " on the next line"
		}
		if l := s.lineAt(f.Line); l != nil && (f.Kind == Deprecated || f.Kind == NoEffect && f.Severity == Note) && oldOf(*l) != nil && oldOf(*l).text != "" {
			continue // deprecated says more
		}
		all = append(all, f)
	}
	return all
}

// runTogether returns the directive that stands behind a number in a line's last value,
// as where a file without a newline at its end was joined with another; "" if none does.
func runTogether(l config.Line) string {
	for _, a := range l.Args {
		rest := strings.TrimLeft(a, "0123456789")
		if d, found := config.Lookup(rest); found && rest != a {
			return d.Name
		}
	}
	return ""
}

// at makes a finding about a line, or about the file where l is nil.
func (s *subject) at(l *config.Line, severity Severity, kind Kind, text, instead string) Finding {
	f := Finding{File: s.name, Severity: severity, Kind: kind, Text: text, Instead: instead}
	if l != nil {
		f.Line = l.Pos.Line
	}
	return f
}
