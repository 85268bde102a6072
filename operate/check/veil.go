package check

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"culvert/config"
)

// cut stands for what is not shown, since it may be a secret.
const cut = "[...]"

// secretName fits names of what is not to be shown: passwords, tokens, keys.
var secretName = regexp.MustCompile(`(?i)pass(wd|word|phrase|code)?($|[^a-z])|pas+(word|wd|phrase)|pwd|secret|token|credential|authorization|cookie|(^|[_-])(api_?)?(key|pin|otp|psk)($|[_-])`)

// assigned fits a word such as --password=x or PASSWORD=x; the name is its first part.
var assigned = regexp.MustCompile(`^(-{0,2}[A-Za-z_][\w-]*[=:])(.+)$`)

// userInfo is a user name and a password before a host's name.
var userInfo = regexp.MustCompile(`((?:^|//)[^/\s:@]+:)[^/\s@]+@`)

// material fits what has the form of a key: a long word in base64 or hexadecimal.
var material = regexp.MustCompile(`[A-Za-z0-9+/]{40,}={0,2}`)

// inProse fits a password in a comment.
var inProse = regexp.MustCompile(`(?i)\b(pass(?:word|wd|phrase|code)?|pwd|secret|token|pin)(\s*[:=]\s*|\s+is\s+)\S+`)

// keywords are words in the place of a password that are none.
var keywords = []string{"auto", "auto-nct", "stdin", "none", "basic", "ntlm", "ntlm2", "unix", "username-only", "[inline]"}

// veil hides what may be a secret in what is shown of a configuration.
type veil struct {
	*subject
	depth int // of a line in lines (`push`, `setenv opt`)
}

// deepest is how deep lines stand in one another before all of their words are hidden.
const deepest = 8

// veiled is a line without the words in it that may be secrets.
func (s veil) veiled(l config.Line) config.Line {
	_, known := config.Lookup(l.Name)
	l.Args = slices.Clone(l.Args)
	if s.depth++; s.depth > deepest {
		hide(l.Args)
		return l
	}
	switch l.Name {
	case "push", "push-remove":
		s.showPushed(l.Args)
	case "setenv", "setenv-safe":
		if inner, ok := optional(l); ok {
			inner = s.veiled(inner)
			l.Args = append([]string{"opt", inner.Name}, inner.Args...)
		} else if len(l.Args) > 0 && secretName.MatchString(l.Args[0]) {
			hide(l.Args[1:])
		}
	case "plugin":
		showPlugin(l.Args)
	case "http-proxy-option":
		showHeader(l.Args)
	case "scramble":
		if len(l.Args) > 0 && slices.Contains([]string{"obfuscate", "xormask", "xorptrpos", "reverse"}, l.Args[0]) {
			hide(l.Args[1:])
		} else {
			hide(l.Args)
		}
	case "auth-token":
		hide(l.Args)
	case "auth-user-pass", "http-proxy-user-pass", "pkcs12", "key":
		hide(l.Args[min(1, len(l.Args)):])
	case "askpass":
		s.hideWord(l.Args, 0)
		hide(l.Args[min(1, len(l.Args)):])
	case "management", "socks-proxy":
		s.hideWord(l.Args, 2)
		hide(l.Args[min(3, len(l.Args)):])
	case "http-proxy":
		s.hideWord(l.Args, 2)
	}
	if !known && !l.Inline {
		s.showUnknown(&l)
	}
	for i, a := range l.Args {
		if strings.Contains(a, "@") {
			l.Args[i] = userInfo.ReplaceAllString(a, "${1}"+cut+"@")
		}
		if l.Name != "plugin" {
			l.Args[i] = showCommand(l.Args[i])
		}
	}
	return l
}

func hide(words []string) {
	for i := range words {
		words[i] = cut
	}
}

// hideWord hides a value that is to be a file's name, where there is no such file and
// it is a single word: somebody may have written a password itself.
func (s veil) hideWord(args []string, i int) {
	if i >= len(args) || strings.ContainsAny(args[i], `/\.`) || slices.Contains(keywords, strings.ToLower(args[i])) {
		return
	}
	if _, err := s.read(args[i]); err != nil {
		args[i] = cut
	}
}

// showPushed hides what is secret in a directive that is pushed, which is one value or
// several.
func (s veil) showPushed(args []string) {
	switch {
	case len(args) == 1:
		if inner := config.Lines("", []byte(args[0])); len(inner) == 1 && !inner[0].Inline {
			if show := s.veiled(inner[0]).String(); show != inner[0].String() {
				args[0] = show
			}
		}
	case len(args) > 1:
		inner := s.veiled(config.Line{Name: args[0], Args: args[1:]})
		copy(args[1:], inner.Args)
	}
}

// pamWords are words that a plugin for PAM replaces, and the questions they answer. Other
// answers stand in the line itself.
var pamWords = regexp.MustCompile(`^(USERNAME|PASSWORD|COMMONNAME|OTP)$`)

