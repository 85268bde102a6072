package signin

import (
	"slices"

	"culvert/access/users"
)

// maxCombined bounds how many combinations of ways are looked at.
const maxCombined = 64

// required returns the ways that meet what every group requires, those that the groups
// name first before others. Where no group says anything, it is the usual way.
func required(groups []*users.Group, usual users.Way) []users.Way {
	var all []users.Way
	for _, g := range groups {
		switch {
		case len(g.Require) == 0:
		case all == nil:
			all = g.Require
		default:
			all = combine(all, g.Require)
		}
	}
	if all == nil {
		return []users.Way{usual}
	}
	return all
}

// combine returns each way of one group joined with each of another.
func combine(a, b []users.Way) (all []users.Way) {
	for _, first := range a {
		for _, second := range b {
			w := slices.Clone(first)
			for _, f := range second {
				if !w.Has(f) {
					w = append(w, f)
				}
			}
			if len(all) < maxCombined {
				all = append(all, w)
			}
		}
	}
	return all
}

// usual is how a user signs in where no group says anything: a local one with the
// certificate of one of their devices, and the password if they have one; one of a
// directory as that directory does it; and with a code if they are enrolled.
func usual(u *users.User) users.Way {
	var w users.Way
	switch {
	case u == nil:
		w = users.Way{users.Password}
	case u.Source == sourceBrowser:
		w = users.Way{users.Browser}
	case u.Source != "":
		w = users.Way{users.Password}
	case u.Password != "":
		w = users.Way{users.Certificate, users.Password}
	default:
		w = users.Way{users.Certificate}
	}
	if enrolled(u) {
		w = append(w, users.Code)
	}
	return w
}

// enrolled reports whether a user has a secret for codes that they have shown to have.
func enrolled(u *users.User) bool { return u != nil && u.TOTP != nil && u.TOTP.Confirmed }

// sourceBrowser is the source of people who sign in at a page (auth.Browsing).
const sourceBrowser = "oidc"

// shown is what a client can show.
type shown struct {
	certificate bool // of one of the user's devices
	password    bool // it has given one
	browser     bool // it can open a page, and there is one
	page        bool // it is no client, but a page from which one goes to the provider
}

// choose returns the first way that a client can go, with a password if it has given one;
// or what it is told if there is none.
func choose(ways []users.Way, s shown) (users.Way, string) {
	possible := func(w users.Way) bool {
		return w.Known() && (s.certificate || !w.Has(users.Certificate)) && (s.password || !w.Has(users.Password)) && (s.browser || !w.Has(users.Browser))
	}
	if s.password {
		for _, w := range ways {
			if possible(w) && (w.Has(users.Password) || w.Has(users.Code)) {
				return w, ""
			}
		}
	}
	for _, w := range ways {
		if possible(w) {
			return w, ""
		}
	}
	return nil, missing(ways, s)
}

// browserClient is what signs in by a browser.
const browserClient = "a client that signs in by a browser: OpenVPN Connect, Culvert, or OpenVPN 2.5 or later with the lines setenv IV_SSO webauth and push-peer-info in its profile"

// missing says what a client lacks for the way that asks for least of what it lacks.
func missing(ways []users.Way, s shown) string {
	lacks := func(f users.Factor, has bool) bool {
		return !has && !slices.ContainsFunc(ways, func(w users.Way) bool { return !w.Has(f) })
	}
	switch {
	case !slices.ContainsFunc(ways, users.Way.Known):
		return "nobody can show what is required here; ask who runs this server"
	case lacks(users.Certificate, s.certificate):
		return "this needs the profile of one of your own devices"
	case lacks(users.Password, s.password):
		return "a user name and a password are needed here"
	case lacks(users.Browser, s.browser) && s.page:
		return "this needs signing in at the provider: use the button for it"
	case lacks(users.Browser, s.browser):
		return "this needs " + browserClient
	case !s.password:
		return "a user name and a password, or the profile of one of your own devices, are needed here"
	}
	return "this needs the profile of one of your own devices, or " + browserClient
}
