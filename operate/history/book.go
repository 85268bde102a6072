package history

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"culvert/operate/history/track"
	"culvert/store"
)

// Book answers questions about what was kept. It is safe for concurrent use.
type Book struct {
	r      reader
	asleep bool // no server runs: sessions that are open ended when they were noted last
}

// NewBook returns what reads the file of a server that runs.
func NewBook(r reader) *Book { return &Book{r: r} }

// Session is a session with what the history adds.
type Session struct {
	track.Session
	Hidden string `json:"hidden,omitempty" doc:"what was replaced in it since: addresses, names, or both"`
}

// Query chooses sessions. What is not set chooses all.
type Query struct {
	Address     netip.Addr // of the client: in the tunnel, or outside
	User        string
	Device      string
	From, Until time.Time // sessions that were there at some time between; both included
	Limit       int       // how many; 0: MostSessions
	After       string    // the ID of a session: only those that began before it
}

// MostSessions is how many sessions one answer has at most.
const MostSessions = 1000

// Sessions returns sessions, the latest first, and whether there are more.
func (b *Book) Sessions(ctx context.Context, q Query) (found []Session, more bool, err error) {
	s, err := b.search(ctx, q)
	if err != nil {
		return nil, false, err
	}
	for day := s.last; day >= s.first; day = before(day) {
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
		all, err := b.r.List(ctx, sessions+day+"/")
		if err != nil {
			return nil, false, err
		}
		slices.Reverse(all.Entries)
		if done, err := s.take(all.Entries); err != nil || done {
			return s.found, done, err
		}
	}
	earlier, err := b.earlier(ctx, s.first)
	if err != nil {
		return nil, false, err
	}
	done, err := s.take(earlier)
	return s.found, done, err
}

// search is the work on a query.
type search struct {
	Query
	asleep      bool
	first, last string     // days on which sessions began that may be meant
	needles     [][][]byte // of each one or another is in the record of what is meant
	found       []Session
}

func (b *Book) search(ctx context.Context, q Query) (*search, error) {
	st, err := readState(ctx, b.r)
	if err != nil {
		return nil, err
	}
	if q.Limit <= 0 || q.Limit > MostSessions {
		q.Limit = MostSessions
	}
	s := &search{Query: q, asleep: b.asleep, first: cmp.Or(st.First, dayOf(time.Now().UTC())), last: dayOf(time.Now().UTC().AddDate(0, 0, 1))}
	if !q.From.IsZero() {
		s.first = max(s.first, dayOf(q.From.UTC()))
	}
	if !q.Until.IsZero() {
		s.last = min(s.last, dayOf(q.Until.UTC()))
	}
	if q.After != "" {
		day, ok := beganOn(q.After)
		if !ok {
			return nil, fmt.Errorf("after %q: expected the id of a session, as an answer before had it", q.After)
		}
		s.last = min(s.last, day)
	}
	for _, name := range []string{q.User, q.Device} {
		if name == "" {
			continue
		}
		s.needles = append(s.needles, [][]byte{[]byte(name)})
	}
	if q.Address.IsValid() {
		s.needles = append(s.needles, [][]byte{q.Address.AsSlice(), []byte(q.Address.String())}) // inside, outside
	}
	return s, nil
}

// before is the day before one.
func before(day string) string {
	t, err := time.Parse(dayFormat, day)
	if err != nil {
		return ""
	}
	return dayOf(t.AddDate(0, 0, -1))
}

// earlier are the sessions that began before a day and went on on it, the latest first.
func (b *Book) earlier(ctx context.Context, day string) (all []store.Entry, err error) {
	marks, err := b.r.List(ctx, carried+day+"/")
	if err != nil {
		return nil, err
	}
	slices.Reverse(marks.Entries)
	for _, m := range marks.Entries {
		id := idOf(m.Key)
		began, ok := beganOn(id)
		if !ok || began >= day {
			continue
		}
		if e, err := b.r.Get(ctx, sessionKey(id)); err == nil { // or it was removed meanwhile
			all = append(all, e)
		}
	}
	return all, nil
}

