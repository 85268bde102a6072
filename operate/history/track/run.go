package track

import (
	"context"
	"time"

	"culvert/operate/backend"
)

// Source is a server that is followed.
type Source interface {
	Events(room int) *backend.Reader
	Peers() []backend.Peer
}

// Follower is who is told about the sessions of a server.
type Follower interface {
	// Changed is told of a change of a session, which it must not keep or change.
	Changed(c Change, l *Live)
	// Missed is told that events were lost, since this reader was too slow.
	Missed(events uint64)
	// Tick is called within a second of a change, and with each look at the clients. again
	// says that it should be within a second after that, too.
	Tick(now time.Time) (again bool)
}

// Options say how a server is followed.
type Options struct {
	Server string // its name
	// Person returns whose a device is, "" where that is not known; nil: it never is.
	Person func(device string) string
	Every  time.Duration // how often counters are noted
}

// Follow tells a follower about the sessions of a server, on the goroutine that calls it, until
// the server has ended and all is told. The server never waits for it: events for which there is
// no room are lost, and counted. The reader is to be opened before the server runs.
func Follow(s Source, reader *backend.Reader, f Follower, o Options) {
	defer reader.Close()
	t := New(o.Server, o.Person, f.Changed)
	look := time.Now().Add(o.Every)
	for again := false; ; {
		until := look
		if again {
			until = time.Now().Add(soon)
		}
		ended := turn(reader, t, f, until)
		now := time.Now()
		if ended {
			t.Stop(now)
			f.Tick(now)
			return
		}
		if !now.Before(look) {
			t.Look(now, s.Peers())
			look = now.Add(o.Every)
		}
		again = f.Tick(now)
	}
}

// soon is how long after a change a follower may write it.
const soon = time.Second

// turn waits for events until a time, and takes those that come soon after the first. It reports
// whether there will be no more.
func turn(reader *backend.Reader, t *Tracker, f Follower, until time.Time) (ended bool) {
	// With a time that is over, the end of all events would look like the end of the time.
	until = later(until, time.Now().Add(time.Millisecond))
	came, ended := takeUntil(reader, t, f, until, true)
	if came {
		_, ended = takeUntil(reader, t, f, earlier(until, time.Now().Add(soon)), false)
	}
	return ended
}

// takeUntil takes events until a time, or one.
func takeUntil(reader *backend.Reader, t *Tracker, f Follower, until time.Time, one bool) (came, ended bool) {
	ctx, cancel := context.WithDeadline(context.Background(), until)
	defer cancel()
	for ctx.Err() == nil || one { // events may come faster than they are taken
		e, more := reader.Next(ctx)
		switch {
		case !more:
			return false, ctx.Err() == nil
		case e.Kind == backend.Missed:
			f.Missed(e.Count)
		default:
			t.Take(e)
		}
		if one {
			return true, false
		}
	}
	return false, false
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
