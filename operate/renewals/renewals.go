// Package renewals keeps what a server's directory holds from ending: it renews the
// server's certificate and the revocation list long before their end, announces
// certificates of clients that end, and has their next profiles ready.
package renewals

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"culvert/config"
	"culvert/operate/setup"
	"culvert/store"
)

const (
	// look is how long Watch waits at most before it looks at the clock again, which may
	// have been set.
	look = time.Minute
	// least is how long it waits at least.
	least = time.Second
	// again is how often it says that something cannot be renewed.
	again = 24 * time.Hour
	// announcing is how often it looks for clients whose certificates end.
	announcing = time.Hour
	// beginning is how often it looks for the store of a server that begins.
	beginning = 2 * time.Second
)

// Options are what Watch works on.
type Options struct {
	Dir string // a server's directory
	// Config returns the configuration of the server that runs.
	Config func() *config.Config
	Log    *slog.Logger
	Now    func() time.Time
	// Open opens the store of the server that runs, with its users; nil: it has none.
	Open func() (store.Store, error)
}

// Watch renews what is due in a directory, and announces what clients will need, until ctx
// ends. It has to run with the rights of the directory's owner.
func Watch(ctx context.Context, o Options) {
	if !setup.IsMade(o.Dir) {
		return // another program has its authority
	}
	w := watch{Options: o, failed: map[string]failure{}}
	for {
		timer := time.NewTimer(w.step())
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

type watch struct {
	Options
	failed    map[string]failure // by path
	announced time.Time          // when clients were looked at last
	next      time.Duration      // how long after that they are looked at again
	missed    int                // how often the store was not there
	unready   time.Time          // when the authority's key could not be used for profiles
}

// failure is why something could not be renewed.
type failure struct {
	what string    // in words
	said time.Time // last
	// refused says that the key was there: nothing is tried again before it is said again.
	refused bool
}

// step does what is due, and returns how long to wait for the next one.
func (w *watch) step() time.Duration {
	now, wait := w.Now().Round(0), look // by the clock alone, which may have been set
	for _, l := range setup.Lastings(w.Dir) {
		if !w.used(l) {
			continue
		}
		if due := w.renew(l, now); !due.IsZero() {
			wait = min(wait, due.Sub(now))
		}
	}
	if since := now.Sub(w.announced); since < 0 || since >= w.next {
		w.announced, w.next = now, w.announce(now)
		wait = min(wait, w.next)
	}
	return max(wait, least)
}

// used reports whether the server that runs uses something: a server.conf that was edited
// may name others, which this authority does not answer for.
func (w *watch) used(l setup.Lasting) bool {
	c := w.Config()
	if web, _ := setup.WebFiles(w.Dir); l.Path == web {
		return c.Server.OwnWebHost() != ""
	}
	for _, f := range []*config.File{c.Trust.Cert, c.Trust.CRLVerify} {
		if f != nil && !f.Inline && f.Name != "" && same(c.Path(f.Name), l.Path) {
			return true
		}
	}
	return false
}

// same reports whether two paths are the same in words.
func same(a, b string) bool {
	x, err := filepath.Abs(a)
	y, err2 := filepath.Abs(b)
	return err == nil && err2 == nil && x == y
}

// renew renews something that is due, and returns when it is due next; zero: never, or
// that is not known.
func (w *watch) renew(l setup.Lasting, now time.Time) time.Time {
	term, err := l.Term(now)
	if err != nil {
		w.fail(l, now, "cannot see when "+l.What+" ends", err)
		return time.Time{}
	}
	due := term.Due(now)
	if term.Ends.IsZero() || due.IsZero() || now.Before(due) {
		delete(w.failed, l.Path)
		return due
	}
	if f, failed := w.failed[l.Path]; failed && f.refused && now.Sub(f.said).Abs() < again {
		return time.Time{} // a token locks itself after a few wrong PINs
	}
	err = l.Prolong(now)
	if errors.Is(err, setup.ErrNoKey) {
		w.fail(l, now, fmt.Sprintf("%s ends on %s, and cannot be renewed here", l.What, day(term.Ends)), fmt.Errorf("%w; where the key is, run: %s; and put the file into this directory again", err, l.Command))
		return time.Time{}
	}
	if err != nil {
		w.fail(l, now, fmt.Sprintf("%s ends on %s, and cannot be renewed", l.What, day(term.Ends)), err)
		f := w.failed[l.Path]
		f.refused = true
		w.failed[l.Path] = f
		return time.Time{}
	}
	delete(w.failed, l.Path)
	next, err := l.Term(now)
	if err != nil {
		w.fail(l, now, "cannot see when "+l.What+" ends", err)
		return time.Time{}
	}
	attributes := []any{"file", l.Path, "valid until", day(next.Ends), "before it", day(term.Ends)}
	if now.Before(term.Begins) {
		attributes = append(attributes, "reason", "it was signed by a clock that was ahead, and began only on "+day(term.Begins))
	}
	w.Log.Info(l.What+" is renewed; clients keep their profiles and stay connected", attributes...)
	if w.Config().Process.Chroot != "" {
		w.Log.Warn("this server is in a chroot, where it cannot read the new file: restart it before the old one ends", "file", l.Path, "ends", day(term.Ends))
	}
	return next.Due(now)
}

// fail says why something is not renewed: at once, and again each day.
func (w *watch) fail(l setup.Lasting, now time.Time, what string, err error) {
	before, known := w.failed[l.Path]
	if known && before.what == what && now.Sub(before.said).Abs() < again {
		return // the error may name the time
	}
	w.failed[l.Path] = failure{what: what, said: now}
	w.Log.Warn(what, "file", l.Path, "error", err)
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
