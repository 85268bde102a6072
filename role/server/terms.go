package server

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"culvert/access/limits"
	"culvert/config"
	"culvert/session"
	"culvert/session/negotiate"
)

// Terms are what may change while a client is in.
type Terms struct {
	// Push are options that are pushed to it besides those of the configuration. Those
	// that a client can take while it is in (config.CheckUpdate) follow a change at once,
	// if it can.
	Push []string
	// Without are the names of options that are not pushed to it, though the configuration
	// says so.
	Without []string
	// Names is the domain for which the server itself answers, and has the client ask it for
	// all names; "": it does not.
	Names string
	// Up and Down are how much may come from it and go to it, in bits inside the tunnel; what
	// is beyond that is dropped.
	Up, Down limits.Rate
}

// Review looks at all clients anew, after something changed by which Options.Barred or
// Options.Terms answers: it shuts out who is barred, and gives the others their new terms.
// It may be called on any goroutine, and does not wait for clients.
func (s *Server) Review() {
	now := time.Now()
	for _, c := range s.roster.table.all() {
		if c.decided.Load() && s.desk.outdated(c, now) {
			c.Do(func(now time.Time) { s.desk.review(c, now) })
		}
	}
}

// outdated reports whether review would change anything for a client.
func (d *desk) outdated(c *client, now time.Time) bool {
	terms := c.terms.Load()
	return d.barred(c, now) != nil || terms != nil && !terms.equal(d.termsOf(c))
}

// review looks at one client anew, on its control goroutine.
func (d *desk) review(c *client, now time.Time) {
	if !c.decided.Load() || d.turnOut(c, now) {
		return
	}
	before := c.terms.Load()
	if before == nil || c.Session.Err() != nil {
		return // it gets those of now when it is admitted
	}
	after := d.termsOf(c)
	if before.equal(after) {
		return
	}
	if c.up {
		c.terms.Store(after)
		c.keepTo(after, now)
		d.update(c, now, before, after)
	}
}

// barred returns why a client may not be here, though its certificate and login are good.
func (d *desk) barred(c *client, now time.Time) error {
	if d.people.Barred == nil {
		return nil
	}
	return d.people.Barred(c.visit.Applicant(), now)
}

// turnOut shuts out a client that is barred.
func (d *desk) turnOut(c *client, now time.Time) (barred bool) {
	err := d.barred(c, now)
	if err == nil || c.Session.Err() != nil {
		return false
	}
	c.visit.Drop()
	c.shut.Store(true)
	if c.Session.ShutOut(now, err.Error()) {
		d.report(c.cut(ShutOut{About: c.about(now), Err: err}))
	}
	return true
}

// termsOf returns a client's terms as they are now.
func (d *desk) termsOf(c *client) *Terms {
	if d.people.Terms == nil {
		return new(Terms)
	}
	t := d.people.Terms(c.visit.Applicant())
	return &t
}

func (t *Terms) equal(u *Terms) bool {
	return slices.Equal(t.Push, u.Push) && slices.Equal(t.Without, u.Without) && t.Names == u.Names && t.Up == u.Up && t.Down == u.Down
}

// update tells a client what changed of what it was pushed.
func (d *desk) update(c *client, now time.Time, before, after *Terms) {
	pushed := func(terms *Terms) []string {
		return pushList(d.rules.Load().cfg.Server, d.roster.book, c, terms, c.told)
	}
	options, later := changed(pushed(before), pushed(after))
	text := ""
	switch err := c.pushUpdate(options); {
	case errors.Is(err, session.ErrNoUpdate):
		text = "what it is pushed has changed; it cannot take that while it is connected, and gets it when it connects again"
	case err != nil && c.Session.Err() == nil:
		text = fmt.Sprintf("what it is pushed has changed, but it cannot be told: %v", err)
	case len(later) > 0:
		text = "what it is pushed has changed; it gets " + strings.Join(later, ", ") + " when it connects again"
	}
	if text != "" {
		d.report(Remark{About: c.about(now), Text: text})
	}
}

func (c *client) pushUpdate(options []string) error {
	if len(options) == 0 {
		return nil
	}
	return c.Session.PushUpdate(options)
}

// changed returns the options that turn one push list into another: for each name whose
// options differ all of them, or "-name". Names that cannot change while a client is
// connected are in later.
func changed(before, after []string) (options, later []string) {
	was, is := byName(before), byName(after)
	for _, name := range names(before, after) {
		if slices.Equal(was[name], is[name]) {
			continue
		}
		all := is[name]
		if len(all) == 0 {
			all = []string{"-" + name}
		}
		if slices.ContainsFunc(all, func(o string) bool { return config.CheckUpdate(o) != nil }) {
			later = append(later, name)
			continue
		}
		options = append(options, all...)
	}
	return options, later
}

// byName sorts options by their names.
func byName(options []string) map[string][]string {
	m := make(map[string][]string)
	for _, o := range options {
		name, _, _ := strings.Cut(o, " ")
		m[name] = append(m[name], o)
	}
	return m
}

// names returns the names of options, each once, in their order.
func names(lists ...[]string) (all []string) {
	for _, list := range lists {
		for _, o := range list {
			if name, _, _ := strings.Cut(o, " "); !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all
}

// promise notes what a client is told about itself, before it is told.
func (c *client) promise(t *Terms, told negotiate.PeerInfo, now time.Time) {
	c.terms.Store(t)
	c.keepTo(t, now)
	c.told = told
}
