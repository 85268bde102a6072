package history

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Moments is a time as people say it: one moment, or all of a day.
type Moments struct{ From, Until time.Time }

// The layouts of times, and of days.
var (
	timeLayouts  = []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04"}
	clockLayouts = []string{"15:04:05", "15:04", "15"}
)

// ParseTime reads a time as people say it, in the time zone of now: 2026-11-24 15:00, Tuesday at
// 3pm, last Tuesday 15:00, yesterday, noon, two hours ago, now. A weekday is the last one that was,
// today's included but with "last", and a time alone is today's, or yesterday's if that is still to
// come. An hour is one of 24 unless am or pm is said: Tuesday at 3 is in the morning.
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
	day, clock, given, ok := parseDay(strings.TrimPrefix(low, "on "), now)
	switch {
	case !ok:
		return m, unclear(text)
	case clock == "":
		return Moments{day, day.AddDate(0, 0, 1).Add(-time.Nanosecond)}, nil
	}
	hour, minute, second, ok := parseClock(clock)
	if !ok {
		return m, unclear(text)
	}
	t := time.Date(day.Year(), day.Month(), day.Day(), hour, minute, second, 0, now.Location())
	switch {
	case !t.After(now):
	case given == nothing:
		t = t.AddDate(0, 0, -1)
	case given == aWeekday:
		t = t.AddDate(0, 0, -7)
	}
	return Moments{t, t}, nil
}

func unclear(text string) error {
	return fmt.Errorf("%q: expected a time, such as \"2026-11-24 15:00\", \"Tuesday at 3pm\", \"last Tuesday 15:00\", yesterday, noon, 15:00 or \"two hours ago\"", text)
}

// givenDay is how a day was said.
type givenDay int

const (
	nothing givenDay = iota // it is today
	aWeekday
	aDate
)

// parseDay reads a day, and returns what is behind it: a time, or nothing.
func parseDay(s string, now time.Time) (day time.Time, clock string, given givenDay, ok bool) {
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	s, last := strings.CutPrefix(s, "last ")
	word, rest, _ := strings.Cut(s, " ")
	rest = strings.TrimPrefix(rest, "at ")
	w, named := weekday(word)
	if !named && last {
		return day, "", nothing, false
	}
	switch date, err := time.ParseInLocation(time.DateOnly, word, now.Location()); {
	case named:
		back := (int(now.Weekday()) - int(w) + 7) % 7
		if last && back == 0 {
			back = 7
		}
		return today.AddDate(0, 0, -back), rest, aWeekday, true
	case err == nil:
		return date, rest, aDate, true
	case word == "today":
		return today, rest, aDate, true
	case word == "yesterday":
		return today.AddDate(0, 0, -1), rest, aDate, true
	case word == "at":
		return today, rest, nothing, rest != ""
	}
	if _, err := strconv.Atoi(s); err == nil {
		return day, "", nothing, false // an hour, or a day of a month
	}
	return today, s, nothing, s != ""
}

// parseClock reads a time of day: 15:04:05, 15:04, 15, 3pm, 3:30 pm, noon, midnight.
func parseClock(s string) (hour, minute, second int, ok bool) {
	switch s {
	case "noon":
		return 12, 0, 0, true
	case "midnight":
		return 0, 0, 0, true
	}
	s, morning := cutHalf(s, "am")
	s, afternoon := cutHalf(s, "pm")
	for _, layout := range clockLayouts {
		t, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		hour = t.Hour()
		switch half := morning || afternoon; {
		case half && (hour == 0 || hour > 12), morning && afternoon:
			return 0, 0, 0, false
		case half:
			hour %= 12
		}
		if afternoon {
			hour += 12
		}
		return hour, t.Minute(), t.Second(), true
	}
	return 0, 0, 0, false
}

// cutHalf cuts am or pm off a time of day.
func cutHalf(s, half string) (rest string, found bool) {
	rest, found = strings.CutSuffix(s, half)
	return strings.TrimSuffix(rest, " "), found
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

// units are those of time.ParseDuration and longer ones.
var units = []struct {
	names string
	unit  time.Duration
}{{"s sec second seconds", time.Second}, {"m min minute minutes", time.Minute}, {"h hour hours", time.Hour}, {"d day days", 24 * time.Hour}, {"w week weeks", 7 * 24 * time.Hour}}

// numbers are those that people write as words.
var numbers = strings.Fields("zero one two three four five six seven eight nine ten eleven twelve")

// parseAgo reads a number and a unit, such as 3h, 2 days, two days or an hour.
func parseAgo(s string) (time.Duration, bool) {
	if word, unit, spaced := strings.Cut(s, " "); spaced {
		if n := slices.Index(numbers, word); n > 0 {
			s = strconv.Itoa(n) + " " + unit
		}
	}
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
