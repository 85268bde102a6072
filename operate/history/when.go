package history

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Moments is a time as people say it: one moment, or all of a day.
type Moments struct{ From, Until time.Time }

// The layouts of times, and of days.
var (
	timeLayouts  = []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04"}
	clockLayouts = []string{"15:04:05", "15:04"}
)

// ParseTime reads a time as people say it, in the time zone of now: 2026-11-24 15:00, Tuesday
// 15:00, yesterday, 15:00, 3h ago, now. A weekday is the last one that was, and a time alone is
// today's, or yesterday's if that is still to come.
func ParseTime(text string, now time.Time) (m Moments, err error) {
	s := strings.Join(strings.Fields(text), " ")
	for _, layout := range timeLayouts {
		if t, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return Moments{t, t}, nil
		}
	}
	low := strings.ToLower(s)
	if low == "now" {
		return Moments{now, now}, nil
	}
	if ago, found := strings.CutSuffix(low, " ago"); found {
		if d, ok := parseAgo(ago); ok {
			t := now.Add(-d)
			return Moments{t, t}, nil
		}
		return m, unclear(text)
	}
	day, clock, ok := parseDay(low, now)
	switch {
	case !ok:
		return m, unclear(text)
	case clock == "":
		return Moments{day, day.AddDate(0, 0, 1).Add(-time.Nanosecond)}, nil
	}
	for _, layout := range clockLayouts {
		c, err := time.Parse(layout, clock)
		if err != nil {
			continue
		}
		t := time.Date(day.Year(), day.Month(), day.Day(), c.Hour(), c.Minute(), c.Second(), 0, now.Location())
		if t.After(now) && low == clock {
			t = t.AddDate(0, 0, -1)
		} else if t.After(now) && isWeekday(low) {
			t = t.AddDate(0, 0, -7)
		}
		return Moments{t, t}, nil
	}
	return m, unclear(text)
}

func unclear(text string) error {
	return fmt.Errorf("%q: expected a time, such as \"2026-11-24 15:00\", \"Tuesday 15:00\", yesterday, 15:00 or \"3h ago\"", text)
}

// parseDay reads a day, and returns what is behind it: a time, or nothing.
func parseDay(s string, now time.Time) (day time.Time, clock string, ok bool) {
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	word, rest, _ := strings.Cut(s, " ")
	rest = strings.TrimPrefix(rest, "at ")
	switch {
	case word == "today":
		return today, rest, true
	case word == "yesterday":
		return today.AddDate(0, 0, -1), rest, true
	case strings.Contains(word, ":"):
		return today, word, rest == ""
	}
	if w, is := weekday(word); is {
		back := (int(now.Weekday()) - int(w) + 7) % 7
		return today.AddDate(0, 0, -back), rest, true
	}
	if d, err := time.ParseInLocation(time.DateOnly, word, now.Location()); err == nil {
		return d, rest, true
	}
	return day, "", false
}

// weekday is the day of a name, or of its first letters, three or more.
func weekday(word string) (time.Weekday, bool) {
	for w := time.Sunday; w <= time.Saturday && len(word) >= 3; w++ {
		if strings.HasPrefix(strings.ToLower(w.String()), word) {
			return w, true
		}
	}
	return 0, false
}

func isWeekday(s string) bool {
	word, _, _ := strings.Cut(s, " ")
	_, is := weekday(word)
	return is
}

// units are those of time.ParseDuration and longer ones.
var units = []struct {
	names string
	unit  time.Duration
}{{"s sec second seconds", time.Second}, {"m min minute minutes", time.Minute}, {"h hour hours", time.Hour}, {"d day days", 24 * time.Hour}, {"w week weeks", 7 * 24 * time.Hour}}

// parseAgo reads a number and a unit, such as 3h, 2 days or an hour.
func parseAgo(s string) (time.Duration, bool) {
	i := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if i < 0 {
		return 0, false
	}
	n, unit := 1, strings.TrimSpace(s[i:])
	switch {
	case i > 0:
		var err error
		if n, err = strconv.Atoi(s[:i]); err != nil || n > 100000 {
			return 0, false
		}
	case strings.HasPrefix(s, "a "), strings.HasPrefix(s, "an "):
		_, unit, _ = strings.Cut(s, " ")
	default:
		return 0, false
	}
	for _, u := range units {
		for _, name := range strings.Fields(u.names) {
			if unit == name {
				return time.Duration(n) * u.unit, true
			}
		}
	}
	return 0, false
}
