package history

import (
	"strings"
	"testing"
	"time"

	"culvert/operate/history/track"
	"culvert/store"
)

// TestParseTime reads times as people say them.
func TestParseTime(t *testing.T) {
	now := time.Date(2026, 11, 28, 14, 30, 0, 0, time.UTC) // a Saturday
	for text, want := range map[string]string{
		"2026-11-24 15:00": "2026-11-24 15:00:00", "2026-11-24T15:00:30Z": "2026-11-24 15:00:30", "Tuesday 15:00": "2026-11-24 15:00:00", "tue at 15:00": "2026-11-24 15:00:00",
		"15:00": "2026-11-27 15:00:00", "9:05": "2026-11-28 09:05:00", "saturday 15:00": "2026-11-21 15:00:00", "3h ago": "2026-11-28 11:30:00", "2 days ago": "2026-11-26 14:30:00",
		"an hour ago": "2026-11-28 13:30:00", "now": "2026-11-28 14:30:00", "Tuesday at 3": "2026-11-24 03:00:00", "Tuesday 3": "2026-11-24 03:00:00", "on tuesday 3pm": "2026-11-24 15:00:00", "last Tuesday 15:00": "2026-11-24 15:00:00",
		"last saturday at 3 am": "2026-11-21 03:00:00", "noon": "2026-11-28 12:00:00", "yesterday noon": "2026-11-27 12:00:00", "midnight": "2026-11-28 00:00:00", "two hours ago": "2026-11-28 12:30:00",
		"2 hours ago": "2026-11-28 12:30:00", "2026-11-24 3pm": "2026-11-24 15:00:00", "2026-11-24 12:30 AM": "2026-11-24 00:30:00", "12pm": "2026-11-28 12:00:00", "at 3": "2026-11-28 03:00:00", "4pm": "2026-11-27 16:00:00",
		"yesterday 3:15": "2026-11-27 03:15:00", "today 1:00": "2026-11-28 01:00:00",
		"yesterday": "2026-11-27 00:00:00 to 2026-11-27 23:59:59", "2026-11-01": "2026-11-01 00:00:00 to 2026-11-01 23:59:59", "Tuesday": "2026-11-24 00:00:00 to 2026-11-24 23:59:59",
	} {
		m, err := ParseTime(text, now)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got := m.From.UTC().Format(time.DateTime)
		if !m.Until.Equal(m.From) {
			got += " to " + m.Until.UTC().Format(time.DateTime)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	for _, text := range []string{"", "soon", "15", "25:00", "13pm", "0am", "3ampm", "Tuesday 25", "last", "last yesterday", "at", "yesterday noonish", "zero hours ago", "-3h ago", "99999999999h ago", "2026-13-01", "Tuesday Tuesday", "15:00 15:00", "mo 15:00"} {
		if m, err := ParseTime(text, now); err == nil {
			t.Errorf("%q is taken as %v", text, m)
		}
	}
}

func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"Tuesday 15:00", "3h ago", "yesterday", "2026-11-24 15:00", "an hour ago", ":", "last tuesday at 3 pm", "noon", "two days ago"} {
		f.Add(s)
	}
	now := time.Date(2026, 11, 28, 14, 30, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		if m, err := ParseTime(text, now); err == nil && m.Until.Before(m.From) {
			t.Errorf("%q ends before it begins: %v", text, m)
		}
	})
}

// TestCut cuts outer addresses, also in texts.
func TestCut(t *testing.T) {
	for text, want := range map[string]string{
		"203.0.113.7:40000": "203.0.113.0/24", "[2001:db8:1:2::3]:9": "2001:db8:1::/48", "203.0.113.0/24": "203.0.113.0/24", "vpn.example (udp 192.0.2.7:1)": "",
		"[::ffff:203.0.113.7]:1": "203.0.113.0/24",
	} {
		if got := cut(text); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	const text = "another client of its name, from 203.0.113.7:40000, takes its place; then [2001:db8::1]:5."
	if got := cutAll(text); got != "another client of its name, from 203.0.113.0/24, takes its place; then 2001:db8::/48." {
		t.Errorf("%q", got)
	}
}

// FuzzRead reads what may stand in a file, and what a client of the API asks.
func FuzzRead(f *testing.F) {
	s := track.Session{ID: track.ID(time.Now(), 3), Device: "anna"}
	f.Add(putSession(&s, "").Value, s.ID, "203.0.113.7:1 and [::1]:2")
	f.Add(putTotal("d", Total{Name: "anna", BytesIn: 1}).Value, "00000000000000-0", "")
	f.Fuzz(func(t *testing.T, value []byte, id, text string) {
		if k, err := parseSession(store.Entry{Key: "s/20261124/" + id, Value: value}); err == nil {
			Hide{Addresses: true, Names: true}.session(&k.Session, nil, []byte("key"))
		}
		if sum, err := parseTotal(store.Entry{Key: "d", Value: value}); err == nil {
			if again, err := parseTotal(store.Entry{Value: putTotal("d", sum).Value}); err != nil || again.Name != sum.Name || again.BytesIn != sum.BytesIn {
				t.Errorf("%+v, and then %+v, %v", sum, again, err)
			}
		}
		if at, ok := track.Began(id); ok && !strings.HasPrefix(id, track.ID(at, 0)[:14]) {
			t.Errorf("%q began at %v", id, at)
		}
		if day, ok := beganOn(id); ok && (len(day) < 8 || next(day) == "") {
			t.Errorf("%q began on %q", id, day)
		}
		cutAll(text)
	})
}
