package users

import (
	"fmt"
	"strconv"
	"time"
)

// ParseExpiry reads when something ends: a day (2026-12-31, to its end, where now is), a
// time from now on (30d, 8w, 12h), or never, which is the zero time.
func ParseExpiry(s string, now time.Time) (time.Time, error) {
	fail := fmt.Errorf("expiry %.40q: expected a day such as 2026-12-31, a time from now such as 30d, 8w or 12h, or never", s)
	if s == "never" {
		return time.Time{}, nil
	}
	if day, err := time.ParseInLocation(time.DateOnly, s, now.Location()); err == nil {
		return later(time.Date(day.Year(), day.Month(), day.Day(), 23, 59, 59, 0, now.Location()), s, now)
	}
	if s == "" {
		return time.Time{}, fail
	}
	const most = 100 * 365 * 24 // hours
	n, err := strconv.ParseUint(s[:len(s)-1], 10, 31)
	hours, known := map[byte]uint64{'h': 1, 'd': 24, 'w': 7 * 24}[s[len(s)-1]]
	if err != nil || !known || n == 0 || n > most/hours {
		return time.Time{}, fail
	}
	return now.Add(time.Duration(n*hours) * time.Hour).Truncate(time.Second), nil
}

// later fails if an end is over: whoever wants that disables.
func later(end time.Time, s string, now time.Time) (time.Time, error) {
	if !end.After(now) {
		return time.Time{}, fmt.Errorf("expiry %s: that day is over; to shut somebody out, disable them", s)
	}
	return end, nil
}
