package process

import (
	"os"

	"golang.org/x/term"
)

// Paints reports whether a file is a terminal that obeys escape sequences: not
// one that TERM calls dumb.
func Paints(f *os.File) bool {
	return term.IsTerminal(int(f.Fd())) && obeys(os.Getenv)
}

// Colors reports whether what is written to a file may be coloured: it is a
// terminal that can, and NO_COLOR is not set (https://no-color.org).
func Colors(f *os.File) bool {
	return Paints(f) && wantsColor(os.Getenv)
}

func obeys(env func(string) string) bool { return env("TERM") != "dumb" }

func wantsColor(env func(string) string) bool { return env("NO_COLOR") == "" }
