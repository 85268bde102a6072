package limits

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Hours are when somebody may be connected; nil: always.
type Hours []Span

// Span is a time of day on some days of the week.
type Span struct {
	Days [7]bool // by time.Weekday
	// From and To are minutes since midnight, 0 to 1440. Where To is not after From the span
	// goes on into the next day.
	From, To int
}

var dayNames = [7]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// maxSpans bounds what one text says.
const maxSpans = 50

// ParseHours reads spans such as mon-fri 08:00-18:00, sat 09:00-13:00.
func ParseHours(s string) (Hours, error) {
	parts := strings.Split(s, ",")
	if len(parts) > maxSpans {
		return nil, fmt.Errorf("hours: %d spans: expected at most %d", len(parts), maxSpans)
	}
	var h Hours
	for _, part := range parts {
		span, err := parseSpan(strings.Fields(part))
		if err != nil {
			return nil, fmt.Errorf("hours %.60q: %w; expected days and times, such as mon-fri 08:00-18:00, sat 09:00-13:00", strings.TrimSpace(part), err)
		}
		h = append(h, span)
	}
	return h, nil
}

func parseSpan(words []string) (s Span, err error) {
	if len(words) == 0 || len(words) > 2 {
		return s, fmt.Errorf("%d words", len(words))
	}
	times := words[len(words)-1]
	days := "mon-sun"
	if len(words) == 2 {
		days = words[0]
	}
	if err := s.days(days); err != nil {
		return s, err
	}
	from, to, _ := strings.Cut(times, "-")
	if s.From, err = minutes(from); err != nil {
		return s, err
	}
	if s.To, err = minutes(to); err != nil {
		return s, err
	}
	if s.From == 24*60 {
		return s, fmt.Errorf("it begins at 24:00")
	}
	return s, nil
}

// days reads one day, or the first and the last of several.
func (s *Span) days(text string) error {
	first, last, several := strings.Cut(text, "-")
	if !several {
		last = first
	}
	from, to := -1, -1
	for i, name := range dayNames {
		if strings.EqualFold(first, name) {
			from = i
		}
		if strings.EqualFold(last, name) {
			to = i
		}
	}
	if from < 0 || to < 0 {
		return fmt.Errorf("days %.20q are not known", text)
	}
	for i := from; ; i = (i + 1) % 7 {
		s.Days[i] = true
		if i == to {
			return nil
		}
	}
}

// minutes reads a time of day.
func minutes(s string) (int, error) {
	hour, minute, ok := strings.Cut(s, ":")
	h, err1 := strconv.ParseUint(hour, 10, 8)
	m, err2 := strconv.ParseUint(minute, 10, 8)
	if !ok || err1 != nil || err2 != nil || len(minute) != 2 || h > 24 || m > 59 || h == 24 && m > 0 {
		return 0, fmt.Errorf("time %.20q is none", s)
	}
	return int(h)*60 + int(m), nil
}

// Allow reports whether somebody may be connected at a time, in its time zone.
func (h Hours) Allow(t time.Time) bool {
	if h == nil {
		return true
	}
	at, today := t.Hour()*60+t.Minute(), int(t.Weekday())
	yesterday := (today + 6) % 7
	for _, s := range h {
		overnight := s.To <= s.From
		switch {
		case s.Days[today] && at >= s.From && (at < s.To || overnight):
			return true
		case s.Days[yesterday] && overnight && at < s.To:
			return true
		}
	}
	return false
}

// String is what ParseHours reads.
func (h Hours) String() string {
	var parts []string
	for _, s := range h {
		parts = append(parts, fmt.Sprintf("%s %02d:%02d-%02d:%02d", s.dayText(), s.From/60, s.From%60, s.To/60, s.To%60))
	}
	return strings.Join(parts, ", ")
}

// dayText writes the days, which follow each other.
func (s Span) dayText() string {
	first, last := 1, 0
	for i := range 7 {
		if s.Days[i] && !s.Days[(i+6)%7] {
			first = i
		}
		if s.Days[i] && !s.Days[(i+1)%7] {
			last = i
		}
	}
	if first == last {
		return dayNames[first]
	}
	return dayNames[first] + "-" + dayNames[last]
}

// MarshalText is String.
func (h Hours) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText is ParseHours, where "" is always.
func (h *Hours) UnmarshalText(text []byte) (err error) {
	if *h = nil; len(text) == 0 {
		return nil
	}
	*h, err = ParseHours(string(text))
	return err
}
