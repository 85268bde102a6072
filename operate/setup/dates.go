package setup

import (
	"crypto/x509"
	"fmt"
	"time"

	"culvert/access/pki"
)

// Dated is something of a server's directory that ends.
type Dated struct {
	Kind        string // authority, next-authority, server, web or list
	Name        string // in words, or the common name of an authority
	From, Until time.Time
	// Renew is the command that renews it; "" for an authority that has years left.
	Renew string
}

// Dates returns what ends of a server's directory besides certificates of clients: its
// authorities, and all that they signed for the server itself. It needs no key.
func Dates(dir string, now time.Time) (all []Dated, err error) {
	fail := func(err error) ([]Dated, error) { return nil, fmt.Errorf("certificates: %w", denied(err)) }
	if _, err := loadReach(dir); err != nil {
		return fail(err)
	}
	_, trusted, err := certificates(dir, caCertFile)
	if err != nil {
		return fail(err)
	}
	var next []*x509.Certificate
	if changing(dir) {
		if _, next, err = certificates(dir, nextCertFile); err != nil {
			return fail(err)
		}
	}
	for _, c := range signers(trusted) {
		kind := "authority"
		if len(next) > 0 && c.Equal(next[0]) {
			kind = "next-authority"
		}
		d := Dated{Kind: kind, Name: pki.CommonName(c), From: c.NotBefore, Until: c.NotAfter}
		if c.NotAfter.Sub(now) < authorityEndsSoon {
			d.Renew = "culvert authority rotate --dir " + shell(dir)
		}
		all = append(all, d)
	}
	for _, l := range Lastings(dir) {
		term, err := l.Term(now)
		if err != nil {
			return fail(err)
		}
		if !term.Ends.IsZero() {
			all = append(all, Dated{Kind: l.Kind, Name: l.What, From: term.Begins, Until: term.Ends, Renew: l.Command})
		}
	}
	return all, nil
}

// authorityEndsSoon is how long before its end an authority should have a next one: clients
// need new profiles of that.
const authorityEndsSoon = 365 * 24 * time.Hour
