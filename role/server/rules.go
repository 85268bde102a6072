package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"culvert/config"
	"culvert/role/profile"
	"culvert/role/server/admission"
	"culvert/session"
)

// rules are what newcomers meet: the part of a configuration that another one can
// replace while sessions go on. They are replaced as a whole and never changed.
type rules struct {
	cfg       *config.Config
	session   session.Config
	admission *admission.Admission
	newcomers *rate.Limiter // connect-freq; nil: no limit
}

// newRules makes the rules of a configuration, or says what is wrong with it.
func newRules(c *config.Config, o Options) (*rules, error) {
	trust, err := profile.NewTrust(c, func(text string) { o.Log.Warn(text) }, o.Lists)
	if err != nil {
		return nil, err
	}
	r := &rules{cfg: c}
	if r.session, err = trust.Session(c, true); err != nil {
		return nil, err
	}
	if r.admission, err = admission.New(c, admission.Options{Trust: trust, Plugins: o.Plugins, Checkers: o.Checkers, Deciders: o.Deciders, Log: o.Log}); err != nil {
		return nil, err
	}
	if f := c.Server.ConnectFreq; f.N > 0 {
		r.newcomers = rate.NewLimiter(rate.Limit(float64(f.N)/f.Per.Seconds()), f.N)
	}
	return r, nil
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
	// stay with it.
	before []*admission.Admission
	// stop ends what goes on for the rules of now: lists that are read again, and the
	// status file.
	stop func()
}

// beginRules starts what goes on for the first rules.
func (s *Server) beginRules(ctx context.Context) {
	s.reloading.mu.Lock()
	defer s.reloading.mu.Unlock()
	s.reloading.ctx = ctx
	s.keepUp(s.rules.Load())
}

// keepUp has lists read again and the status written, as rules say.
func (s *Server) keepUp(r *rules) {
	lists := r.admission.KeepLists(s.reloading.ctx, s.desk.recheckAll)
	p := r.cfg.Process
	status := profile.KeepStatus(p, s.log, func() []byte { return s.Status(p.StatusVersion) })
	s.reloading.stop = func() { status(); lists() }
}

// endRules ends what goes on for the rules. From now on there are no others.
func (s *Server) endRules() {
	s.reloading.mu.Lock()
	defer s.reloading.mu.Unlock()
	s.reloading.ctx = nil
	s.reloading.stop()
}

// each calls f with the admission of now and those of before.
func (r *reloading) each(now *rules, f func(*admission.Admission)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(now.admission)
	for _, a := range r.before {
		f(a)
	}
}

// Adopt goes on with another configuration while sessions go on. The caller has seen to
// it that it differs only in what can be taken so (config.Changes). Newcomers meet what
// it says; clients that are in stay with what they came in under, except that they are
// looked up in its revocation lists, until they connect anew. An error says what is
// wrong with the configuration, and leaves everything as it is.
func (s *Server) Adopt(c *config.Config) error {
	s.reloading.mu.Lock()
	defer s.reloading.mu.Unlock()
	if s.reloading.ctx == nil {
		return fmt.Errorf("the server is not up")
	}
	if err := checkDirs(c, rootOf(c)); err != nil && !errors.Is(err, fs.ErrPermission) { // a keeper has the right that is missing here
		return err
	}
	admission.CheckFiles(c, rootOf(c), s.log)
	if err := profile.Unlock(c, s.opts.Ask); err != nil {
		return err
	}
	now, err := newRules(c, s.opts)
	if err != nil {
		return err
	}
	before := s.rules.Load()
	now.admission.Follow(before.admission)
	s.rules.Store(now)
	s.roster.duplicates.Store(c.Server.DuplicateCN)
	s.reloading.before = append(s.reloading.before, before.admission)
	s.reloading.stop()
	s.keepUp(now)
	s.desk.recheckAll()
	return nil
}
