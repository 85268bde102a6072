// Package limits has what a client may use: how much a second, how much a period, and
// when. Each has a form as text, and is judged at a time that is handed in.
package limits

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Rate is bits a second; 0: no limit.
type Rate uint64

// units are the letters behind a number: of 1000, as rates and quotas are sold.
var units = []struct {
	letter string
	factor uint64
}{{"T", 1e12}, {"G", 1e9}, {"M", 1e6}, {"k", 1e3}, {"", 1}}

// ParseRate reads bits a second, such as 20M, 1.5M or 64k; expected is at least 8k.
func ParseRate(s string) (Rate, error) {
	n, err := parseNumber(s)
	if err != nil || n < 8000 {
		return 0, fmt.Errorf("rate %.40q: expected bits a second, at least 8k, such as 20M or 512k", s)
	}
	return Rate(n), nil
}

// String is what ParseRate reads.
func (r Rate) String() string { return number(uint64(r)) }

// MarshalText is String.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText is ParseRate, where "" and 0 are no limit.
func (r *Rate) UnmarshalText(text []byte) (err error) {
	if *r = 0; len(text) == 0 || string(text) == "0" {
		return nil
	}
	*r, err = ParseRate(string(text))
	return err
}

// parseNumber reads a number with a unit.
func parseNumber(s string) (uint64, error) {
	for _, u := range units {
		digits, ok := strings.CutSuffix(s, u.letter)
		if !ok && u.letter == "k" {
			digits, ok = strings.CutSuffix(s, "K")
		}
		if !ok {
			continue
		}
		whole, part, _ := strings.Cut(digits, ".")
		n, err := strconv.ParseUint(whole, 10, 64)
		if err != nil || n > (1<<63)/u.factor {
			return 0, fmt.Errorf("expected a number")
		}
		n *= u.factor
		scale := u.factor
		for _, d := range part {
			if d < '0' || d > '9' || scale%10 != 0 {
				return 0, fmt.Errorf("expected digits")
			}
			scale /= 10
			n += uint64(d-'0') * scale
		}
		return n, nil
	}
	return 0, fmt.Errorf("expected a number")
}

// number writes what parseNumber reads, without loss: with the largest unit of which it has
// up to three decimals.
func number(n uint64) string {
	for _, u := range units {
		thousandth := max(u.factor/1000, 1)
		if n < u.factor || n%thousandth != 0 {
			continue
		}
		text := strconv.FormatUint(n/u.factor, 10)
		if part := n % u.factor / thousandth; part > 0 {
			text += strings.TrimRight(fmt.Sprintf(".%03d", part), "0")
		}
		return text + u.letter
	}
	return strconv.FormatUint(n, 10)
}

// Period is how long a quota lasts.
type Period string

// The periods, which begin at midnight of the server's time zone, on a Monday, or on the
// first of a month.
const (
	Day   Period = "day"
	Week  Period = "week"
	Month Period = "month"
)

// Quota is how many bytes a period has, of both directions together; the zero value: no
// limit.
type Quota struct {
	Bytes uint64
	Per   Period
}

// IsZero reports whether there is no limit.
func (q Quota) IsZero() bool { return q == Quota{} }

// ParseQuota reads a quota, such as 50G/month.
func ParseQuota(s string) (q Quota, err error) {
	amount, per, _ := strings.Cut(s, "/")
	q.Bytes, err = parseNumber(amount)
	switch q.Per = Period(per); q.Per {
	case Day, Week, Month:
	default:
		err = fmt.Errorf("no such period")
	}
	if err != nil || q.Bytes == 0 {
		return Quota{}, fmt.Errorf("quota %.40q: expected bytes for a day, week or month, such as 50G/month", s)
	}
	return q, nil
}

// String is what ParseQuota reads; "" for no limit.
func (q Quota) String() string {
	if q.IsZero() {
		return ""
	}
	return number(q.Bytes) + "/" + string(q.Per)
}

// MarshalText is String.
func (q Quota) MarshalText() ([]byte, error) { return []byte(q.String()), nil }

// UnmarshalText is ParseQuota, where "" is no limit.
func (q *Quota) UnmarshalText(text []byte) (err error) {
	if *q = (Quota{}); len(text) == 0 {
		return nil
	}
	*q, err = ParseQuota(string(text))
	return err
}

// Amount writes bytes to three digits, such as 12.5G.
func Amount(bytes uint64) string {
	for _, u := range units {
		if bytes >= u.factor {
			return strconv.FormatFloat(float64(bytes)/float64(u.factor), 'g', 3, 64) + u.letter
		}
	}
	return "0"
}

// Name is what the period that a time is in is called: 2026-11-28, 2026-W48 (ISO 8601) or
// 2026-11.
func (p Period) Name(t time.Time) string {
	switch p {
	case Day:
		return t.Format(time.DateOnly)
	case Week:
		year, week := t.ISOWeek()
		return fmt.Sprintf("%d-W%02d", year, week)
	}
	return t.Format("2006-01")
}

// Begin returns when the period began that a time is in.
func (p Period) Begin(t time.Time) time.Time {
	year, month, day := t.Date()
	switch p {
	case Week:
		day -= (int(t.Weekday()) + 6) % 7
	case Month:
		day = 1
	}
	return time.Date(year, month, day, 0, 0, 0, 0, t.Location())
}

// End returns when the period ends that a time is in.
func (p Period) End(t time.Time) time.Time {
	year, month, day := p.Begin(t).Date()
	switch p {
	case Week:
		day += 7
	case Month:
		month++
	default:
		day++
	}
	return time.Date(year, month, day, 0, 0, 0, 0, t.Location())
}
