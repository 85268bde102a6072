// Package console shows a client's connection to the person at a terminal: a line for
// each stage, and then one line that is kept up to date, with what the tunnel carries.
// For programs it writes each event as a line of JSON.
package console

import (
	"io"
	"slices"
	"sync"
)

// clearLine goes to the beginning of a terminal's line and erases it (ECMA-48, EL).
const clearLine = "\r\x1b[K"

// Screen is a terminal whose last line may be a live one. What is written comes above
// that line. It is safe for concurrent use.
type Screen struct {
	// Width is how many columns the terminal has, 0 if that is not known.
	Width func() int
	// Front reports whether this process has the terminal for itself: not one that runs
	// in the background of a shell, whose last line is that of its user. nil: always.
	Front func() bool

	mu    sync.Mutex
	out   io.Writer
	live  []string // the same line, each shorter than the one before; none: there is none
	drawn bool     // it is the terminal's last line
	held  int      // who keeps the live line away
}

// NewScreen returns the screen of a terminal.
func NewScreen(out io.Writer, width func() int) *Screen { return &Screen{Width: width, out: out} }

// Write writes whole lines above the live one.
func (s *Screen) Write(lines []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erase()
	n, err := s.out.Write(lines)
	s.draw()
	return n, err
}

// Live replaces the live line: by the first of some, each shorter than the one before,
// that the terminal has room for; none removes it.
func (s *Screen) Live(lines ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Equal(lines, s.live) {
		return
	}
	s.live = lines
	if len(lines) == 0 {
		s.erase()
	}
	s.draw()
}

// Hold keeps the live line away, while a user is asked, until release is called.
func (s *Screen) Hold() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erase()
	s.held++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.held--
		s.draw()
	}
}

// erase takes the live line away if it is there. The caller holds mu. A terminal that is
// gone shows nothing.
func (s *Screen) erase() {
	if s.drawn && s.front() {
		_, _ = io.WriteString(s.out, clearLine)
	}
	s.drawn = false
}

func (s *Screen) front() bool { return s.Front == nil || s.Front() }

// draw writes the live line, cut to the terminal where even the shortest is too long. The
// caller holds mu.
func (s *Screen) draw() {
	if !s.front() {
		s.drawn = false // what a shell shows there now is not ours
		return
	}
	if len(s.live) == 0 || s.held > 0 {
		return
	}
	w := s.Width()
	line := []rune(s.live[0])
	for _, shorter := range s.live[1:] {
		if w <= 1 || len(line) < w {
			break
		}
		line = []rune(shorter)
	}
	if w > 1 && len(line) >= w {
		line = append(line[:w-2], '…')
	}
	_, _ = io.WriteString(s.out, clearLine+string(line))
	s.drawn = true
}
