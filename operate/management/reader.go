package management

import (
	"bufio"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
)

const (
	// mostLines is how many lines a command of several may have, and mostBlock how
	// many bytes.
	mostLines = 4096
	mostBlock = 256 << 10
)

// reader is one connection.
type reader struct {
	i    *Interface
	name string // who connected, for the log
	log  *slog.Logger

	// in, states, echoes, logs and version are guarded by the Interface's lock: whether
	// the password was right, which messages it wishes to have, and the version of the
	// protocol that it announced.
	in                   bool
	states, echoes, logs bool
	version              int
	// collect takes the lines of a command that has several, up to END; nil: none is
	// being read.
	collect func(lines []string)
	lines   []string
	size    int
	count   byteCounter
	input   *bufio.Reader

	outbox
}

func newReader(i *Interface, conn net.Conn, name string) *reader {
	return &reader{i: i, name: name, log: i.process.Log, input: bufio.NewReaderSize(conn, 1024), version: 1, outbox: newOutbox(conn)}
}

// say answers with lines.
func (r *reader) say(lines ...string) { r.push(joined(lines)) }

// ok and refuse are the two forms of an answer in one line.
func (r *reader) ok(format string, args ...any) { r.say("SUCCESS: " + fmt.Sprintf(format, args...)) }

func (r *reader) refuse(format string, args ...any) {
	r.say("ERROR: " + fmt.Sprintf(format, args...))
}

// announced returns the version of the protocol that the reader knows.
func (r *reader) announced() int {
	r.i.mu.Lock()
	defer r.i.mu.Unlock()
	return r.version
}

// announce notes a reader's version. A question that was asked in the words of another
// version is asked again.
func (r *reader) announce(version int) {
	r.i.mu.Lock()
	defer r.i.mu.Unlock()
	for _, s := range r.i.standing {
		if was, is := s.line(r.version), s.line(version); r.in && was != is {
			r.say(is)
		}
	}
	r.version = version
}

// several begins a command of several lines; take is called with those before END.
func (r *reader) several(take func(lines []string)) { r.collect, r.lines, r.size = take, nil, 0 }

// serve reads and obeys commands until the connection ends or exit is asked for.
func (r *reader) serve() error {
	for r.i.ctx.Err() == nil && r.drained(r.i.ctx) {
		line, err := readLine(r.input)
		switch {
		case errors.Is(err, errLong):
			r.refuse("a line has at most %d bytes", maxLine)
			r.collect = nil
			continue
		case err != nil:
			return err
		case r.collect != nil:
			if err := r.more(line); err != nil {
				return err
			}
			continue
		}
		if r.obey(line) {
			return nil
		}
	}
	return nil
}

// more takes a line of a command of several.
func (r *reader) more(line string) error {
	if strings.TrimSpace(line) == "END" {
		take, all := r.collect, r.lines
		r.collect, r.lines = nil, nil
		take(all)
		return nil
	}
	r.size += len(line)
	if len(r.lines) >= mostLines || r.size > mostBlock {
		return fmt.Errorf("a command of more than %d lines or %d bytes", mostLines, mostBlock)
	}
	r.lines = append(r.lines, line)
	return nil
}

// obey does one command, and reports whether it ends the connection.
func (r *reader) obey(line string) (exit bool) {
	words, err := Parse(line)
	if err != nil {
		r.refuse("%v", err)
		return false
	}
	if len(words) == 0 {
		return false
	}
	r.log.Debug("MANAGEMENT: CMD '" + shown(words, line) + "'")
	if words[0] == "exit" || words[0] == "quit" {
		return true
	}
	c, known := commands[words[0]]
	switch {
	case !known:
		r.refuse("unknown command, enter 'help' for more options")
	case len(words)-1 < c.least:
		r.refuse("the '%s' command requires %s", words[0], c.wants())
	default:
		c.run(r, words[1:])
	}
	return false
}

// shown is a command as the log shows it, without secrets.
func shown(words []string, line string) string {
	if words[0] == "password" || words[0] == "cr-response" {
		return words[0] + " [...]"
	}
	return line
}
