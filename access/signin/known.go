package signin

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"culvert/store"
)

const (
	signinsVersion = 1
	placeKnown     = 30 * 24 * time.Hour // how long a place stays known
	placeFresh     = 24 * time.Hour      // after which it is noted again
	maxPlaces      = 32                  // of a user
)

// signins is from where a user signed in.
type signins struct {
	Places map[netip.Prefix]time.Time `json:"places"` // when last
}

func signinsKey(user string) string { return "signins/" + user }

// places returns from where a user signed in, as the store has it. A record that cannot be
// read is as if it were not there: then the user's places are strange ones.
func places(ctx context.Context, s store.Store, user string) (signins, store.Revision) {
	var known signins
	e, err := s.Get(ctx, signinsKey(user))
	if err == nil {
		if _, err = store.Decode(e, signinsVersion, &known); err != nil {
			known = signins{}
		}
	}
	return known, e.Revision
}

// knows reports whether a user signed in from a network not long ago.
func (s signins) knows(place netip.Prefix, now time.Time) bool {
	at, ok := s.Places[place]
	return ok && now.Sub(at) < placeKnown
}

// notePlace notes that a user signed in from a network.
func notePlace(ctx context.Context, s store.Store, user string, place netip.Prefix, now time.Time) error {
	known, revision := places(ctx, s, user)
	if now.Sub(known.Places[place]) < placeFresh && known.knows(place, now) {
		return nil
	}
	next := signins{Places: map[netip.Prefix]time.Time{place: now}}
	for p, at := range known.Places {
		if p != place && now.Sub(at) < placeKnown && len(next.Places) < maxPlaces {
			next.Places[p] = at
		}
	}
	value, err := store.Encode(signinsVersion, next)
	if err != nil {
		return err
	}
	key := signinsKey(user)
	_, err = s.Commit(ctx, store.Txn{If: []store.Compare{{Key: key, Revision: revision}}, Put: []store.Put{{Key: key, Value: value}}})
	var conflict *store.ConflictError
	if errors.As(err, &conflict) {
		return nil // somebody else noted it: the next time is soon enough
	}
	return err
}

// place is where a client comes from, and whether it is the user's own.
func (c *Checker) from(ctx context.Context, l *login, now time.Time) from {
	f := from{user: l.name, place: l.request.Source}
	switch {
	case l.standing.Device != nil && l.standing.User != nil && l.standing.Device.User == l.standing.User.Name:
		f.own = "device " + l.standing.Device.Name
	case l.standing.User != nil:
		if known, _ := places(ctx, c.o.Store, l.standing.User.Name); known.knows(f.place, now) {
			f.own = "place " + f.place.String()
		}
	}
	return f
}
