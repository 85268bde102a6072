package history

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"culvert/operate/backend"
	"culvert/operate/history/track"
	"culvert/store"
)

// benchPeople is how many people a benchmark's server has.
const benchPeople = 1000

// year is the time over which the sessions of a benchmark are spread.
const year = 365 * 24 * time.Hour

// benchSession is the nth of so many sessions that began within the last year, and its life.
func benchSession(n, count int, end time.Time) *track.Live {
	begin := end.Add(-year + time.Duration(float64(n)/float64(count)*float64(year)))
	person := n * 7919 % benchPeople
	name := fmt.Sprintf("person%03d", person)
	remote := fmt.Sprintf("203.0.%d.%d:%d", person%250, n%250, 20000+n%40000)
	at := func(seconds float64) time.Time { return begin.Add(time.Duration(seconds * float64(time.Second))) }
	h := &backend.Handshake{Began: at(-0.4), Answer: at(-0.35), TLS: at(-0.2), Keys: at(-0.15), Decision: at(-0.1), Push: at(-0.05), Up: begin, Stage: "up", Outcome: "completed"}
	l := &track.Live{Session: track.Session{
		ID: track.ID(begin, uint64(n)), Server: "vpn1", Device: "laptop." + name, User: name, Serial: fmt.Sprintf("%032x", person), Agent: "2.6.14 linux", Remote: remote,
		IPv4: netip.AddrFrom4([4]byte{10, 8, byte(person >> 8), byte(person)}), IPv6: netip.MustParseAddr(fmt.Sprintf("fd00::%x", person+0x1000)),
		Cipher: "AES-256-GCM", Begin: begin, Last: begin,
	}}
	l.Life = []track.Moment{{Time: at(-0.4), What: "entering"}, {Time: begin, What: "up", Remote: remote, Text: "TLSv1.3, TLS_AES_256_GCM_SHA384", Handshake: h}}
	return l
}

// ended is a session of a benchmark at its end, an hour later.
func ended(l *track.Live) *track.Live {
	s := &l.Session
	s.End = s.Begin.Add(time.Hour)
	s.Last, s.Cause, s.Why = s.End, track.Left, "it said that it leaves"
	s.BytesIn, s.BytesOut, s.PacketsIn, s.PacketsOut = 12345678, 345678901, 45678, 345678
	l.Life = append(l.Life, track.Moment{Time: s.Begin.Add(time.Hour / 2), What: "renewed", Text: "TLSv1.3, TLS_AES_256_GCM_SHA384"}, track.Moment{Time: s.End, What: "left", Text: s.Why})
	return l
}

// benchFile writes so many sessions as a server does, some hundred in a transaction: each is
// there, and later it has ended.
func benchFile(b *testing.B, dir string, count int, end time.Time) {
	s, err := Open(dir, discard())
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	k := NewKeeper(s, Options{Days: 366, Log: discard()})
	if _, err := s.CommitAll(b.Context(), firstDay(end)); err != nil {
		b.Fatal(err)
	}
	const together = 1000
	for n := 0; n < count; n += together {
		var some []*track.Live
		for i := n; i < min(n+together, count); i++ {
			some = append(some, benchSession(i, count, end))
		}
		for _, l := range some {
			k.Changed(track.Begun, l)
		}
		if err := k.write(); err != nil {
			b.Fatal(err)
		}
		for _, l := range some {
			k.Changed(track.Ended, ended(l))
		}
		if err := k.write(); err != nil {
			b.Fatal(err)
		}
	}
	if lost := k.Stats().Lost; lost > 0 {
		b.Fatalf("%d changes are lost", lost)
	}
}

// BenchmarkHistory measures a file with the sessions of a year: CULVERT_SESSIONS says how many,
// and CULVERT_HISTORY names a directory that keeps it for the next time.
func BenchmarkHistory(b *testing.B) {
	count := 10000
	if n, err := strconv.Atoi(os.Getenv("CULVERT_SESSIONS")); err == nil {
		count = n
	}
	dir, end := os.Getenv("CULVERT_HISTORY"), time.Now()
	if dir == "" {
		dir = b.TempDir()
	}
	info, err := os.Stat(filepath.Join(dir, File))
	if err != nil {
		b.Run("Write", func(b *testing.B) {
			for b.Loop() {
				os.Remove(filepath.Join(dir, File))
				benchFile(b, dir, count, end)
			}
		})
		if info, err = os.Stat(filepath.Join(dir, File)); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("Open", func(b *testing.B) {
		b.ReportMetric(float64(info.Size())/1e6, "MB")
		for b.Loop() {
			s, err := Open(dir, discard())
			if err != nil {
				b.Fatal(err)
			}
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
	book, done, err := OpenBook(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer done()
	month := Query{User: "person007", From: end.Add(-60 * 24 * time.Hour), Until: end.Add(-30 * 24 * time.Hour)}
	noon := end.Add(-100*24*time.Hour - time.Minute)
	for name, q := range map[string]Query{
		"Who": {Address: netip.MustParseAddr("10.8.0.7"), From: noon, Until: noon}, "Month": month, "Latest": {Limit: 100},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := book.Sessions(context.Background(), q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("People", func(b *testing.B) {
		for b.Loop() {
			if all, err := book.Days(context.Background(), ByUser, Span{}, true); err != nil || len(all) != min(count, benchPeople) {
				b.Fatalf("%d people, %v", len(all), err)
			}
		}
	})
}

// firstDay is what has questions begin with the first session.
func firstDay(end time.Time) store.Txn {
	return store.Txn{Put: []store.Put{put(stateKey, stateVersion, state{First: dayOf(end.Add(-year).UTC())})}}
}
