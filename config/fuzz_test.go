package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// seeds are the configurations of testdata.
func seeds(f *testing.F, pattern string) [][]byte {
	names, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(names) == 0 {
		f.Fatalf("no %s: %v", pattern, err)
	}
	var all [][]byte
	for _, n := range names {
		text, err := os.ReadFile(n)
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, text)
	}
	return all
}

// judge demands a configuration or a typed error, never both or neither.
func judge(t *testing.T, c *Config, err error) {
	var e *Error
	if (c == nil) == (err == nil) || err != nil && !errors.As(err, &e) {
		t.Errorf("%v and %v", c, err)
	}
}

func FuzzParseFile(f *testing.F) {
	for _, pattern := range []string{"*.ovpn", "*.conf"} {
		for _, text := range seeds(f, pattern) {
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseFile("fuzz", text, readTest)
		judge(t, c, err)
	})
}

func FuzzParseArgs(f *testing.F) {
	for _, text := range seeds(f, "*.ovpn") {
		f.Add("--" + strings.Join(strings.Split(string(text), "\n"), "\x00--"))
	}
	f.Add("--client\x00--remote\x00a\x001194\x00--config\x00common.conf")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseArgs(strings.Split(text, "\x00"), readTest)
		judge(t, c, err)
	})
}

func FuzzParsePushed(f *testing.F) {
	for _, text := range seeds(f, "*.push.txt") {
		f.Add(string(text))
	}
	base := plainest(f)
	before := outcome(base, defaults(), nil, nil)
	f.Fuzz(func(t *testing.T, text string) {
		c, _, err := ParsePushed(base, strings.Split(text, "\n"))
		judge(t, c, err)
		if outcome(base, defaults(), nil, nil) != before {
			t.Error("base has changed")
		}
	})
}
