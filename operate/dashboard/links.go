package dashboard

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"culvert/access/audit"
	"culvert/store"
)

// A link's record is under the hash of its token: neither the store nor a backup of it can be
// used in the link's place.
const (
	linkPrefix  = "dashboard/links/"
	linkVersion = 1
	// LinkTime is how long a link works.
	LinkTime = 10 * time.Minute
	// linkFragment is what stands before a link's token, behind the # of its address.
	linkFragment = "link="
)

// link is a link's record.
type link struct {
	// User is who of the store signs in by it; "": whoever has all rights on the server.
	User string `json:"user,omitempty"`
	// By made it: a user of the server's machine.
	By      string    `json:"by,omitempty"`
	Expires time.Time `json:"expires"`
}

// ErrLink is returned for a link that was used, has ended, or never was.
var ErrLink = errors.New("this link was used before, has ended, or is not complete; make another one")

// MakeLink makes a link to a dashboard at an address, which works once, for ten minutes from
// now on: for a user of the store, or with "" for whoever has all rights on the server. by is
// the user of this machine who makes it. Links that have ended go.
func MakeLink(ctx context.Context, s store.Store, now time.Time, at *url.URL, user, by string) (string, error) {
	if err := sweepLinks(ctx, s, now); err != nil {
		return "", err
	}
	t := newToken()
	value, err := store.Encode(linkVersion, link{User: user, By: by, Expires: now.Add(LinkTime).UTC()})
	if err != nil {
		return "", err
	}
	key := linkKey(t)
	if _, err := s.Commit(ctx, store.Txn{If: []store.Compare{{Key: key}}, Put: []store.Put{{Key: key, Value: value}}}); err != nil {
		return "", err
	}
	to := *at
	to.Path, to.Fragment = "/", linkFragment+t.String()
	return to.String(), nil
}

func linkKey(t token) string {
	h := t.hash()
	return linkPrefix + hex.EncodeToString(h[:])
}

// takeLink returns what a token's link is for, and takes it away: ErrLink for nothing. Of two
// that take it at once, one gets it.
func takeLink(ctx context.Context, s store.Store, now time.Time, text string) (l link, err error) {
	t, ok := parseToken(text)
	if !ok {
		return l, ErrLink
	}
	e, err := s.Get(ctx, linkKey(t))
	if errors.Is(err, store.ErrNotFound) {
		return l, ErrLink
	}
	if err != nil {
		return l, err
	}
	if _, err := store.Decode(e, linkVersion, &l); err != nil {
		return l, err
	}
	_, err = s.Commit(ctx, store.Txn{If: []store.Compare{{Key: e.Key, Revision: e.Revision}}, Delete: []string{e.Key}})
	if errors.As(err, new(*store.ConflictError)) || err == nil && !now.Before(l.Expires) {
		return l, ErrLink
	}
	return l, err
}

// sweepLinks takes away those that have ended.
func sweepLinks(ctx context.Context, s store.Store, now time.Time) error {
	all, err := s.List(ctx, linkPrefix)
	if err != nil {
		return err
	}
	for _, e := range all.Entries {
		var l link
		if _, err := store.Decode(e, linkVersion, &l); errors.Is(err, store.ErrNewer) || err == nil && now.Before(l.Expires) {
			continue
		}
		_, err := s.Commit(ctx, store.Txn{If: []store.Compare{{Key: e.Key, Revision: e.Revision}}, Delete: []string{e.Key}})
		if err != nil && !errors.As(err, new(*store.ConflictError)) {
			return err
		}
	}
	return nil
}

// byLink answers POST /auth/link.
func (d *Dashboard) byLink(e *exchange) (any, error) {
	var in struct {
		Token string `json:"token"`
	}
	if err := e.read(&in); err != nil {
		return nil, err
	}
	l, err := takeLink(e.r.Context(), d.o.Store, d.o.Now(), strings.TrimPrefix(in.Token, linkFragment))
	if errors.Is(err, ErrLink) {
		d.note(e, audit.Entry{What: audit.Refused, Login: true, Reason: "dashboard: a link that was used before, has ended, or never was"})
		return nil, goneLink.Error("this link was used before, has ended, or is not complete", "make another one: culvert dashboard")
	}
	if err != nil {
		return nil, err
	}
	if l.User == "" {
		return d.enter(e, operator(l.By, byLink), "by a link that was made on the server")
	}
	u := d.o.People.User(l.User)
	if u == nil {
		return nil, notAdmitted.Error(fmt.Sprintf("there is no user %s any more", l.User), "make a link for another one")
	}
	return d.enter(e, personOf(u, byLink), "by a link that "+l.By+" made on the server")
}
