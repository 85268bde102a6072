package adopt

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"culvert/access/pki"
	"culvert/host/process"
	"culvert/operate/setup"
)

// listing makes the revocation list of the new directory.
type listing struct {
	*builder
	keeper *keeper
	conf   *conf
}

// make makes it: whoever is on the server's own, or is revoked by the
// index, stays out.
func (b listing) make() error {
	k, c := b.keeper, b.conf
	l, err := b.readLists(k)
	if err != nil {
		return err
	}
	if !l.named {
		b.report.problem("revocation", "%s names no list (crl-verify), so that OpenVPN lets in whoever was revoked; the new directory has one", b.source.conf)
	}
	if k.signer == nil {
		return b.copyList(k, c, l)
	}
	var certs []*x509.Certificate
	for _, serial := range append(k.revokedSerials(), l.serials...) {
		certs = append(certs, &x509.Certificate{SerialNumber: serial})
	}
	text, err := k.signer.Revoke(b.Now, l.own, certs...)
	if err != nil {
		return err
	}
	b.sayList(k, l)
	for _, other := range l.others {
		text = append(text, pki.EncodeList(other)...)
	}
	b.add(setup.AdoptedList, text, false)
	c.set("crl-verify", filepath.Join(b.Dir, setup.AdoptedList))
	return nil
}

// revocations is what a server has of revocation lists.
type revocations struct {
	named   bool // by its configuration
	text    []byte
	path    string
	own     *x509.RevocationList // the authority's
	others  []*x509.RevocationList
	dir     []file     // of crl-verify with a directory
	serials []*big.Int // that those are named by
}

type file struct {
	name string
	data []byte
}

// readLists reads the list that the configuration names, or else the one of the
// authority's directory.
func (b listing) readLists(k *keeper) (l revocations, err error) {
	t := b.source.cfg.Trust
	switch {
	case t.CRLVerifyDir != "":
		l.named, l.path = true, b.source.path(t.CRLVerifyDir)
		return l, b.readListDir(&l)
	case t.CRLVerify != nil:
		l.named, l.path, l.text = true, place(t.CRLVerify), t.CRLVerify.Text
	case k.dir != "":
		l.path = filepath.Join(k.dir, "crl.pem")
		l.text, err = process.ReadFile(l.path)
		if errors.Is(err, fs.ErrNotExist) {
			return l, nil
		}
		if err != nil {
			return l, err
		}
	default:
		return l, nil
	}
	lists, err := pki.ParseRevocationLists(l.text)
	if err != nil {
		return l, fmt.Errorf("crl-verify (%s): %w; make the list anew (easyrsa gen-crl), and adopt again", l.path, err)
	}
	for _, list := range lists {
		if len(pki.Unlisted([]*x509.Certificate{k.cert}, []*x509.RevocationList{list})) > 0 {
			l.others = append(l.others, list)
			continue
		}
		if l.own == nil || list.ThisUpdate.After(l.own.ThisUpdate) {
			l.own = list
		}
	}
	return l, nil
}

// readListDir reads a directory whose files are named by the numbers of revoked
// certificates, in decimal.
func (b listing) readListDir(l *revocations) error {
	entries, err := os.ReadDir(l.path)
	if err != nil {
		return fmt.Errorf("crl-verify: %w", err)
	}
	for _, e := range entries {
		serial, ok := new(big.Int).SetString(e.Name(), 10)
		if !ok {
			b.report.problem("revocation", "%s is not a serial number in decimal, and revokes nothing", filepath.Join(l.path, e.Name()))
			continue
		}
		l.serials = append(l.serials, serial)
		l.dir = append(l.dir, file{e.Name(), nil})
	}
	return nil
}

// sayList says what the new list is made of.
func (b listing) sayList(k *keeper, l revocations) {
	before := 0
	if l.own != nil {
		before = len(l.own.RevokedCertificateEntries)
		if end := l.own.NextUpdate; !end.IsZero() && b.Now.After(end) {
			b.report.understood("revocation", "%s had ended on %s, since when OpenVPN lets nobody in; it is signed anew", l.path, end.Format(time.DateOnly))
		}
	}
	added := 0
	for _, serial := range k.revokedSerials() {
		if !pki.Listed(l.own, serial) && !listed(l.serials, serial) {
			added++
		}
	}
	b.report.understood("revocation", "%d certificates stay shut out; the list is signed anew, and in force until %s", before+added+len(l.serials), k.cert.NotAfter.Format(time.DateOnly))
	if added > 0 && l.named {
		b.report.problem("revocation", "%d certificates are revoked by %s, but not by %s: OpenVPN lets them in, and the new server does not", added, indexFile, l.path)
	}
}

func listed(all []*big.Int, serial *big.Int) bool {
	for _, s := range all {
		if s.Cmp(serial) == 0 {
			return true
		}
	}
	return false
}

// copyList takes the list as it is, where none can be signed.
func (b listing) copyList(k *keeper, c *conf, l revocations) error {
	missing := 0
	for _, serial := range k.revokedSerials() {
		if !pki.Listed(l.own, serial) && !listed(l.serials, serial) {
			missing++
		}
	}
	if missing > 0 {
		b.report.problem("revocation", "%d certificates are revoked by %s, but on no list, and without ca.key none can be signed: they are let in, as by OpenVPN", missing, indexFile)
	}
	switch {
	case b.source.cfg.Trust.CRLVerifyDir != "":
		for _, f := range l.dir {
			b.add(filepath.Join("crl", f.name), f.data, false)
		}
		b.out.Dirs = append(b.out.Dirs, "crl")
		c.set("crl-verify", filepath.Join(b.Dir, "crl"), "dir")
		b.report.understood("revocation", "%d certificates stay shut out", len(l.dir))
	case l.text != nil:
		b.add(setup.AdoptedList, l.text, false)
		c.set("crl-verify", filepath.Join(b.Dir, setup.AdoptedList))
		n := 0
		if l.own != nil {
			n = len(l.own.RevokedCertificateEntries)
			if end := l.own.NextUpdate; !end.IsZero() && b.Now.After(end) {
				b.report.problem("revocation", "%s ended on %s, and without ca.key it cannot be signed anew: nobody is let in until it is, as by OpenVPN. To sign it where the key is, run: easyrsa gen-crl", l.path, end.Format(time.DateOnly))
			}
		}
		b.report.understood("revocation", "%d certificates stay shut out", n)
	}
	return nil
}
