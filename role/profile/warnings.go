package profile

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"culvert/access/pki"
)

var errLeftOut = errors.New("an authority is left out, and peers with its certificates are refused")

// warnLeftOut says which authorities of a file cannot be used. Perhaps nobody needs
// them, so they must not keep the others from being used.
func (t *Trust) warnLeftOut(where string, faults []error) {
	for _, fault := range faults {
		t.warn(fmt.Sprintf("%s: %v", where, fault))
	}
}

// warnUnlisted says which authorities have no list although others do, so that what
// they issued cannot be revoked, or have one that cannot be relied on.
func (t *Trust) warnUnlisted(lists []*x509.RevocationList, now time.Time) {
	if len(lists) == 0 || t.revoked.dir != "" {
		return
	}
	var names []string
	for _, a := range t.authorities {
		own, err := pki.ListsOf(a, lists, now, t.authorities)
		switch {
		case err != nil:
			t.warn(fmt.Sprintf("crl-verify: %v; until then nobody with a certificate of that authority is let in", err))
		case len(own) == 0:
			names = append(names, fmt.Sprintf("%q", pki.Subject(a)))
		}
	}
	if len(names) > 0 {
		t.warn("crl-verify: there is no list signed by " + strings.Join(names, ", ") + " of `ca`: no certificate of that authority counts as revoked")
	}
}

// maxUnlisted is how many authorities without a list are remembered.
const maxUnlisted = 100

// warnBetween says which authorities between a peer's certificate and those of `ca`
// have no list, once for each. The caller does not hold mu.
func (r *revoked) warnBetween(way []*x509.Certificate, lists []*x509.RevocationList, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := 1; i+1 < len(way); i++ {
		a := way[i]
		key := string(a.RawSubjectPublicKeyInfo)
		if r.unlisted[key] || len(r.unlisted) == maxUnlisted || slices.ContainsFunc(r.authorities, a.Equal) {
			continue
		}
		r.unlisted[key] = true
		if own, _ := pki.ListsOf(a, lists, now, r.authorities); len(own) == 0 {
			r.warn(fmt.Sprintf("crl-verify: there is no list signed by %q, an authority that peers show beside their own certificates: none of those that it issued counts as revoked; add its list", pki.Subject(a)))
		}
	}
}

// Lists that end within endsSoon are announced, once each time that one comes nearer to its
// end than one of nearEnds, once a day in the last week, and when they end.
const (
	endsSoon         = 30 * day
	announceInterval = day
	day              = 24 * time.Hour
)

var nearEnds = []time.Duration{endsSoon, 14 * day, 7 * day}

// announce says which lists end soon, or have ended. The caller holds mu.
func (r *revoked) announce(now time.Time) {
	if !slices.ContainsFunc(r.all(), func(l *x509.RevocationList) bool { return announceAt(l.NextUpdate, r.looked, now) }) {
		return
	}
	r.looked = now
	for _, text := range r.ending(now) {
		r.warn(text)
	}
}

// announceAt reports whether a list that ends then is to be announced, if it was looked at
// before; zero: never.
func announceAt(end, before, now time.Time) bool {
	left := end.Sub(now)
	switch {
	case end.IsZero() || left >= endsSoon:
		return false
	case before.IsZero():
		return true
	case left < 7*day && now.Sub(before) >= announceInterval:
		return true
	}
	was := end.Sub(before)
	return was >= 0 && left < 0 || slices.ContainsFunc(nearEnds, func(near time.Duration) bool { return was >= near && left < near })
}

// Ending says which lists end soon, or have ended.
func (t *Trust) Ending(now time.Time) []string {
	t.revoked.mu.Lock()
	defer t.revoked.mu.Unlock()
	return t.revoked.ending(now)
}

// ending is Ending. The caller holds mu.
func (r *revoked) ending(now time.Time) (texts []string) {
	for _, d := range r.deciding(now) {
		if left := d.list.NextUpdate.Sub(now); !d.list.NextUpdate.IsZero() && left < endsSoon {
			texts = append(texts, endOf(d.list, left, d.whom))
		}
	}
	return texts
}

// deciding is the list of an authority that ends last: with it all of them have ended.
type deciding struct {
	list *x509.RevocationList
	whom string // who is shut out when it ends
}

// deciding returns the deciding lists of the authorities of `ca`, and of others whose
// certificates peers may show.
func (r *revoked) deciding(now time.Time) (all []deciding) {
	lists := r.all()
	for _, a := range r.authorities {
		if own, _ := pki.ListsOf(a, lists, now, r.authorities); len(own) > 0 {
			all = append(all, deciding{lastToEnd(own), "nobody with a certificate of that authority"})
		}
	}
	for _, own := range pki.ListsOfOthers(lists, r.authorities) {
		all = append(all, deciding{lastToEnd(own), "nobody who shows that authority, which is not in `ca`, beside their own certificate"})
	}
	return all
}

// lastToEnd returns the one of lists that ends last; one may never end.
func lastToEnd(lists []*x509.RevocationList) *x509.RevocationList {
	return slices.MaxFunc(lists, func(a, b *x509.RevocationList) int {
		switch {
		case a.NextUpdate.IsZero():
			return 1
		case b.NextUpdate.IsZero():
			return -1
		}
		return a.NextUpdate.Compare(b.NextUpdate)
	})
}

// endOf says when a list ends or ended, and whom that shuts out.
func endOf(l *x509.RevocationList, left time.Duration, whom string) string {
	at := l.NextUpdate.UTC().Format(time.DateTime)
	when := "within a day"
	days := int(left.Abs() / day)
	if days > 0 {
		when = fmt.Sprintf("in %d days", days)
	}
	if left >= 0 {
		return fmt.Sprintf("crl-verify: the revocation list of %q ends at %s, %s; from then on %s is let in: sign it anew before (%s)", l.Issuer, at, when, whom, signers)
	}
	ago := ""
	if days > 0 {
		ago = fmt.Sprintf(", %d days ago", days)
	}
	return fmt.Sprintf("crl-verify: the revocation list of %q ended at %s%s; %s is let in until it is signed anew (%s)", l.Issuer, at, ago, whom, signers)
}

// signers are commands that sign a list anew.
const signers = "culvert client revoke does, as easyrsa gen-crl and openssl ca -gencrl"