// take takes those of some records, the latest first, that are meant. done says that there are
// more than are asked for.
func (s *search) take(all []store.Entry) (done bool, err error) {
	for _, e := range all {
		if s.After != "" && idOf(e.Key) >= s.After || !s.promising(e.Value) {
			continue
		}
		k, err := parseSession(e)
		if err != nil {
			return false, err
		}
		if s.asleep && k.Open() {
			end(&k.Session)
		}
		if !s.meant(&k.Session) {
			continue
		}
		if len(s.found) == s.Limit {
			return true, nil
		}
		s.found = append(s.found, k)
	}
	return false, nil
}

// promising reports whether a record may be meant, without a look at its fields.
func (s *search) promising(record []byte) bool {
	for _, oneOf := range s.needles {
		if !slices.ContainsFunc(oneOf, func(n []byte) bool { return bytes.Contains(record, n) }) {
			return false
		}
	}
	return true
}

// meant reports whether a session is one that is asked for.
func (s *search) meant(k *track.Session) bool {
	switch {
	case s.User != "" && k.User != s.User, s.Device != "" && k.Device != s.Device:
		return false
	case !s.Until.IsZero() && k.Begin.After(s.Until):
		return false
	case !s.From.IsZero() && !k.Open() && k.End.Before(s.From):
		return false
	case !s.Address.IsValid() || k.IPv4 == s.Address || k.IPv6 == s.Address:
		return true
	}
	outer, ok := addressOf(k.Remote)
	return ok && outer == s.Address
}

// Session returns a session and its life; ok is false where there is none.
func (b *Book) Session(ctx context.Context, id string) (s Session, life []track.Moment, ok bool, err error) {
	if _, ok := beganOn(id); !ok {
		return s, nil, false, nil
	}
	if s, ok, err = readSession(ctx, b.r, id); err != nil || !ok {
		return s, nil, false, err
	}
	if b.asleep && s.Open() {
		end(&s.Session)
	}
	life, err = readLife(ctx, b.r, id)
	return s, life, true, err
}

// Span is some days, both included, as 2026-11-24; "" is the first or the last that is kept.
type Span struct{ From, Until string }

// parse returns the days as keys have them.
func (s Span) parse(first, last string) (from, until string, err error) {
	from, until = first, last
	for _, d := range []struct {
		text string
		to   *string
	}{{s.From, &from}, {s.Until, &until}} {
		if d.text == "" {
			continue
		}
		t, err := time.Parse(time.DateOnly, d.text)
		if err != nil {
			return "", "", fmt.Errorf("%q: expected a day, such as 2026-11-24", d.text)
		}
		*d.to = dayOf(t)
	}
	return max(from, first), min(until, last), nil
}

// Days returns totals by kind: one for each day and name, the latest day first, or with sum one
// for each name, those that carried most first.
func (b *Book) Days(ctx context.Context, kind Kind, span Span, sum bool) (list []Total, err error) {
	st, err := readState(ctx, b.r)
	if err != nil {
		return nil, err
	}
	today := time.Now()
	// A day of another time zone may begin a day earlier or end a day later than that of UTC.
	first, last, err := span.parse(before(cmp.Or(st.First, dayOf(today))), dayOf(today.AddDate(0, 0, 1)))
	if err != nil {
		return nil, err
	}
	sums := make(map[string]int) // by name: where in the list it is
	for day := last; day >= first; day = before(day) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		all, err := b.r.List(ctx, totalsOf(day, kind))
		if err != nil {
			return nil, err
		}
		for _, e := range all.Entries {
			t, err := parseTotal(e)
			if err != nil {
				return nil, err
			}
			if at, there := sums[t.Name]; sum && there {
				list[at].add(t)
				continue
			}
			if sum {
				sums[t.Name] = len(list)
			} else {
				t.Day = day[:4] + "-" + day[4:6] + "-" + day[6:]
			}
			list = append(list, t)
		}
	}
	if sum {
		slices.SortStableFunc(list, func(x, y Total) int {
			return cmp.Or(cmp.Compare(y.BytesIn+y.BytesOut, x.BytesIn+x.BytesOut), strings.Compare(x.Name, y.Name))
		})
	}
	return list, nil
}
