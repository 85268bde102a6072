package limits

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
	_ "time/tzdata" // not every machine knows zones
)

func TestRates(t *testing.T) {
	for text, want := range map[string]Rate{"20M": 20e6, "1.5M": 1500e3, "64k": 64e3, "64K": 64e3, "10G": 10e9, "8000": 8000, "1T": 1e12} {
		got, err := ParseRate(text)
		if err != nil || got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
		if again, err := ParseRate(got.String()); err != nil || again != got {
			t.Errorf("%q is written %q: %v", text, got, err)
		}
	}
	for _, text := range []string{"", "M", "-1M", "7k", "1.M5", "1e9", "99999999999999999999", "20000000T", "1.12345k", "0"} {
		if got, err := ParseRate(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}

func TestQuotas(t *testing.T) {
	q, err := ParseQuota("50G/month")
	if err != nil || q.Bytes != 50e9 || q.Per != Month || q.String() != "50G/month" {
		t.Errorf("%+v %v", q, err)
	}
	for _, text := range []string{"", "50G", "50G/year", "0/day", "/day", "G/day"} {
		if _, err := ParseQuota(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	zone := time.FixedZone("", 3600)
	at := time.Date(2026, 12, 31, 23, 30, 0, 0, zone) // a Thursday
	for per, want := range map[Period][2]string{
		Day: {"2026-12-31", "2027-01-01"}, Week: {"2026-12-28", "2027-01-04"}, Month: {"2026-12-01", "2027-01-01"},
	} {
		if got := [2]string{per.Begin(at).Format(time.DateOnly), per.End(at).Format(time.DateOnly)}; got != want {
			t.Errorf("%s: %v, want %v", per, got, want)
		}
	}
}

func TestHours(t *testing.T) {
	h, err := ParseHours("mon-fri 08:00-18:00, sat 22:00-02:00")
	if err != nil {
		t.Fatal(err)
	}
	if got := h.String(); got != "mon-fri 08:00-18:00, sat 22:00-02:00" {
		t.Errorf("written: %q", got)
	}
	for text, want := range map[string]string{"mon-sun 08:00-18:00": "mon-sun 08:00-18:00", "08:00-18:00": "mon-sun 08:00-18:00", "sun-sat 08:00-18:00": "mon-sun 08:00-18:00"} {
		if h, err := ParseHours(text); err != nil || h.String() != want {
			t.Errorf("%q is written %q, %v", text, h, err)
		}
	}
	for at, want := range map[string]bool{
		"2026-11-27 08:00": true, "2026-11-27 07:59": false, "2026-11-27 17:59": true, "2026-11-27 18:00": false, // Friday
		"2026-11-28 12:00": false, "2026-11-28 22:00": true, "2026-11-29 01:59": true, "2026-11-29 02:00": false,
		"2026-11-28 01:00": false, // the night before belongs to nobody
	} {
		time, err := time.Parse("2006-01-02 15:04", at)
		if err != nil {
			t.Fatal(err)
		}
		if got := h.Allow(time); got != want {
			t.Errorf("%s: %v", at, got)
		}
	}
	for _, text := range []string{"", "mon", "mon 8-18", "xyz 08:00-18:00", "mon 08:00-25:00", "mon 24:00-01:00", "mon 08:60-09:00", "mon fri 08:00-18:00", "08:0-09:00"} {
		if h, err := ParseHours(text); err == nil {
			t.Errorf("%q is %v", text, h)
		}
	}
	if h, err := ParseHours("00:00-24:00"); err != nil || !h.Allow(time.Now()) {
		t.Errorf("the whole day: %v, %v", h, err)
	}
	if !Hours(nil).Allow(time.Now()) {
		t.Error("no hours are all")
	}
}

// TestBucket: who wants more than the rate gets it, and no more.
func TestBucket(t *testing.T) {
	const rate = Rate(80e6) // 10,000,000 bytes a second
	start := time.Unix(1e9, 0)
	b, sent := NewBucket(rate, start), 0
	for at := time.Duration(0); at < 10*time.Second; at += 50 * time.Microsecond {
		if b.Take(start.Add(at), 1400) {
			sent += 1400
		}
	}
	if sent < 99e6 || sent > 103e6 {
		t.Errorf("%d bytes in 10 seconds at %v", sent, rate)
	}
	if !(*Bucket)(nil).Take(start, 1<<30) || NewBucket(0, start) != nil {
		t.Error("no limit is one")
	}
}

// TestBucketSmallFirst: where a stream wants twice the rate, the acknowledgements of another
// all pass, within the rate; and small packets alone get no more than it.
func TestBucketSmallFirst(t *testing.T) {
	const rate = Rate(8e6) // 1,000,000 bytes a second
	start := time.Unix(1e9, 0)
	b, sent, large, lost := NewBucket(rate, start), 0, 0, 0
	for at := time.Duration(0); at < 10*time.Second; at += 700 * time.Microsecond {
		if b.Take(start.Add(at), 1400) {
			sent, large = sent+1400, large+1400
		}
		switch {
		case at%(7*time.Millisecond) != 0:
		case b.Take(start.Add(at), 52):
			sent += 52
		default:
			lost++
		}
	}
	if lost > 0 || large < 9e6 || sent > 103e5 {
		t.Errorf("%d acknowledgements lost, %d bytes in 10 seconds, %d of them in large packets", lost, sent, large)
	}
	b, sent = NewBucket(rate, start), 0
	for at := time.Duration(0); at < 10*time.Second; at += 20 * time.Microsecond {
		if b.Take(start.Add(at), 60) {
			sent += 60
		}
	}
	if sent < 99e5 || sent > 104e5 {
		t.Errorf("%d bytes of small packets in 10 seconds at %v", sent, rate)
	}
}

// TestBucketShared: what several take at once is counted once each.
func TestBucketShared(t *testing.T) {
	start := time.Unix(1e9, 0)
	b := NewBucket(80e6, start) // 200 ms at once: 2,000,000 bytes, and one packet
	var sent atomic.Int64
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 2000 {
				if b.Take(start, 1000) {
					sent.Add(1000)
				}
			}
		})
	}
	all.Wait()
	if got := sent.Load(); got != 2001000 {
		t.Errorf("%d bytes at once", got)
	}
}

func BenchmarkBucket(b *testing.B) {
	bucket, now := NewBucket(1e12, time.Now()), time.Now()
	b.ReportAllocs()
	for b.Loop() {
		bucket.Take(now, 1400)
	}
}

func FuzzHours(f *testing.F) {
	f.Add("mon-fri 08:00-18:00, sat 22:00-02:00")
	f.Add("00:00-24:00")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := ParseHours(text)
		if err != nil {
			return
		}
		again, err := ParseHours(h.String())
		if err != nil || again.String() != h.String() {
			t.Fatalf("%q is %q: %v", text, h, err)
		}
		for at := time.Unix(0, 0).UTC(); at.Day() < 9; at = at.Add(29 * time.Minute) {
			if h.Allow(at) != again.Allow(at) {
				t.Fatalf("%q and %q differ at %v", text, h, at)
			}
		}
	})
}

