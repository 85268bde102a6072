package config

import (
	"reflect"
	"strings"
	"testing"
)

func TestSplitWords(t *testing.T) {
	for line, want := range map[string][]string{
		"verb 3":                         {"verb", "3"},
		"verb 3#x":                       {"verb", "3#x"},
		"verb 3;":                        {"verb", "3;"},
		"verb 3 # comment":               {"verb", "3"},
		"verb 3 ;comment":                {"verb", "3"},
		"\u00a0verb\t3":                  {"verb", "3"},
		`"client"`:                       {"client"},
		`push "route 1.2.3.4"`:           {"push", "route 1.2.3.4"},
		`up 'ovpn-up 1 server'`:          {"up", "ovpn-up 1 server"},
		`x "a \"b\" \\ c\ d"`:            {"x", `a "b" \ c d`},
		`ca "C:\\Program Files\\ca.crt"`: {"ca", `C:\Program Files\ca.crt`},
		`ca 'C:\Program Files\ca.crt'`:   {"ca", `C:\Program Files\ca.crt`},
		`ca "C:\Program Files\ca.crt"`:   {"ca", `C:\Program Files\ca.crt`},
		`ca C:\Program\ Files`:           {"ca", `C:\Program Files`},
		`x it's a"b`:                     {"x", "it's", `a"b`},
		`x ""`:                           {"x", ""},
		`x "a"b`:                         {"x", "a", "b"},
		`a 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17`: {"a", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17"},
	} {
		got, _, problem := splitWords(line)
		if problem != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q, %v; want %q", line, got, problem, want)
		}
	}
	for _, line := range []string{`x "a`, `x 'a`, `x a\`, `x "a\`} {
		if got, _, problem := splitWords(line); problem == nil {
			t.Errorf("%s: %q, want an error", line, got)
		}
	}
}

func TestLexBlocks(t *testing.T) {
	for name, c := range map[string]struct {
		text, body string
		next       bool // a directive follows
	}{
		"plain":       {"<ca>\nx\n</ca>\nverb 3", "x\n", true},
		"indented":    {"  <ca>  \n x\n  </ca> # rest\nverb 3", " x\n", true},
		"comment":     {"<ca> # here\nx\n</ca>\nverb 3", "x\n", true},
		"CRLF":        {"<ca>\r\nx\r\n</ca>\r\nverb 3", "x\n", true},
		"no newline":  {"<ca>\nx\n</ca>", "x\n", false},
		"glued":       {"<ca>x\ny</ca>\nverb 3", "x\ny\n", true},
		"one line":    {"<ca>x</ca>\nverb 3", "x\n", true},
		"commented":   {"<ca>\n# </ca>\nx\n</ca>\nverb 3", "# </ca>\nx\n", true},
		"inner block": {"<ca>\n<key>\n</key>\n</ca>\nverb 3", "<key>\n</key>\n", true},
		"long line":   {"<ca>\n" + strings.Repeat("x", 5000) + "\n</ca>\nverb 3", strings.Repeat("x", 5000) + "\n", true},
	} {
		calls, _, errs := lex("f", []byte(c.text), 1)
		if len(errs) > 0 || len(calls) == 0 || !calls[0].inline || string(calls[0].body) != c.body {
			t.Errorf("%s: %+v %v", name, calls, errs)
			continue
		}
		if c.next != (len(calls) == 2 && calls[1].name == "verb") {
			t.Errorf("%s: followed by %+v", name, calls[1:])
		}
	}
}

func TestLexFaults(t *testing.T) {
	for text, want := range map[string]string{
		"\xff\xfec\x00":         "UTF-16",
		"<ca>\nx":               "never closed",
		"</ca>":                 "not open",
		"<<<<<<< HEAD":          "conflict",
		"<>":                    "opening tag",
		"<ca":                   "opening tag",
		"\n\nca \"x":            "f:3: a double quote",
		"<ca>\nx\n</ca>\n</ca>": "f:4: </ca>",
	} {
		_, _, errs := lex("f", []byte(text), 1)
		if len(errs) != 1 || !strings.Contains(errs[0].Error(), want) {
			t.Errorf("%q: %v, want %q", text, errs, want)
		}
	}
}
