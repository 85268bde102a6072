package users

import (
	"slices"
	"strings"
	"testing"
)

func TestWays(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "",
		"certificate":                       "certificate",
		" certificate + password , browser": "certificate+password,browser",
		"certificate+password+code,browser": "certificate+password+code,browser",
		"certificate+fingerprint":           `"fingerprint" is not a factor`,
		"certificate,":                      "a factor is missing",
		"password+password":                 "password stands twice",
		strings.Repeat("code,", maxWays) + "code": "17 ways: expected at most 16",
	} {
		ways, err := ParseWays(text)
		got := FormatWays(ways)
		if err != nil {
			got = err.Error()
		}
		if got != want && (err == nil || !strings.Contains(got, want)) {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func FuzzWays(f *testing.F) {
	f.Add("certificate+password+code,browser")
	f.Add("code,,+")
	f.Fuzz(func(t *testing.T, text string) {
		ways, err := ParseWays(text)
		if err != nil {
			return
		}
		again, err := ParseWays(FormatWays(ways))
		if err != nil || !slices.EqualFunc(ways, again, slices.Equal) {
			t.Errorf("%q became %v, and then %v, %v", text, ways, again, err)
		}
	})
}
