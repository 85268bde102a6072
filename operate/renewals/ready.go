package renewals

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"time"

	"culvert/access/users"
	"culvert/operate/setup"
	"culvert/store"
)

// people are a server's users while it is looked whose certificates end. The zero value
// knows none.
type people struct {
	store store.Store // nil: there is none
	book  *users.Book
	view  *users.View
	log   *slog.Logger
}

// tries is how often the store of a server that begins is looked for in vain, before it is
// gone on without.
const tries = 5

// people opens the users of the server. ok is false if that is to be tried again.
func (w *watch) people(now time.Time) (p people, ok bool) {
	if w.Open == nil {
		return people{}, true
	}
	s, err := w.Open()
	if err == nil {
		p = people{store: s, book: users.NewBook(s, w.Now), log: w.Log}
		if p.view, err = p.book.Read(context.Background(), func(error) {}); err == nil {
			w.missed = 0
			return p, true
		}
		s.Close()
	}
	if w.missed++; w.missed < tries {
		return people{}, false
	}
	w.Log.Debug("the store of users is not there, so it is looked for clients' ends without it", "error", err)
	return people{}, true
}

func (p people) close() {
	if p.store != nil {
		p.store.Close()
	}
}

// device is the one with a common name; nil: there is none.
func (p people) device(commonName string) *users.Device {
	if p.view == nil {
		return nil
	}
	return p.view.ByCommonName(commonName)
}

// shutOut reports whether a client needs no certificate, since its device or user is
// disabled.
func (p people) shutOut(commonName string) bool {
	d := p.device(commonName)
	if d == nil {
		return false
	}
	who := p.view.Standing(commonName, "")
	return d.Disabled || who.User != nil && who.User.Disabled
}

// tell puts into the store whose certificates end, for the process that has the sessions.
// It returns false if that has to be done again.
func (p people) tell(ends []ending) bool {
	if p.store == nil {
		return true
	}
	ctx := context.Background()
	snap, err := p.store.List(ctx, endings)
	if err != nil {
		p.log.Debug("whose certificates end is not reported for a moment", "error", err)
		return false
	}
	wanted := make(map[string]*ending, len(ends))
	for i := range ends {
		wanted[endingKey(ends[i].Name)] = &ends[i]
	}
	for _, e := range snap.Entries {
		if err == nil {
			err = p.replace(ctx, e, wanted[e.Key])
		}
		delete(wanted, e.Key)
	}
	for _, e := range wanted {
		if err == nil {
			err = p.commit(ctx, e, 0)
		}
	}
	return err == nil
}

// replace puts an ending in the place of an entry; nil: none.
func (p people) replace(ctx context.Context, at store.Entry, e *ending) error {
	if e == nil {
		return ignoreConflict(p.store.Commit(ctx, store.Txn{If: []store.Compare{{Key: at.Key, Revision: at.Revision}}, Delete: []string{at.Key}}))
	}
	if before, err := readEnding(at); err == nil && before.Serial == e.Serial {
		e.Told = before.Told && before.Days <= e.Days
		e.Used = before.Used && before.Next == e.Next
	}
	put, err := e.put()
	if err != nil || bytes.Equal(put.Value, at.Value) {
		return err
	}
	return p.commit(ctx, e, at.Revision)
}

func (p people) commit(ctx context.Context, e *ending, at store.Revision) error {
	put, err := e.put()
	if err != nil {
		return err
	}
	return ignoreConflict(p.store.Commit(ctx, store.Txn{If: []store.Compare{{Key: put.Key, Revision: at}}, Put: []store.Put{put}}))
}

// drop removes profiles that wait for nobody any more: the client uses it, or another one,
// or is shut out. It returns whose were removed because they are used.
func (w *watch) drop(clients []setup.ClientInfo, p people) map[string]bool {
	done := make(map[string]bool)
	names := setup.ReadyNames(w.Dir)
	if len(names) == 0 {
		return done
	}
	shown := p.shown()
	for i, c := range clients {
		if !slices.Contains(names, c.Name) {
			continue
		}
		done[c.Name] = c.Ready != "" && shown[c.Name] == c.Serials[0]
		if c.Ready != "" && c.State != setup.Revoked && !p.shutOut(c.Name) && !done[c.Name] {
			continue
		}
		if err := setup.DropReady(w.Dir, c.Name); err != nil {
			w.Log.Warn("a profile that is not needed any more, and has a key, cannot be removed", "client", c.Name, "error", err)
		}
		clients[i].Ready = ""
	}
	return done
}

// shown are the serial numbers of next certificates that clients have shown, by name.
func (p people) shown() map[string]string {
	all := make(map[string]string)
	if p.store == nil {
		return all
	}
	snap, err := p.store.List(context.Background(), endings)
	if err != nil {
		return all
	}
	for _, entry := range snap.Entries {
		if e, err := readEnding(entry); err == nil && e.Used {
			all[e.Name] = e.Next
		}
	}
	return all
}

// ready makes a client's next profile, unless it waits already or the authority's key cannot
// be used here.
func (w *watch) ready(c *setup.ClientInfo, p people, now time.Time) {
	if c.Ready != "" || !w.unready.IsZero() && now.Sub(w.unready).Abs() < again {
		return
	}
	err := setup.MakeReady(w.Dir, c.Expires)
	if err == nil {
		err = w.make(c, p, now)
	}
	switch {
	case err == nil, errors.Is(err, setup.ErrRotating):
	case errors.Is(err, setup.ErrNoKey), errors.Is(err, setup.ErrUnsigned):
		w.unready = now
		w.Log.Info("next profiles of clients are not made here; the commands below make them where the authority's key can be used", "reason", err)
	default:
		w.Log.Warn("the next profile of a client is not made", "client", c.Name, "error", err)
	}
}

func (w *watch) make(c *setup.ClientInfo, p people, now time.Time) error {
	out := setup.ReadyPath(w.Dir, c.Name)
	var err error
	if d := p.device(c.Name); d != nil {
		_, err = setup.Devices{Dir: w.Dir, Book: p.book, Now: now, Rand: rand.Reader}.Renew(context.Background(), setup.RenewDevice{User: d.User, Name: d.Name, Out: out})
	} else {
		_, err = setup.RenewClient(setup.RenewClientOptions{ClientOptions: setup.ClientOptions{Dir: w.Dir, Name: c.Name, Out: out, Now: now, Rand: rand.Reader}})
	}
	if err != nil {
		return err
	}
	next, _, err := setup.Client(w.Dir, c.Name, now)
	if err == nil {
		*c = next
	}
	return err
}
