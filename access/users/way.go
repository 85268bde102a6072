package users

import (
	"fmt"
	"slices"
	"strings"
)

// The limits of what a group may require.
const (
	maxWays = 16
	wayHelp = "such as certificate+password,browser: factors are certificate, password, code and browser; + joins what is needed together, and a comma stands between ways of which one is enough"
)

// ParseWays reads ways as commands have them: factors joined by "+", and ways by ",", such
// as certificate+password+code,browser. "" is nil: nothing is said.
func ParseWays(text string) ([]Way, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var ways []Way
	for word := range strings.SplitSeq(text, ",") {
		w, err := parseWay(word)
		if err != nil {
			return nil, fmt.Errorf("ways to sign in %.200q: %w; write something %s", text, err, wayHelp)
		}
		ways = append(ways, w)
	}
	if len(ways) > maxWays {
		return nil, fmt.Errorf("ways to sign in: %d ways: expected at most %d", len(ways), maxWays)
	}
	return ways, nil
}

func parseWay(text string) (w Way, err error) {
	for word := range strings.SplitSeq(text, "+") {
		f := Factor(strings.TrimSpace(word))
		switch {
		case f == "":
			return nil, fmt.Errorf("a factor is missing in %.80q", text)
		case !slices.Contains(factors, f):
			return nil, fmt.Errorf("%.40q is not a factor", string(f))
		case slices.Contains(w, f):
			return nil, fmt.Errorf("%s stands twice in %.80q", f, text)
		}
		w = append(w, f)
	}
	return w, nil
}

// Known reports whether each of the factors is one that this program knows.
func (w Way) Known() bool {
	return !slices.ContainsFunc(w, func(f Factor) bool { return !slices.Contains(factors, f) })
}

// factors are all that there are.
var factors = []Factor{Certificate, Password, Code, Browser}

// FormatWays returns the text that ParseWays reads.
func FormatWays(ways []Way) string {
	words := make([]string, len(ways))
	for i, w := range ways {
		words[i] = w.String()
	}
	return strings.Join(words, ",")
}

// String returns the factors, joined by "+".
func (w Way) String() string {
	words := make([]string, len(w))
	for i, f := range w {
		words[i] = string(f)
	}
	return strings.Join(words, "+")
}

// Has reports whether a factor is in the way.
func (w Way) Has(f Factor) bool { return slices.Contains(w, f) }
