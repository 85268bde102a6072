// Package console shows a client's connection to the person at a terminal: a line for
// each stage, and then one line that is kept up to date, with what the tunnel carries.
// For programs it writes each event as a line of JSON.
package console

import (
	"io"
	"sync"
)

// clearLine goes to the beginning of a terminal's line and erases it (ECMA-48, EL).
const clearLine = "\r\x1b[K"

// Screen is a terminal whose last line may be a live one. What is written comes above
// that line. It is safe for concurrent use.
type Screen struct {
	// Width is how many columns the terminal has, 0 if that is not known.
	Width func() int

	mu   sync.Mutex
	out  io.Writer
	live string // "": there is none
	held int    // who keeps the live line away
}

// NewScreen returns the screen of a terminal.
func NewScreen(out io.Writer, width func() int) *Screen { return &Screen{Width: width, out: out} }

// Write writes whole lines above the live one.
func (s *Screen) Write(lines []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := io.WriteString(s.out, clearLine); err != nil {
		return 0, err
	}
	n, err := s.out.Write(lines)
	s.draw()
	return n, err
}

// Live replaces the live line; "" removes it.
func (s *Screen) Live(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if line == s.live {
		return
	}
	s.live = line
	if line == "" && s.held == 0 {
		_, _ = io.WriteString(s.out, clearLine) // a terminal that is gone shows nothing
	}
	s.draw()
}

// Hold keeps the live line away, while a user is asked, until release is called.
func (s *Screen) Hold() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == 0 && s.live != "" {
		_, _ = io.WriteString(s.out, clearLine)
	}
	s.held++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.held--
		s.draw()
	}
}

// draw writes the live line, cut to the terminal. The caller holds mu.
func (s *Screen) draw() {
	if s.live == "" || s.held > 0 {
		return
	}
	line := []rune(s.live)
	if w := s.Width(); w > 1 && len(line) >= w {
		line = append(line[:w-2], '…')
	}
	_, _ = io.WriteString(s.out, clearLine+string(line))
}
