package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadUsers: columns' names and a byte order mark, as spreadsheets write them, are no
// users.
func TestReadUsers(t *testing.T) {
	for text, want := range map[string]string{
		"name,full name,email,groups\nalice,Alice Example,,staff it\n":        "alice (Alice Example) [staff it] 2",
		"\ufeffName, Full name, Email address, Groups\r\n\r\nalice,Alice\r\n": "alice (Alice) [] 3",
		"\ufeffalice\n# a comment\nbob\n":                                     "alice () [] 1, bob () [] 3",
		"name\n":                                                              "name () [] 1",
		"alice\nname,full name\n":                                             "alice () [] 1, name (full name) [] 2",
		"":                                                                    "",
		"a,b,c,d,e\n":                                                         "line 1: 5 fields",
		"alice\nb b\n":                                                        `line 2: name "b b"`,
		"\"alice\n":                                                           "parse error on line 1",
	} {
		all, lines, err := readUsers(strings.NewReader(text))
		var words []string
		for i, u := range all {
			words = append(words, fmt.Sprintf("%s (%s) %v %d", u.Name, u.FullName, u.Groups, lines[i]))
		}
		got := strings.Join(words, ", ")
		if err != nil {
			got = err.Error()
		}
		if got != want && (err == nil || !strings.HasPrefix(got, want)) {
			t.Errorf("%q:\n%s\nexpected\n%s", text, got, want)
		}
	}
}

// TestImportNamesLines: a fault that only the store shows is named by its line, too.
func TestImportNamesLines(t *testing.T) {
	dir := office(t)
	table := filepath.Join(dir, "people.csv")
	if err := os.WriteFile(table, []byte("name,full name\n\nbob\neve,Eve,,stff\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if text := said(t, "", "user", "import", table, "--dir", dir); !strings.Contains(text, "line 4: user eve: there is no group") {
		t.Error(text)
	}
}
