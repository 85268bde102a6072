package config

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

// call is one directive as it was given.
type call struct {
	Pos
	name   string
	args   []string
	inline bool    // given as a block
	body   []byte  // the block's text
	record *record // of the parse that it belongs to
	glued  bool    // to the end of a block, on one line with its closing tag

	last    int    // the number of its last line
	comment string // what follows it in its line, from # or ; on
}

// lexer cuts a configuration file into calls.
//
// The rules are those of OpenVPN's manual (generic options, --config; inline
// file support), relaxed where a person's meaning is plain: any line ending and
// any length, text on the same line as a block's tags, single backslashes.
type lexer struct {
	file  string
	first int // the number of the first line
	lines [][]byte
	at    int // lines taken so far
	glued int // the line, counted like at, that was cut off another one
	notes []Note
	errs  []*Error
}

// lex cuts text into calls. first is the number of its first line.
func lex(file string, text []byte, first int) ([]call, []Note, []*Error) {
	x := &lexer{file: file, first: first}
	if problem := otherFormat(text); problem != nil {
		x.fail(Pos{file, first}, problem.reason, problem.mend)
		return nil, nil, x.errs
	}
	text = bytes.TrimPrefix(text, []byte(utf8BOM))
	text = bytes.TrimRight(text, "\x1a\x00")
	x.lines = splitLines(text)
	var calls []call
	for x.at < len(x.lines) {
		pos := Pos{file, first + x.at}
		line := x.lines[x.at]
		x.at++
		if d, ok := x.line(pos, line); ok {
			d.last = max(pos.Line, first+x.taken()-1)
			calls = append(calls, d)
		}
	}
	return calls, x.notes, x.errs
}

// taken is how many lines are taken, at least in part.
func (x *lexer) taken() int {
	if x.glued == x.at+1 { // the end of a block's last line comes next
		return x.at + 1
	}
	return x.at
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
	case strings.HasPrefix(trimmed, "-----BEGIN "):
		x.fail(pos, "a certificate or a key outside of a block", "put it in a block: between <ca> and </ca>, <cert> and </cert> or <key> and </key>")
		x.skipPEM()
		return call{}, false
	}
	return x.directive(pos, x.beforeBlock(pos, trimmed))
}

// skipPEM skips the rest of a certificate or key.
func (x *lexer) skipPEM() {
	for i, line := range x.lines[x.at:] {
		if bytes.HasPrefix(line, []byte("-----END ")) {
			x.at += i + 1
			return
		}
	}
}

// beforeBlock returns a directive's line without a block's tag at its end, and
// makes the tag the next line. It is a tag if the block is closed further down.
func (x *lexer) beforeBlock(pos Pos, line string) string {
	before, tag, ok := strings.Cut(line, "<")
	name, isTag := strings.CutSuffix(tag, ">")
	if !ok || !isTag || strings.ContainsAny(before, "\"'#;") || strings.ContainsAny(name, "/<> \t") || !x.closesBelow(name) {
		return line
	}
	x.at--
	x.lines[x.at] = []byte("<" + tag)
	x.note(pos, "<"+name+"> is taken as a line of its own")
	return before
}

func (x *lexer) closesBelow(name string) bool {
	end := []byte("</" + name + ">")
	return slices.ContainsFunc(x.lines[x.at:], func(line []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(line), end) })
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
	words, comment, literal, problem := cutWords(line)
	if problem == nil {
		problem = curlyQuotes(words)
	}
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
	return call{Pos: pos, name: strings.TrimPrefix(words[0], "--"), args: words[1:], comment: comment, glued: x.glued == x.at}, true
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
	d := call{Pos: pos, name: name, inline: true, glued: x.glued == x.at}
	rest = strings.TrimLeftFunc(rest, isBlank)
	if rest != "" && rest[0] != '#' && rest[0] != ';' {
		x.note(pos, "text on the line of <"+name+"> is taken as the block's first line")
		if before, after, closed := strings.Cut(rest, "</"+name+">"); closed {
			d.body = []byte(before + "\n")
			x.again(d, after)
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
		before, after, closed := bytes.Cut(line, end)
		if !closed || bytes.HasPrefix(bytes.TrimSpace(before), []byte("#")) {
			d.body = append(append(d.body, line...), '\n')
			continue
		}
		if text := bytes.TrimSpace(before); len(text) > 0 {
			x.note(d.Pos, "text on the line of </"+d.name+"> is taken as the block's last line")
			d.body = append(append(d.body, text...), '\n')
		}
		x.again(*d, string(after))
		return true
	}
	x.fail(d.Pos, "<"+d.name+"> is never closed", "end it with a line </"+d.name+">")
	return false
}

