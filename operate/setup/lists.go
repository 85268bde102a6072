package setup

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"path/filepath"
	"slices"
	"time"

	"culvert/access/pki"
	"culvert/host/process"
)

// lists are the revocation lists in one file: one of each authority. nil: there is no
// file.
type lists []*x509.RevocationList

// load reads the lists. It returns nil if there is no file.
func (p place) load() (lists, error) {
	text, err := process.ReadFile(p.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all, err := pki.ParseRevocationLists(text)
	if err == nil {
		err = lists(all).oneEach()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w; put the file back from your copy, or move it away to begin a new list without the clients revoked so far", p.path, err)
	}
	return all, nil
}

// oneEach fails unless each list is of another authority.
func (l lists) oneEach() error {
	if len(l) == 0 {
		return errors.New("expected a list, found none")
	}
	of := make(map[string]bool)
	for _, list := range l {
		id := string(list.RawIssuer) + string(list.AuthorityKeyId)
		if of[id] {
			return fmt.Errorf("expected one list of each authority, found several of %s", list.Issuer)
		}
		of[id] = true
	}
	return nil
}

// listed reports whether one of the lists revokes a serial number.
func (l lists) listed(serial *big.Int) bool {
	return slices.ContainsFunc(l, func(list *x509.RevocationList) bool { return pki.Listed(list, serial) })
}

// of returns the list of an authority; nil if it has none.
func (l lists) of(authority *x509.Certificate) *x509.RevocationList {
	for _, list := range l {
		if len(pki.Unlisted([]*x509.Certificate{authority}, []*x509.RevocationList{list})) == 0 {
			return list
		}
	}
	return nil
}

// sign returns the file with certs on the lists of those of authorities that signed them,
// each of which gets a list if it has none. With all, each list is signed anew. Lists of
// others stay as they are.
func (l lists) sign(now time.Time, authorities []*pki.Authority, all bool, certs []*x509.Certificate) (text []byte, err error) {
	ours := func(list *x509.RevocationList) bool {
		return slices.ContainsFunc(authorities, func(a *pki.Authority) bool { return lists{list}.of(a.Certificate()) != nil })
	}
	for _, list := range l {
		if !ours(list) && (len(authorities) > 1 || len(l) > 1) {
			text = append(text, pki.EncodeList(list)...)
		}
	}
	for _, a := range authorities {
		before := l.of(a.Certificate())
		if before == nil && len(authorities) == 1 && len(l) == 1 {
			before = l[0] // says that it is another's
		}
		var mine []*x509.Certificate
		for _, c := range certs {
			if (a.Issued(c) || unseen(c) && a == authorities[0]) && !pki.Listed(before, c.SerialNumber) {
				mine = append(mine, c)
			}
		}
		if before != nil && len(mine) == 0 && !all {
			text = append(text, pki.EncodeList(before)...)
			continue
		}
		one, err := a.Revoke(now, before, mine...)
		if err != nil {
			return nil, err
		}
		text = append(text, one...)
	}
	return text, nil
}

// unheeded returns why the server does not use the lists there, which are nil if there
// is no file. It returns "" if the server uses them.
func (p place) unheeded(dir string, all lists, now time.Time) (problem string, err error) {
	if p.problem != "" || all == nil {
		return p.problem, nil
	}
	if !p.named {
		return fmt.Sprintf("%s does not name it; add the line: crl-verify %s", filepath.Join(dir, serverConfFile), quote(p.path)), nil
	}
	_, trusted, err := certificates(dir, caCertFile)
	if err != nil {
		return "", err
	}
	if trusted = signers(trusted); len(pki.Unlisted(trusted, all)) == len(trusted) {
		return fmt.Sprintf("%s is not signed by the authority in %s: put the list back from your copy", p.path, dir), nil
	}
	for _, list := range all {
		if err := pki.CheckList(list, trusted, now); err != nil {
			return fmt.Sprintf("%s: %v", p.path, err), nil
		}
	}
	return "", nil
}

// signers are those of a chain's certificates that sign others than authorities: a root
// with an authority below it has its lists elsewhere.
func signers(certs []*x509.Certificate) (own []*x509.Certificate) {
	for _, c := range certs {
		if !slices.ContainsFunc(certs, func(below *x509.Certificate) bool { return below != c && pki.IssuedBy(below, c) }) {
			own = append(own, c)
		}
	}
	return own
}
