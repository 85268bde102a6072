package config

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// call is one directive as it was given.
type call struct {
	Pos
	name   string
	args   []string
	inline bool   // given as a block
	body   []byte // the block's text
}

// lexer cuts a configuration file into calls.
//
// The rules are those of OpenVPN's manual (generic options, --config; inline
// file support), relaxed where a person's meaning is plain: any line ending and
// any length, text on the same line as a block's tags, single backslashes.
type lexer struct {
	file  string
	lines [][]byte
	at    int // lines taken so far
	notes []Note
	errs  []*Error
}

// lex cuts text into calls. first is the number of its first line.
func lex(file string, text []byte, first int) ([]call, []Note, []*Error) {
	x := &lexer{file: file}
	if bytes.HasPrefix(text, []byte{0xff, 0xfe}) || bytes.HasPrefix(text, []byte{0xfe, 0xff}) {
		x.fail(Pos{file, first}, "the file is UTF-16", "save it as UTF-8")
		return nil, nil, x.errs
	}
	if isBinary(text) {
		x.fail(Pos{file, first}, "the file is no text", "expected a configuration in OpenVPN's language; a PKCS#12 file is named by `pkcs12`, an archive is to be unpacked first")
		return nil, nil, x.errs
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	text = bytes.TrimRight(text, "\x1a\x00")
	x.lines = splitLines(text)
	var calls []call
	for x.at < len(x.lines) {
		pos := Pos{file, first + x.at}
		line := x.lines[x.at]
		x.at++
		if d, ok := x.line(pos, line); ok {
			calls = append(calls, d)
		}
	}
	return calls, x.notes, x.errs
}

// isBinary tells what is no text by its control characters. A few are no proof,
// nor is text in another character set.
func isBinary(text []byte) bool {
	head := text[:min(len(text), 1024)]
	controls := 0
	for _, c := range head {
		if c < ' ' && !strings.ContainsRune("\t\r\n\f\v", rune(c)) {
			controls++
		}
	}
	return controls > 5 && controls > len(head)/50
}

// splitLines splits at LF, CRLF and CR alike.
func splitLines(text []byte) [][]byte {
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	text = bytes.ReplaceAll(text, []byte("\r"), []byte("\n"))
	return bytes.Split(text, []byte("\n"))
}

func (x *lexer) fail(pos Pos, reason, mend string) {
	x.errs = append(x.errs, &Error{Pos: pos, Reason: reason, Mend: mend})
}

func (x *lexer) note(pos Pos, text string) {
	x.notes = append(x.notes, Note{pos, text})
}

// line lexes one line, and the block it opens if it opens one.
func (x *lexer) line(pos Pos, line []byte) (call, bool) {
	text, rest, cut := strings.Cut(string(line), "\x00")
	if cut && strings.Trim(rest, "\x00 \t") != "" {
		x.note(pos, "what follows the NUL byte in this line is ignored")
	}
	trimmed := strings.TrimFunc(text, isBlank)
	switch {
	case trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';':
		return call{}, false
	case isConflictMarker(trimmed):
		x.fail(pos, "a merge conflict marker", "resolve the conflict and keep one side")
		return call{}, false
	case trimmed[0] == '<':
		return x.block(pos, trimmed)
	}
	return x.directive(pos, trimmed)
}

// isConflictMarker recognises what a version control system leaves behind.
func isConflictMarker(line string) bool {
	for _, m := range []string{"<<<<<<<", "=======", ">>>>>>>", "|||||||"} {
		if line == m || strings.HasPrefix(line, m+" ") {
			return true
		}
	}
	return false
}

func (x *lexer) directive(pos Pos, line string) (call, bool) {
	words, literal, problem := splitWords(line)
	if problem != nil {
		x.fail(pos, problem.reason, problem.mend)
		return call{}, false
	}
	if literal {
		x.note(pos, "a single backslash is taken as it stands; OpenVPN wants it doubled, or the value in single quotes")
	}
	if len(words) == 0 {
		return call{}, false
	}
	return call{Pos: pos, name: strings.TrimPrefix(words[0], "--"), args: words[1:]}, true
}

// block lexes from the opening tag to the closing one.
func (x *lexer) block(pos Pos, line string) (call, bool) {
	name, rest, ok := strings.Cut(line[1:], ">")
	switch {
	case !ok || name == "" || strings.ContainsAny(name, " \t<"):
		x.fail(pos, "expected a block's opening tag such as <ca>, got "+quote(line), "")
		return call{}, false
	case name[0] == '/':
		x.fail(pos, "</"+name[1:]+"> closes a block that is not open", "open it with <"+name[1:]+">")
		return call{}, false
	}
	d := call{Pos: pos, name: name, inline: true}
	rest = strings.TrimLeftFunc(rest, isBlank)
	if rest != "" && rest[0] != '#' && rest[0] != ';' {
		x.note(pos, "text on the line of <"+name+"> is taken as the block's first line")
		if before, _, closed := strings.Cut(rest, "</"+name+">"); closed {
			d.body = []byte(before + "\n")
			return d, true
		}
		d.body = append(d.body, rest+"\n"...)
	}
	return d, x.body(&d)
}

// body takes lines up to the closing tag of d.
func (x *lexer) body(d *call) bool {
	end := []byte("</" + d.name + ">")
	for x.at < len(x.lines) {
		line := x.lines[x.at]
		x.at++
		before, _, closed := bytes.Cut(line, end)
		if !closed || bytes.HasPrefix(bytes.TrimSpace(before), []byte("#")) {
			d.body = append(append(d.body, line...), '\n')
			continue
		}
		if text := bytes.TrimSpace(before); len(text) > 0 {
			x.note(d.Pos, "text on the line of </"+d.name+"> is taken as the block's last line")
			d.body = append(append(d.body, text...), '\n')
		}
		return true
	}
	x.fail(d.Pos, "<"+d.name+"> is never closed", "end it with a line </"+d.name+">")
	return false
}

// isBlank includes the no-break space, which editors of web pages leave.
func isBlank(r rune) bool {
	return r == ' ' || r == '\t' || r == '\v' || r == '\f' || r == 0xa0
}

// lexProblem is why a line cannot be cut into words.
type lexProblem struct{ reason, mend string }

// splitWords cuts a line into words. Quotes and comments count only at the
// start of a word. literal reports a backslash that escapes nothing and was
// kept.
func splitWords(line string) (words []string, literal bool, problem *lexProblem) {
	for {
		line = strings.TrimLeftFunc(line, isBlank)
		if line == "" || line[0] == '#' || line[0] == ';' {
			return words, literal, nil
		}
		var word string
		var lit bool
		switch line[0] {
		case '\'':
			word, line, problem = singleQuoted(line[1:])
		case '"':
			word, line, lit, problem = escaped(line[1:], true)
		default:
			word, line, lit, problem = escaped(line, false)
		}
		if problem != nil {
			return nil, false, problem
		}
		words = append(words, word)
		literal = literal || lit
	}
}

func singleQuoted(s string) (word, rest string, problem *lexProblem) {
	word, rest, ok := strings.Cut(s, "'")
	if !ok {
		return "", "", &lexProblem{"a single quote is never closed", "end the value with '"}
	}
	return word, rest, nil
}

// escaped takes one word in which \\, \" and \blank stand for the second
// character, up to the closing quote or the next blank.
func escaped(s string, quoted bool) (word, rest string, literal bool, problem *lexProblem) {
	var w strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '\\' && i+1 == len(s):
			return "", "", false, &lexProblem{"the line ends in a backslash", "lines cannot be continued; write it in one line"}
		case r == '\\':
			if !strings.ContainsRune("\\\" \t", rune(s[i+1])) {
				literal = true
				w.WriteByte('\\')
				i++
				continue
			}
			i++
			n = 1
		case quoted && r == '"':
			return w.String(), s[i+1:], literal, nil
		case !quoted && isBlank(r):
			return w.String(), s[i:], literal, nil
		}
		w.WriteString(s[i : i+n])
		i += n
	}
	if quoted {
		return "", "", false, &lexProblem{"a double quote is never closed", "end the value with \""}
	}
	return w.String(), "", literal, nil
}
