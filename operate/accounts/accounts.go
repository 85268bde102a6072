// Package accounts joins a server and the people in its store: who may come in and stay,
// at once when that changes, and what the audit log says of who did.
package accounts

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"culvert/access"
	"culvert/access/auth"
	"culvert/access/devices"
	"culvert/access/pki"
	"culvert/access/signin"
	"culvert/access/users"
	"culvert/role/server"
	"culvert/store"
)

// Accounts are those of one running server. Make them with Open, give them to the server
// with Join, and have them followed by Run.
type Accounts struct {
	Directory *users.Directory
	store     store.Store
	quotas    *quotas
	devices   *devices.Decider // of the server that was joined last
	checker   *signin.Checker  // of that one, too
	meter     *meter           // of that one, too
	log       *slog.Logger
	changed   chan struct{} // has a value when the directory changed and nobody looked since
}

// Open reads the accounts of a store.
func Open(ctx context.Context, s store.Store, log *slog.Logger) (*Accounts, error) {
	a := &Accounts{store: s, log: log, changed: make(chan struct{}, 1)}
	var err error
	a.Directory, err = users.Open(ctx, s, func(err error) {
		log.Error("a record of the store cannot be read: whom it is about, and who is in such a group, cannot sign in", "error", err)
	})
	if err != nil {
		return nil, fmt.Errorf("accounts: %w", err)
	}
	if a.quotas, err = openQuotas(ctx, a.Directory, users.NewBook(s, time.Now), log); err != nil {
		return nil, fmt.Errorf("accounts: %w", err)
	}
	a.Directory.OnChange(func(*users.View) {
		select {
		case a.changed <- struct{}{}:
		default:
		}
	})
	return a, nil
}

// Directories know people whom the store does not.
type Directories struct {
	Sources []auth.Source // asked in order, after the passwords of the store
	Browser auth.Browsing // nil: none
}

// Join has a server ask the accounts, and the directories, who may come in. shared: several
// clients may have one name (duplicate-cn). Call it for each server anew.
func (a *Accounts) Join(o *server.Options, d Directories, shared bool) error {
	records := users.NewBook(a.store, time.Now)
	local, err := signin.NewLocal(a.Directory, records, rand.Reader, a.log)
	if err != nil {
		return fmt.Errorf("accounts: %w", err)
	}
	a.checker = signin.New(signin.Options{
		Store: a.store, Records: records, Directory: a.Directory, Log: a.log, Issuer: signin.Issuer(),
		Sources: append([]auth.Source{local}, d.Sources...), Browser: d.Browser,
	})
	o.SignIn = a.checker
	a.devices = devices.NewDecider(a.Directory, shared, time.Now)
	a.meter = newMeter(a.Directory, records, a.quotas.spending, a.log)
	o.Deciders = append(o.Deciders, a.devices)
	o.Kept = a.Directory.Keeps
	o.People.Barred, o.People.Terms = a.barred, a.terms
	return nil
}

// SignIn is how people sign in at the server that was joined last.
func (a *Accounts) SignIn() *signin.Checker { return a.checker }

// Happened takes each event of the server that was joined last.
func (a *Accounts) Happened(e server.Event) {
	a.meter.happened(e)
	if e, ok := e.(server.Ended); ok {
		a.devices.Gone(e.Number)
	}
}

// barred is server.People's. Whoever is in by a record that is gone goes, too.
func (a *Accounts) barred(who *access.Applicant, now time.Time) error {
	s := a.standing(who)
	switch {
	case s.User == nil && who.SignedIn:
		return &users.Barred{Reason: fmt.Sprintf("user %s was removed", who.User)}
	case s.Device == nil && len(who.Chain) > 0 && pki.IsDevice(who.Chain[0]):
		return &users.Barred{Reason: fmt.Sprintf("device %s was removed", who.CommonName)}
	}
	if err := s.Barred(now); err != nil {
		return err
	}
	return a.quotas.spending.Barred(s, now)
}

// terms is server.People's.
func (a *Accounts) terms(who *access.Applicant) server.Terms {
	l := a.standing(who).Limits()
	return server.Terms{Up: l.Up, Down: l.Down}
}

// standing is what the directory knows of a client now.
func (a *Accounts) standing(who *access.Applicant) users.Standing {
	return a.Directory.View().Standing(access.Name(who.CommonName), who.User)
}

// The pause after each look at all clients, so that many changes cost no more than a few,
// and how often it is looked who has expired.
const (
	pause   = 20 * time.Millisecond
	expires = 10 * time.Second
)

// Server is what Run needs of the server that was joined last.
type Server interface {
	// Review is server.Server's.
	Review()
	// Clients are those that are in.
	Clients() []server.ClientStatus
}

// Run follows the store until ctx ends, has the server review its clients after each
// change, and keeps what devices carry.
func (a *Accounts) Run(ctx context.Context, s Server) {
	ctx, end := context.WithCancel(ctx)
	defer end()
	var others sync.WaitGroup
	others.Go(func() { a.follow(ctx) })
	others.Go(func() { a.checker.Follow(ctx) })
	others.Go(func() { a.meter.run(ctx, s.Clients) })
	tick := time.NewTicker(expires)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			others.Wait()
			return
		case <-a.changed:
			s.Review()
			time.Sleep(pause)
		case <-tick.C:
			if a.quotas.any() {
				a.meter.note(time.Now(), s.Clients())
				a.quotas.warn(time.Now(), a.meter.clients())
			}
			s.Review()
		}
	}
}

// again is the pause before the store is followed again after an error.
const again = time.Second

// follow follows the store, and again after an error.
func (a *Accounts) follow(ctx context.Context) {
	for {
		err := a.Directory.Follow(ctx)
		if ctx.Err() != nil {
			return
		}
		a.log.Error("changes of accounts are not seen until the store can be read again", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(again):
		}
	}
}
