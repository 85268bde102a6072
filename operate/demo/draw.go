package demo

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// stop is a stop on the path from the application to the web server.
type stop struct {
	name  string
	where string   // its address
	about string   // what it does, for newcomers
	saw   []string // what it measured
	next  string   // what happens between this stop and the next
}

// draw draws the path from top to bottom.
func draw(o Options, title string, stops []stop) {
	o.say("\n%s", title)
	o.say("  ↓ towards the web server, ↑ back to the application\n")
	for _, s := range stops {
		o.say("  ● %s  %s", s.name, s.where)
		bar := "│"
		if s.next == "" {
			bar = " "
		}
		o.say("  %s   (%s)", bar, s.about)
		for _, line := range s.saw {
			o.say("  %s   %s", bar, line)
		}
		if s.next != "" {
			o.say("  │\n  ├─ %s\n  ▼", s.next)
		}
	}
	o.say("")
}

// amount formats the packets and bytes at a stop.
func amount(arrow string, packets, bytes uint64) string {
	return fmt.Sprintf("%s %15s  %10s", arrow, count(packets, "packet"), size(bytes))
}

// moved is as amount, with the time for each packet.
func (t *traffic) moved(arrow string, each time.Duration, doing string) string {
	line := amount(arrow, t.packets.Load(), t.bytes.Load())
	if doing == "" {
		return line
	}
	return fmt.Sprintf("%s  %s each %s", line, micros(each), doing)
}

// micros formats a time in microseconds, without a fraction from a thousand up.
func micros(d time.Duration) string {
	if d >= time.Millisecond {
		return commas(uint64(d.Microseconds())) + " µs"
	}
	return fmt.Sprintf("%.1f µs", float64(d)/float64(time.Microsecond))
}

// count formats a number and its unit.
func count(n uint64, unit string) string {
	if n != 1 {
		unit += "s"
	}
	return commas(n) + " " + unit
}

func commas(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// size formats bytes in powers of 1000, as is usual for networks.
func size(n uint64) string {
	switch {
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d B", n)
}

func rate(bytes int64, d time.Duration) string {
	return fmt.Sprintf("%.1f MB/s", float64(bytes)/1e6/max(d, time.Microsecond).Seconds())
}

// application returns the first stop.
func application(got []fetched, next string) stop {
	s := stop{name: "application", next: next,
		about: "asks for two files, and does not know of the tunnel"}
	for _, f := range got {
		s.where = f.from
		s.saw = append(s.saw, fmt.Sprintf("GET %s: %s, first byte after %s, all after %s: %s",
			f.url, count(uint64(f.bytes), "byte"), micros(f.first), micros(f.took), f.rate()))
	}
	return s
}

// webServer returns the last stop.
func webServer(s *site) stop {
	last := stop{name: "web server", about: "answers, and sees this address asking"}
	for _, r := range s.requests() {
		last.where = r.to
		last.saw = append(last.saw, fmt.Sprintf("%s from %s: sent %s in %s", r.line, r.from, count(uint64(r.sent), "byte"), micros(r.took)))
	}
	return last
}
