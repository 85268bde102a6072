package server

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"culvert/config"
	"culvert/session"
	"culvert/session/negotiate"
	"culvert/session/wire"
)

// Update changes what was pushed to clients while they are connected
// (PUSH_UPDATE). Each option replaces all options of its name; "-name" takes
// them back. Clients that cannot do that connect again, or with "?" ("?name value",
// "-?name") go on without it.
//
// Clients that connect later get what the configuration says.
type Update struct {
	Names   []string      // clients with one of these names, or
	PeerIDs []wire.PeerID // one of these peer-ids
	All     bool          // or all clients
	Options []string
}

// Updated says whom an Update reached, by name.
type Updated struct {
	Told []string
	// Unable cannot take changes while connected. Once they connect again, they get
	// what the configuration says.
	Unable []string
	// Missing are names and peer-ids of which no client is connected.
	Missing []string
}

// errNoOption, errNoClient: what an Update lacks.
var (
	errNoOption = errors.New(`no option given; write such as "route 10.1.0.0 255.255.0.0" or "-route"`)
	errNoClient = errors.New("no client given: name clients, or choose all, but not both")
)

// check fails if a push update cannot carry an option, and says why.
func (u *Update) check() error {
	if u.All == (len(u.Names)+len(u.PeerIDs) > 0) {
		return errNoClient
	}
	if len(u.Options) == 0 {
		return errNoOption
	}
	for _, option := range u.Options {
		if err := config.CheckUpdate(option); err != nil {
			return err
		}
	}
	_, err := negotiate.PushUpdate(u.Options)
	return err
}

// updateTime is the time limit for telling the clients. Only one that is leaving takes
// any time.
const updateTime = 2 * time.Second

// PushUpdate tells clients about a change. It fails if an option cannot be sent; then
// nobody is told.
func (s *Server) PushUpdate(u Update) (Updated, error) {
	if err := u.check(); err != nil {
		return Updated{}, fmt.Errorf("push update: %w", err)
	}
	clients, missing := s.roster.meant(u)
	done := Updated{Told: []string{}, Unable: []string{}, Missing: missing}
	type answer struct {
		from *client
		err  error
	}
	waiting, answers := make(map[*client]bool), make(chan answer, len(clients))
	for _, c := range clients {
		waiting[c] = true
		c.Do(func(time.Time) { answers <- answer{c, c.Session.PushUpdate(u.Options)} })
	}
	for limit := time.After(updateTime); len(waiting) > 0; {
		select {
		case a := <-answers:
			delete(waiting, a.from)
			done.add(a.from, a.err)
		case <-limit:
			for c := range waiting {
				done.add(c, session.ErrNotIn)
			}
			clear(waiting)
		}
	}
	done.sort()
	s.report(PushChanged{Options: u.Options, Updated: done})
	return done, nil
}

// meant finds the clients that an update is for, and the names and peer-ids in it that
// no client has.
func (r *roster) meant(u Update) (clients []*client, missing []string) {
	missing = []string{}
	names, ids := make(map[string]bool), make(map[wire.PeerID]bool)
	for _, c := range r.table.established() {
		byName, byID := slices.Contains(u.Names, c.PeerName()), slices.Contains(u.PeerIDs, c.id)
		names[c.PeerName()], ids[c.id] = true, true
		if u.All || byName || byID {
			clients = append(clients, c)
		}
	}
	for _, name := range u.Names {
		if !names[name] {
			missing = append(missing, name)
		}
	}
	for _, id := range u.PeerIDs {
		if !ids[id] {
			missing = append(missing, fmt.Sprint("peer-id ", id))
		}
	}
	return clients, missing
}

// add notes the result of telling a client.
func (u *Updated) add(c *client, err error) {
	switch {
	case err == nil:
		u.Told = append(u.Told, c.PeerName())
	case errors.Is(err, session.ErrNoUpdate):
		u.Unable = append(u.Unable, c.PeerName())
	default: // it is leaving
		u.Missing = append(u.Missing, c.PeerName())
	}
}

func (u *Updated) sort() {
	for _, list := range [][]string{u.Told, u.Unable, u.Missing} {
		slices.Sort(list)
	}
}
