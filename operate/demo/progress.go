package demo

import (
	"fmt"
	"strings"
	"time"
)

const barWidth = 30

// progress shows the progress of a download: as a bar on a terminal, otherwise as
// a line for every tenth. For a file that fits in one read it shows nothing.
type progress struct {
	o           Options
	name        string
	total, done int64
	start       time.Time
	shown       int64 // hundredths shown last
}

func (p *progress) Write(b []byte) (int, error) {
	if p.start.IsZero() {
		p.start = time.Now()
	}
	p.done += int64(len(b))
	percent := 100 * p.done / max(p.total, 1)
	step := int64(10)
	if p.o.Terminal {
		step = 1
	}
	if percent/step > p.shown/step && p.done > int64(len(b)) {
		p.shown = percent
		p.paint(percent)
	}
	return len(b), nil
}

func (p *progress) paint(percent int64) {
	line := fmt.Sprintf("%3d %%  %s  %s", percent, strings.TrimPrefix(p.name, "/"), rate(p.done, time.Since(p.start)))
	if !p.o.Terminal {
		p.o.say("  %-11s %s", "", line)
		return
	}
	full := int(min(percent, 100)) * barWidth / 100
	fmt.Fprintf(p.o.Out, "\r  %s%s %s\x1b[K", strings.Repeat("█", full), strings.Repeat("░", barWidth-full), line)
}

// end clears the line.
func (p *progress) end() {
	if p.o.Terminal && p.shown > 0 {
		fmt.Fprint(p.o.Out, "\r\x1b[K")
	}
}