func FuzzNumbers(f *testing.F) {
	f.Add("1.5M")
	f.Add("50G/month")
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := ParseRate(text); err == nil {
			if again, err := ParseRate(r.String()); err != nil || again != r {
				t.Fatalf("%q is %d, written %q", text, r, r)
			}
		}
		if q, err := ParseQuota(text); err == nil {
			if again, err := ParseQuota(q.String()); err != nil || again != q {
				t.Fatalf("%q is %+v, written %q", text, q, q)
			}
		}
	})
}

// TestHoursAtEdges: the clock on the wall decides, where a day has 23 or 25 hours, about
// midnight, and from one week to the next.
func TestHoursAtEdges(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		hours, at string // in UTC
		want      bool
	}{
		// The night when 02:00 becomes 03:00: 2026-03-29, a Sunday.
		{"sun 02:00-03:00", "2026-03-29 00:59", false}, {"sun 02:00-03:00", "2026-03-29 01:00", false}, // there is no such hour
		{"sun 01:00-04:00", "2026-03-29 00:00", true}, {"sun 01:00-04:00", "2026-03-29 01:59", true}, {"sun 01:00-04:00", "2026-03-29 02:00", false},
		{"sat 22:00-03:30", "2026-03-29 01:29", true}, {"sat 22:00-03:30", "2026-03-29 01:30", false},
		// The night when 03:00 becomes 02:00: 2026-10-25, a Sunday.
		{"sun 02:00-03:00", "2026-10-25 00:00", true}, {"sun 02:00-03:00", "2026-10-25 01:59", true}, {"sun 02:00-03:00", "2026-10-25 02:00", false}, // twice
		{"sat 22:00-02:30", "2026-10-25 00:29", true}, {"sat 22:00-02:30", "2026-10-25 00:31", false}, {"sat 22:00-02:30", "2026-10-25 01:29", true},
		// Midnight.
		{"fri 00:00-24:00", "2026-11-26 22:59", false}, {"fri 00:00-24:00", "2026-11-26 23:00", true}, {"fri 00:00-24:00", "2026-11-27 22:59", true}, {"fri 00:00-24:00", "2026-11-27 23:00", false},
		{"fri 18:00-00:00", "2026-11-27 22:59", true}, {"fri 18:00-00:00", "2026-11-27 23:00", false},
		{"fri 00:00-00:00", "2026-11-27 22:59", true}, {"fri 00:00-00:00", "2026-11-27 23:00", false},
		// From Saturday to Sunday, and from Sunday to Monday.
		{"sat 23:00-01:00", "2026-11-28 23:59", true}, {"sat 23:00-01:00", "2026-11-29 00:00", false}, {"sat 23:00-01:00", "2026-11-28 22:00", true},
		{"sun 23:00-01:00", "2026-11-29 23:30", true}, {"sun 23:00-01:00", "2026-11-30 00:00", false},
		{"fri-mon 08:00-09:00", "2026-11-29 07:30", true}, {"fri-mon 08:00-09:00", "2026-12-01 07:30", false},
		{"sat-sun 22:00-06:00", "2026-11-30 04:59", true}, {"sat-sun 22:00-06:00", "2026-12-01 04:59", false},
	} {
		h, err := ParseHours(c.hours)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse("2006-01-02 15:04", c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := h.Allow(at.In(zone)); got != c.want {
			t.Errorf("%s at %s: %v", c.hours, at.In(zone).Format("Mon 2006-01-02 15:04 MST"), got)
		}
	}
}
