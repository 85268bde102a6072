package hostnet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// lesson is an address that was learned, and until when it counts.
type lesson struct {
	Addr  netip.Addr
	Until time.Time
}

// left is how long it counts yet.
func (l lesson) left(now time.Time) time.Duration { return max(l.Until.Sub(now), time.Second) }

// The lifetime of an address that was learned is kept within these: programs go on using
// an address for a while after its answer has expired.
const (
	shortestLesson = time.Minute
	longestLesson  = 24 * time.Hour
)

// How many addresses are learned at most; with a route for each, fewer.
const (
	maxLessons = 1 << 16
	maxRouted  = 1000
)

// learned are the addresses of an Applied, and where they are put. It is safe for
// concurrent use.
type learned struct {
	mu    sync.Mutex
	until map[netip.Addr]time.Time
	table *chosenChange // nil: there is no table to put them into
	full  bool          // and that was said
}

// all returns those that count, in no order.
func (l *learned) all() []lesson {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counting(time.Now())
}

// counting forgets those that count no more.
func (l *learned) counting(now time.Time) (list []lesson) {
	for a, until := range l.until {
		if !until.After(now) {
			delete(l.until, a)
			continue
		}
		list = append(list, lesson{a, until})
	}
	return list
}

// add notes addresses and returns those that are new, or count for longer now. It takes
// all of them or none. forget takes that back.
func (l *learned) add(addrs []netip.Addr, lifetime time.Duration, most int) (more []lesson, forget func(), err error) {
	now := time.Now()
	until := now.Add(min(max(lifetime, shortestLesson), longestLesson))
	var before []lesson
	fresh := 0
	for _, a := range addrs {
		if a = a.Unmap().WithZone(""); !routable(a) {
			continue
		}
		known, ok := l.until[a]
		if ok && !known.Before(until.Add(-shortestLesson/2)) && known.After(now) {
			continue
		}
		if ok {
			before = append(before, lesson{a, known})
		} else {
			fresh++
		}
		more = append(more, lesson{a, until})
	}
	if len(l.until)+fresh > most {
		l.counting(now)
	}
	if n := len(l.until); n+fresh > most {
		return nil, nil, &fullError{n}
	}
	if l.until == nil {
		l.until = map[netip.Addr]time.Time{}
	}
	for _, m := range more {
		l.until[m.Addr] = m.Until
	}
	return more, func() {
		for _, m := range more {
			delete(l.until, m.Addr)
		}
		for _, b := range before {
			l.until[b.Addr] = b.Until
		}
	}, nil
}

// fullError: no more addresses are learned.
type fullError struct{ have int }

func (e *fullError) Error() string {
	return fmt.Sprintf("%d addresses of chosen names are known already, and no more are taken until some of them expire; choose fewer names, or networks", e.have)
}

// routable reports whether packets to an address can go one way or another.
func routable(a netip.Addr) bool {
	return a.IsValid() && !a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast() && !a.IsLinkLocalUnicast() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// Learn has packets to addresses go the way of chosen names (Chosen.Learn, LearnOutside)
// for a lifetime, of which at least a minute and at most a day counts. The addresses are in
// force when it returns. An error says that none of them are: too many are known, there is
// nothing to put them into, or the context's cause.
func (a *Applied) Learn(ctx context.Context, addrs []netip.Addr, lifetime time.Duration) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	routed, err := a.learn(ctx, addrs, lifetime)
	if routed {
		err = a.learnByRoutes(ctx, addrs, lifetime)
	}
	a.tellFull(err)
	return err
}

// learn puts addresses into the table. routed: there is none.
func (a *Applied) learn(ctx context.Context, addrs []netip.Addr, lifetime time.Duration) (routed bool, err error) {
	l := &a.learned
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.table == nil {
		return true, nil
	}
	more, forget, err := l.add(addrs, lifetime, maxLessons)
	if err != nil || len(more) == 0 {
		return false, err
	}
	err = a.host.kernel.learn(l.table.Table, more)
	if errors.Is(err, errGone) { // somebody removed it
		err = a.host.kernel.addChosen(l.table.chosenTable, l.counting(time.Now()))
	}
	if err != nil {
		forget()
		return false, fmt.Errorf("addresses of chosen names: %w", err)
	}
	return false, nil
}

// learnByRoutes adds a route for each address, where there is no table.
func (a *Applied) learnByRoutes(ctx context.Context, addrs []netip.Addr, lifetime time.Duration) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.want.Chosen.learns() {
		return errors.New("addresses of chosen names: this tunnel has no chosen names at present")
	}
	probe := a.want
	if err := a.number(&probe); err != nil || probe.noMarks == nil {
		return cmp.Or(err, errors.New("addresses of chosen names: the packet rules for them could not be made"))
	}
	a.learned.mu.Lock()
	more, forget, err := a.learned.add(addrs, lifetime, maxRouted)
	a.learned.mu.Unlock()
	if err != nil || len(more) == 0 {
		return err
	}
	if err = ledTo(more, a.updateTo(ctx, a.want)); err != nil {
		a.learned.mu.Lock()
		defer a.learned.mu.Unlock()
		forget() // the next update takes the routes away
	}
	return err
}

// ledTo returns what is wrong with the routes to addresses, after an update with that error.
func ledTo(to []lesson, err error) error {
	var partial *PartialError
	if !errors.As(err, &partial) {
		return err
	}
	for _, f := range partial.Failures {
		if slices.ContainsFunc(to, func(l lesson) bool { return f.Route == single(l.Addr) }) {
			return fmt.Errorf("addresses of chosen names: %w", f)
		}
	}
	return nil
}

// tellFull logs once that there are too many addresses, and again once there was room.
func (a *Applied) tellFull(err error) {
	var full *fullError
	is := errors.As(err, &full)
	a.learned.mu.Lock()
	news := is && !a.learned.full
	if is || err == nil {
		a.learned.full = is
	}
	a.learned.mu.Unlock()
	if news {
		a.host.opts.Logger.Warn("no more addresses of chosen names are learned until some expire", "error", err)
	}
}

// learnedRoutes are the routes that stand for learned addresses where there is no table.
func learnedRoutes(c *Chosen, known []lesson) (routes []Route) {
	slices.SortFunc(known, func(a, b lesson) int { return a.Addr.Compare(b.Addr) })
	for _, l := range known {
		r := Route{Dst: single(l.Addr), Bypass: c.LearnOutside, OrRefuse: true}
		if !r.Bypass {
			r.Via, r.Refuse = c.Via4, !c.IPv4
			if l.Addr.Is6() {
				r.Via, r.Refuse = c.Via6, !c.IPv6
			}
		}
		routes = append(routes, r)
	}
	return routes
}
