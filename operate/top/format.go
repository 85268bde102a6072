// Package top is a running process as a terminal shows it: one picture of it (culvert
// status), or one that follows what happens (culvert top).
package top

import (
	"fmt"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"culvert/internal/printable"
)

// bytesText is a number of bytes in units of people: 999 B, 1.5 KiB, 12 MiB.
func bytesText(n uint64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	value, units := float64(n)/1024, "KMGTPE"
	for value >= 1023.5 && len(units) > 1 {
		value, units = value/1024, units[1:]
	}
	if value < 9.95 {
		return fmt.Sprintf("%.1f %ciB", value, units[0])
	}
	return fmt.Sprintf("%.0f %ciB", value, units[0])
}

// rateText is a rate of bytes in bits a second, as links are measured.
func rateText(bytesPerSecond float64) string {
	bits, units := bytesPerSecond*8, " kMGT"
	if bits < 0.5 {
		return "0"
	}
	for bits >= 999.5 && len(units) > 1 {
		bits, units = bits/1000, units[1:]
	}
	unit := strings.TrimSpace(units[:1]) + "bit/s"
	if bits < 9.95 && unit != "bit/s" {
		return fmt.Sprintf("%.1f %s", bits, unit)
	}
	return fmt.Sprintf("%.0f %s", bits, unit)
}

// timeText is a duration by its two largest units: 4s, 3m 20s, 5h 2m, 12d 3h.
func timeText(d time.Duration) string {
	d = max(0, d).Round(time.Second)
	s := int64(d / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm %ds", s/60, s%60)
	case s < 24*3600:
		return fmt.Sprintf("%dh %dm", s/3600, s/60%60)
	}
	return fmt.Sprintf("%dd %dh", s/86400, s/3600%24)
}

// since is how long ago a moment was; "": there was none.
func since(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	return timeText(now.Sub(t))
}

// bars are the heights of a sparkline.
var bars = []rune(" ▁▂▃▄▅▆▇█")

// sparkline draws the last values, as many as there is room for, the highest at full height.
// What is more than nothing is seen. Without Unicode it draws by ASCII.
func sparkline(values []float64, width int) string {
	if len(values) > width {
		values = values[len(values)-width:]
	}
	highest := 0.0
	for _, v := range values {
		highest = max(highest, v)
	}
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", width-len(values)))
	for _, v := range values {
		n := 0
		if highest > 0 && v > 0 {
			n = max(1, int(v/highest*float64(len(bars)-1)+0.5))
		}
		b.WriteRune(bars[n])
	}
	return b.String()
}

// column is one of a table.
type column struct {
	head  string
	right bool // aligned
	most  int  // width; 0: as it needs
	spare bool // may be left out where there is no room; the last such one goes first
}

// table lines rows up under heads. Columns that are empty in all rows are left out. With a
// width, lines are no wider.
func table(columns []column, rows [][]string, width int) (head string, lines []string) {
	shown := make([]int, 0, len(columns))
	widths := make([]int, len(columns))
	for i, c := range columns {
		filled := false
		widths[i] = runewidth.StringWidth(c.head)
		for _, r := range rows {
			if r[i] != "" {
				filled = true
				widths[i] = max(widths[i], runewidth.StringWidth(r[i]))
			}
		}
		if c.most > 0 {
			widths[i] = min(widths[i], c.most)
		}
		if filled || len(rows) == 0 && !c.spare {
			shown = append(shown, i)
		}
	}
	shown = fit(columns, shown, widths, width)
	heads := make([]string, len(columns))
	for i, c := range columns {
		heads[i] = c.head
	}
	lines = make([]string, len(rows))
	for n, r := range rows {
		lines[n] = lineOf(columns, shown, widths, r, width)
	}
	return lineOf(columns, shown, widths, heads, width), lines
}

// fit leaves out spare columns until the rest has room.
func fit(columns []column, shown, widths []int, width int) []int {
	for width > 0 {
		total, last := 0, -1
		for n, i := range shown {
			total += widths[i] + 2
			if columns[i].spare {
				last = n
			}
		}
		if total-2 <= width || last < 0 {
			break
		}
		shown = append(append([]int(nil), shown[:last]...), shown[last+1:]...)
	}
	return shown
}

func lineOf(columns []column, shown, widths []int, cells []string, width int) string {
	var b strings.Builder
	for n, i := range shown {
		if n > 0 {
			b.WriteString("  ")
		}
		text := cells[i]
		if runewidth.StringWidth(text) > widths[i] {
			text = runewidth.Truncate(text, widths[i], "…")
		}
		gap := strings.Repeat(" ", widths[i]-runewidth.StringWidth(text))
		if columns[i].right {
			text, gap = gap+text, ""
		}
		b.WriteString(text + gap)
	}
	return cut(strings.TrimRight(b.String(), " "), width)
}

// cut ends a line at a width; 0: it is as long as it is.
func cut(line string, width int) string {
	if width > 0 && runewidth.StringWidth(line) > width {
		return runewidth.Truncate(line, width, "…")
	}
	return line
}

// name is what a stranger chose, safe to show.
func name(text string) string { return printable.Name(text) }