// location fits a file's path, and an address without a login or a query.
var location = regexp.MustCompile(`^(/|https?://[^?@]*$)`)

// showPlugin shows a plugin's path, and of its words the service of PAM or the file of
// LDAP, files and addresses, the questions of PAM, and what takes the place of answers.
func showPlugin(args []string) {
	if len(args) == 0 {
		return
	}
	path, at := strings.ToLower(args[0]), 0
	for i := 1; i < len(args); i++ {
		words := strings.Fields(args[i])
		for k, w := range words {
			at++
			question := strings.Contains(path, "pam") && at%2 == 0
			service := at == 1 && (strings.Contains(path, "pam") || strings.Contains(path, "ldap"))
			if !service && !question && !pamWords.MatchString(w) && !location.MatchString(w) {
				words[k] = cut
			}
		}
		args[i] = strings.Join(words, " ")
	}
}

// showHeader hides the value of a header for a proxy, which may be what logs in.
func showHeader(args []string) {
	if len(args) < 2 || args[0] != "CUSTOM-HEADER" || !secretName.MatchString(args[1]) {
		return
	}
	hide(args[2:])
	if at := strings.IndexAny(args[1], ": "); at >= 0 {
		args[1] = args[1][:at+1] + cut
	}
}

// showCommand hides passwords among the arguments of a program.
func showCommand(command string) string {
	words := strings.Fields(command)
	changed := false
	for i, w := range words {
		switch m := assigned.FindStringSubmatch(w); {
		case m != nil && secretName.MatchString(strings.TrimRight(m[1], "=:")):
			words[i], changed = m[1]+cut, true
		case i > 0 && strings.HasPrefix(words[i-1], "-") && secretName.MatchString(strings.TrimLeft(words[i-1], "-")):
			words[i], changed = cut, true
		}
	}
	if !changed {
		return command
	}
	return strings.Join(words, " ")
}

// showUnknown hides what is no directive and may be a secret: a line of a key, a login
// that was pasted without its block, a misspelt directive with a password.
func (s veil) showUnknown(l *config.Line) {
	switch {
	case s.pasted[l.Pos.Line], material.MatchString(l.Name):
		l.Name = cut
		hide(l.Args)
	case secretName.MatchString(l.Name):
		hide(l.Args)
	}
	for i, a := range l.Args {
		l.Args[i] = material.ReplaceAllString(a, cut)
	}
}

// pastedLogins returns the lines that look like a login beneath a directive that asks
// for one, or like the rest of a key.
func pastedLogins(lines []config.Line) map[int]bool {
	pasted := map[int]bool{}
	left := 0
	for _, l := range lines {
		_, known := config.Lookup(l.Name)
		switch {
		case known && !l.Inline && len(l.Args) == 0 && slices.Contains([]string{"auth-user-pass", "askpass", "http-proxy-user-pass"}, l.Name):
			left = 2
		case known || l.Inline:
			left = 0
		case left > 0:
			pasted[l.Pos.Line] = true
			left--
		}
		if !known && material.MatchString(l.Name) {
			left = 1
		}
	}
	return pasted
}

// covered returns a text about a line without the line's secrets. A line that cannot be
// read has those that it would have if blanks alone cut it.
func (s veil) covered(number int, text string) string {
	first, ok := s.begins[number]
	if words := s.words(number); !ok && len(words) > 0 {
		return s.coverLine(config.Line{Pos: config.Pos{Line: number}, Name: strings.TrimPrefix(words[0], "--"), Args: words[1:]}, text)
	}
	for i := first; ok && i < len(s.lines) && s.lines[i].Pos.Line == number; i++ {
		text = s.coverLine(s.lines[i], text)
	}
	return text
}

// words returns what blanks part in a line of the file, nil if there is no such line.
func (s veil) words(number int) []string {
	if number < 1 || number > len(s.rows) {
		return nil
	}
	return strings.Fields(string(s.rows[number-1]))
}

// coverLine takes the words that veiled hides out of a text. Longer ones go first, since
// one may be the beginning of another.
func (s veil) coverLine(l config.Line, text string) string {
	pairs := s.pairs(l)
	slices.SortStableFunc(pairs, func(a, b [2]string) int { return len(b[0]) - len(a[0]) })
	for _, p := range pairs {
		text = coverWord(text, p[0], p[1])
	}
	return text
}

// pairs returns the words of a line that veiled hides, those of a pushed directive too,
// each with what is shown of it.
func (s veil) pairs(l config.Line) [][2]string {
	all := s.ownPairs(l)
	if inner, ok := optional(l); ok {
		l = inner
	}
	if l.Name == "push" {
		for _, inner := range config.Lines("", []byte(strings.Join(l.Args, " "))) {
			all = append(all, s.ownPairs(inner)...)
		}
	}
	return all
}

// ownPairs is pairs without those of a pushed directive.
func (s veil) ownPairs(l config.Line) (all [][2]string) {
	shown := s.veiled(l)
	add := func(word, show string) {
		if word != show && word != "" {
			all = append(all, [2]string{word, show})
		}
	}
	add(l.Name, shown.Name)
	for i, a := range l.Args {
		add(a, shown.Args[i])
	}
	return all
}

