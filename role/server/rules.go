package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"golang.org/x/time/rate"

	"culvert/access/auth"
	"culvert/access/policy"
	"culvert/config"
	"culvert/role/profile"
	"culvert/role/server/admission"
	"culvert/role/server/lease"
	"culvert/session"
	"culvert/session/wrap"
)

// rules are what newcomers meet: the part of a configuration that another one can
// replace while sessions go on. They are replaced as a whole and never changed.
type rules struct {
	cfg        *config.Config
	session    session.Config
	armour     wrap.Armour
	admission  *admission.Admission
	newcomers  *rate.Limiter // connect-freq; nil: no limit
	handshakes *handshakes
}

// newRules makes the rules of a configuration, or says what is wrong with it.
func newRules(c *config.Config, o Options) (*rules, error) {
	r, trust, err := newKeyless(c, o)
	if err != nil {
		return nil, err
	}
	if r.session, err = trust.Session(c, true); err != nil {
		return nil, err
	}
	r.session.Reauthenticate = r.admission.ChecksLogins()
	return r, nil
}

// newKeyless makes the rules of a configuration as far as they need no private key: all
// except the settings of sessions, which come from trust.
func newKeyless(c *config.Config, o Options) (r *rules, trust *profile.Trust, err error) {
	if trust, err = profile.NewTrust(c, func(text string) { o.Log.Warn(text) }, o.Lists); err != nil {
		return nil, nil, err
	}
	r = &rules{cfg: c, handshakes: newHandshakes(c.Server)}
	if f := c.Server.Policy; f != nil {
		if _, err := policy.Parse(cmp.Or(f.Name, "<policy>"), f.Text); err != nil {
			return nil, nil, err
		}
	}
	if r.armour, err = profile.Armour(c); err != nil {
		return nil, nil, err
	}
	if r.admission, err = admission.New(c, admission.Options{Trust: trust, Plugins: o.Plugins, Checkers: o.Checkers, SignIn: o.SignIn, Deciders: o.Deciders, Counted: o.SignedIn, Log: o.Log}); err != nil {
		return nil, nil, err
	}
	if f := c.Server.ConnectFreq; f.N > 0 {
		r.newcomers = rate.NewLimiter(rate.Limit(float64(f.N)/f.Per.Seconds()), f.N)
	}
	return r, trust, nil
}

// Check returns what New and Adopt would find wrong with a configuration, as far as nobody
// has to be asked for a password. It opens nothing, and leaves c as it is. plugins are as in Options.
func Check(c *config.Config, plugins []auth.Checker) error {
	o := Options{Log: slog.New(slog.DiscardHandler), Plugins: plugins}
	if _, err := lease.New(c, o.Log); err != nil {
		return err
	}
	if err := checkDirs(c, rootOf(c)); err != nil {
		return err
	}
	own, locked, err := profile.Unlocked(c)
	if err != nil {
		return err
	}
	_, trust, err := newKeyless(own, o)
	if err != nil || locked && c.Trust.Key == nil { // the authorities may be behind the password, too
		return err
	}
	_, err = trust.Session(own, true)
	return err
}

// keeping reports which addresses the pool leases to nobody else: those that others keep, and
// those that files of client-config-dir give.
func keeping(others lease.Kept, now *atomic.Pointer[rules]) lease.Kept {
	return func(a netip.Addr) bool {
		return others != nil && others(a) || now.Load().admission.Keeps(a)
	}
}

// admits reports whether one more newcomer may begin a session (connect-freq).
func (r *rules) admits(now time.Time) bool {
	return r.newcomers == nil || r.newcomers.AllowN(now, 1)
}

// reloading is what a server needs to take other rules while it runs.
type reloading struct {
	mu sync.Mutex // held while rules are taken
	// ctx is Run's; nil before it, and after it.
	ctx context.Context
	// before are the admissions of former rules. Clients that came in under one of them
	// stay with it, and let it go when they have gone.
	before []weak.Pointer[admission.Admission]
	// stop ends what goes on for the rules of now: lists that are read again.
	stop   func()
	status profile.StatusFile
}

// retire has the admission of former rules stay for as long as a client, or a program that
// runs for one, has it.
func (r *reloading) retire(a *admission.Admission) {
	r.before = slices.DeleteFunc(r.before, func(w weak.Pointer[admission.Admission]) bool { return w.Value() == nil })
	r.before = append(r.before, weak.Make(a))
}

// beginRules starts what goes on for the first rules.
func (s *Server) beginRules(ctx context.Context) {
	s.reloading.mu.Lock()
	defer s.reloading.mu.Unlock()
	s.reloading.ctx = ctx
	s.keepUp(s.rules.Load())
	s.reloading.status = profile.StatusFile{Log: s.log, Text: func() []byte { return s.Status(s.rules.Load().cfg.Process.StatusVersion) }}
	s.reloading.status.Begin(s.rules.Load().cfg.Process)
}

// keepUp has lists read again, as rules say.
func (s *Server) keepUp(r *rules) {
	s.reloading.stop = r.admission.KeepLists(s.reloading.ctx, s.desk.recheckAll)
}

// endRules ends what goes on for the rules. From now on there are no others.
func (s *Server) endRules() {
	s.reloading.mu.Lock()
	defer s.reloading.mu.Unlock()
	s.reloading.ctx = nil
	s.reloading.stop()
	s.reloading.status.End()
}

// each calls f with the admission of now and those of before.
func (r *reloading) each(now *rules, f func(*admission.Admission)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(now.admission)
	for _, w := range r.before {
		if a := w.Value(); a != nil {
			f(a)
		}
	}
}

// Adopt goes on with another configuration while sessions go on. The caller has seen to
// it that it differs only in what can be taken so (config.Changes). Newcomers meet what
// it says; clients that are in stay with what they came in under, except that they are
// looked up in its revocation lists, until they connect anew. An error says what is
// wrong with the configuration, and leaves everything as it is. This host's routes, and
// whether clients reach one another, change for all at once.
func (s *Server) Adopt(c *config.Config) error {
	s.reloading.mu.Lock()
	defer s.reloading.mu.Unlock()
	if s.reloading.ctx == nil {
		return fmt.Errorf("the server is not up")
	}
	if err := checkDirs(c, rootOf(c)); err != nil && !errors.Is(err, fs.ErrPermission) { // a keeper has the right that is missing here
		return err
	}
	if err := profile.Unlock(c, s.opts.Ask); err != nil {
		return err
	}
	now, err := newRules(c, s.opts)
	if err != nil {
		return err
	}
	before := s.rules.Load()
	now.admission.Follow(before.admission)
	now.admission.CheckFiles(rootOf(c), s.log)
	now.handshakes.follow(before.handshakes)
	if err := s.host.adopt(s.reloading.ctx, s.adapter, c); err != nil {
		select {
		case s.broken <- err:
		default: // it ends already
		}
	}
	now.admission.SetEnvironment(s.adapter.Environment(s.host.told()))
	s.rules.Store(now)
	s.together.Store(c.Server.ClientToClient)
	s.roster.ether.letTogether(c.Server.ClientToClient)
	s.road.SetSpecial(profile.Special(c, s.road.Special().Shaper))
	s.roster.duplicates.Store(c.Server.DuplicateCN)
	s.roster.table.limit(c.Server.MaxClients)
	s.door.greeter.Adopt(now.armour, session.Rate(c.Server.ConnectFreqInitial))
	s.reloading.retire(before.admission)
	s.reloading.stop()
	s.keepUp(now)
	s.reloading.status.Change(c.Process)
	s.desk.recheckAll()
	return nil
}