// again makes what follows a block's closing tag the next line: two lines may have
// been run together there.
func (x *lexer) again(d call, after string) {
	after = strings.TrimFunc(after, isBlank)
	if after == "" || after[0] == '#' || after[0] == ';' {
		return
	}
	x.at--
	x.lines[x.at] = []byte(after)
	x.glued = x.at + 1
}

// isBlank includes what copying from web pages leaves: the no-break space, and two
// spaces without width.
func isBlank(r rune) bool {
	return r == ' ' || r == '\t' || r == '\v' || r == '\f' || r == 0xa0 || r == 0x200b || r == 0xfeff
}

// curly are the quotation marks that word processors and web pages write for
// straight ones.
const curly = "“”„‟‘’‚‛«»"

// freeText are the directives whose values are words for people.
var freeText = []string{"echo", "parameter", "setenv", "setenv-safe", "static-challenge"}

// dashes are what they write for the hyphens before a name.
const dashes = "‐‑‒–—―−"

// curlyQuotes refuses a value in curly quotes, which quote nothing.
func curlyQuotes(words []string) *lexProblem {
	if len(words) == 0 || slices.Contains(freeText, words[0]) {
		return nil
	}
	for _, word := range words[1:] {
		first, _ := utf8.DecodeRuneInString(word)
		last, _ := utf8.DecodeLastRuneInString(word)
		if strings.ContainsRune(curly, first) || strings.ContainsRune(curly, last) {
			return &lexProblem{quote(word) + " has curly quotes, which are part of the value here", `write straight ones, " or '`}
		}
	}
	return nil
}

// lexProblem is why a line cannot be cut into words.
type lexProblem struct{ reason, mend string }

// splitWords cuts a line into words. Quotes and comments count only at the
// start of a word. literal reports a backslash that escapes nothing and was
// kept.
func splitWords(line string) (words []string, literal bool, problem *lexProblem) {
	words, _, literal, problem = cutWords(line)
	return words, literal, problem
}

// Words cuts a text into words, as a line of a configuration: with quotes and backslashes.
func Words(line string) ([]string, error) {
	words, _, problem := splitWords(line)
	if problem != nil {
		return nil, errors.New(problem.reason + "; " + problem.mend)
	}
	return words, nil
}

// cutWords is splitWords, with the comment that ends the line.
func cutWords(line string) (words []string, comment string, literal bool, problem *lexProblem) {
	for {
		line = strings.TrimLeftFunc(line, isBlank)
		if line == "" || line[0] == '#' || line[0] == ';' {
			return words, line, literal, nil
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
			return nil, "", false, problem
		}
		words = append(words, word)
		literal = literal || lit
	}
}

func singleQuoted(s string) (word, rest string, problem *lexProblem) {
	word, rest, ok := strings.Cut(s, "'")
	if !ok {
		return "", "", neverClosed("a single quote", "'", s)
	}
	return word, rest, nil
}

// neverClosed also notices a curly quote where the straight one should be.
func neverClosed(what, mark, s string) *lexProblem {
	if strings.ContainsAny(s, curly) {
		return &lexProblem{what + " is never closed: the quotes after it are curly", "write straight ones, " + mark}
	}
	return &lexProblem{what + " is never closed", "end the value with " + mark}
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
		return "", "", false, neverClosed("a double quote", `"`, s)
	}
	return w.String(), "", literal, nil
}