// coverWord takes a word out of a text where it stands by itself in quotes, and longer
// than three bytes anywhere: as it is or escaped, with blanks for tabs as it is pushed,
// without marks of a word processor, and cut.
func coverWord(text, word, show string) string {
	text = strings.ReplaceAll(text, strconv.Quote(word), strconv.Quote(show))
	bare := strings.Trim(word, typeset)
	for _, form := range []string{word, strings.ReplaceAll(word, "\t", " "), bare} {
		if len(form) <= 3 {
			continue
		}
		text = strings.ReplaceAll(text, escaped(form), escaped(show))
		text = strings.ReplaceAll(text, form, show)
		text = coverCut(text, form, show)
	}
	return text
}

// typeset are the quotes and dashes of word processors, without which config names a word
// in its advice.
const typeset = "“”„‟‘’‚‛«»‐‑‒–—―−"

// escaped is a text as it stands in quotes.
func escaped(text string) string {
	q := strconv.Quote(text)
	return q[1 : len(q)-1]
}

// coverCut takes out of a text the beginning of a word at the end of a value that config
// cut. It cuts at a byte, before it escapes.
func coverCut(text, word, show string) string {
	const most, mark = 80, `..."`
	parts := strings.Split(text, mark)
	for i := range parts[:len(parts)-1] {
		for n := min(len(word)-1, most); n > 0; n-- {
			if before, ok := strings.CutSuffix(parts[i], escaped(word[:n])); ok {
				parts[i] = before + escaped(show)
				break
			}
		}
	}
	return strings.Join(parts, mark)
}

// coveredAll takes the secrets of all lines out of a text.
func (s veil) coveredAll(text string) string {
	for _, l := range s.lines {
		text = s.coverLine(l, text)
	}
	return text
}

// comment is a comment, or a line without a directive, without what may be secret in it.
func (s veil) comment(text string) string {
	bare := strings.TrimLeft(text, "#; \t")
	if lines := config.Lines("", []byte(bare)); len(lines) == 1 && !lines[0].Inline {
		l := lines[0]
		if _, known := config.Lookup(l.Name); known && s.veiled(l).String() != l.String() {
			return text[:len(text)-len(bare)] + s.veiled(l).String() + s.comment(l.Comment)
		}
	}
	text = inProse.ReplaceAllString(text, "$1${2}"+cut)
	return material.ReplaceAllString(text, cut)
}

// hidden returns the lines of a text, with a mark for each that is in a block, and for
// each word that may be a secret.
func (s veil) hidden(text []byte) (rows []string) {
	for _, row := range splitRows(text) {
		rows = append(rows, string(row))
	}
	if last := len(rows) - 1; rows[last] == "" {
		rows = rows[:last]
	}
	done := make([]bool, len(rows)+1)
	lines := config.Lines(s.name, text)
	for i, l := range lines {
		first, last := l.Pos.Line, min(l.Last, len(rows))
		if l.Inline && l.Name != "connection" {
			for k := first; k <= last; k++ {
				done[k] = true
				if row := strings.TrimSpace(rows[k-1]); row != "<"+l.Name+">" && row != "</"+l.Name+">" {
					rows[k-1] = cut
				}
			}
		} else if !l.Inline && first <= len(rows) && !done[first] {
			done[first] = true
			rows[first-1] = s.hiddenRow(rows[first-1], lines[i:])
		}
	}
	inKey := false
	for k, row := range rows {
		inKey = inKey || strings.Contains(row, "-----BEGIN")
		switch {
		case done[k+1]:
		case inKey && !strings.Contains(row, "-----"):
			rows[k] = cut
		default:
			rows[k] = s.comment(row)
		}
		inKey = inKey && !strings.Contains(row, "-----END")
	}
	return rows
}

// hiddenRow is a line of the file with the directive lines[0], and those that share it.
func (s veil) hiddenRow(row string, lines []config.Line) string {
	for _, l := range lines {
		if l.Pos.Line != lines[0].Pos.Line {
			break
		}
		if show := s.veiled(l).String(); show != l.String() {
			indent := row[:len(row)-len(strings.TrimLeft(row, " \t"))]
			return strings.TrimRight(indent+show+" "+s.comment(l.Comment), " ")
		}
		if l.Comment != "" {
			row = strings.Replace(row, l.Comment, s.comment(l.Comment), 1)
		}
	}
	return row
}

// cover takes secrets of the file's lines out of what is said about them.
func (s veil) cover(r *Report) {
	for i := range r.Findings {
		if f := &r.Findings[i]; f.File == s.name {
			f.Text, f.Instead = s.covered(f.Line, f.Text), s.covered(f.Line, f.Instead)
		}
	}
	for _, v := range r.Stock {
		for i := range v.Reasons {
			v.Reasons[i].Text = s.covered(v.Reasons[i].Line, v.Reasons[i].Text)
		}
	}
}
