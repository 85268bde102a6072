package check

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"time"

	"culvert/config"
)

// subject is the configuration that is looked at.
type subject struct {
	name  string
	text  []byte
	read  config.ReadFile
	now   time.Time
	rows  [][]byte // the lines of the file, without their ends
	lines []config.Line
	index
	pasted   map[int]bool    // lines that may be a login that was pasted
	included map[string]bool // directives in files that this one includes

	// config is what could be understood. Where there are faults, it comes from what
	// is left without the faulty lines.
	config *config.Config
	faults []error // of the file as it is
	notes  []config.Note
}

func newSubject(name string, text []byte, read config.ReadFile, now time.Time) *subject {
	s := &subject{name: name, text: text, read: read, now: now, rows: splitRows(text), lines: config.Lines(name, text)}
	c, err := config.ParseFile(name, text, read)
	var faults *config.FaultsError
	if errors.As(err, &faults) {
		s.faults = faults.Faults
		c = s.without(faults)
	}
	s.config, s.notes = c, c.Notes
	s.index = newIndex(name, s.lines, s.notes)
	s.pasted = pastedLogins(s.lines)
	s.included = map[string]bool{}
	s.include(s.lines, 0)
	return s
}

// include notes the directives in the files that lines include, and that these do.
func (s *subject) include(lines []config.Line, depth int) {
	const deepest = 8
	for _, l := range lines {
		if l.Name != "config" || l.Inline || len(l.Args) != 1 || depth == deepest {
			continue
		}
		text, err := s.read(s.config.Path(l.Args[0]))
		if err != nil {
			continue
		}
		inner := config.Lines(l.Args[0], text)
		for _, one := range inner {
			s.included[one.Name] = true
		}
		s.include(inner, depth+1)
	}
}

// without returns what is left of a configuration without its faulty lines, with
// stand-ins for files that cannot be read.
func (s *subject) without(faults *config.FaultsError) *config.Config {
	const rounds = 8
	text := s.text
	for range rounds {
		blanked := s.blank(text, faults.Faults)
		c, err := config.ParseFile(s.name, blanked, s.standIn)
		if err == nil {
			return c
		}
		again := new(config.FaultsError)
		if !errors.As(err, &again) {
			break
		}
		faults = again
		if bytes.Equal(blanked, text) {
			break
		}
		text = blanked
	}
	return faults.Understood
}

// blank empties the faulty lines of the file, those of missing files excepted.
func (s *subject) blank(text []byte, faults []error) []byte {
	rows := splitRows(text)
	for _, f := range faults {
		var fault *config.Error
		if !errors.As(f, &fault) || fault.Pos.File != s.name || fault.Pos.Line == 0 || isUnread(fault) || slices.Contains(deciding, fault.Directive) {
			continue
		}
		last := fault.Pos.Line
		for _, l := range s.lines {
			if l.Pos.Line == fault.Pos.Line {
				last = max(last, l.Last)
			}
		}
		for i := fault.Pos.Line; i <= min(last, len(rows)); i++ {
			rows[i-1] = nil
		}
	}
	return bytes.Join(rows, []byte("\n"))
}

// lineAt returns the first directive that begins in a line, nil if none does.
func (s *subject) lineAt(number int) *config.Line {
	if i, ok := s.begins[number]; ok {
		return &s.lines[i]
	}
	return nil
}

// splitRows cuts a text into lines as config does.
func splitRows(text []byte) [][]byte {
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	return bytes.Split(bytes.ReplaceAll(text, []byte("\r"), []byte("\n")), []byte("\n"))
}

// anyFile has the beginning of every block that a directive may want of a file.
var anyFile = []byte("user\npassword\n-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n-----BEGIN X509 CRL-----\n-----BEGIN DH PARAMETERS-----\n" +
	"-----BEGIN OpenVPN Static key V1-----\n-----BEGIN OpenVPN tls-crypt-v2 server key-----\n-----BEGIN OpenVPN tls-crypt-v2 client key-----\n-----BEGIN OpenVPN auth-token server key-----\n")

// standIn reads a file, or gives a stand-in for one that cannot be read.
func (s *subject) standIn(name string) ([]byte, error) {
	if text, err := s.read(name); err == nil {
		return text, nil
	}
	return anyFile, nil
}

// isUnread reports whether a fault is about a file that cannot be read, and that is
// not itself a configuration.
func isUnread(fault *config.Error) bool {
	return strings.HasPrefix(fault.Reason, "cannot be read") && fault.Directive != "config"
}

// deciding are the directives without which a configuration would be another one. What
// lacks beside them is their fault.
var deciding = []string{"client", "pull", "tls-client", "tls-server", "mode", "server", "server-ipv6", "server-bridge", "proxy-lan", "secret", "dev"}

// role is which end this is.
func (s *subject) role() string {
	switch {
	case s.config.Mode == config.ModeServer:
		return "server"
	case s.config.Pull:
		return "client"
	}
	return "peer"
}

func (s *subject) isServer() bool { return s.role() == "server" }

// has reports whether a directive stands in the file, or in one that it includes.
func (s *subject) has(name string) bool { return s.first(name) != nil || s.included[name] }

// first returns the first line with a directive, nil if there is none.
func (s *subject) first(name string) *config.Line {
	if i, ok := s.firsts[name]; ok {
		return &s.lines[i]
	}
	return nil
}

// anyOf returns the first line with one of these directives.
func (s *subject) anyOf(names ...string) *config.Line {
	for _, name := range names {
		if l := s.first(name); l != nil {
			return l
		}
	}
	return nil
}
