package management

import (
	"fmt"
	"time"
)

// history is the last messages of one kind: of the log, of states or of echo. The
// Interface's lock guards it.
type history struct {
	most  int
	lines []string
}

// defaultHistory is how many states and echoes are kept, as with OpenVPN, and lines
// of the log without management-log-cache.
const (
	mostStates = 100
	mostEchoes = 100
	defaultLog = 250
)

func (h *history) add(line string) {
	if h.lines = append(h.lines, line); len(h.lines) >= 2*h.most {
		h.lines = append([]string(nil), h.lines[len(h.lines)-h.most:]...)
	}
}

// last returns the last n lines, the oldest first; all for a negative n.
func (h *history) last(n int) []string {
	if n < 0 || n > h.most {
		n = h.most
	}
	return h.lines[max(0, len(h.lines)-n):]
}

// stamped is a line of a history: the time in seconds since 1970, and the text.
func stamped(now time.Time, text string) string { return fmt.Sprintf("%d,%s", now.Unix(), text) }
