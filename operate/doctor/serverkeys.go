package doctor

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"culvert/access/audit"
	"culvert/access/pki"
	"culvert/config"
	"culvert/host/process"
	"culvert/operate/people"
	"culvert/operate/setup"
)

// serverKeys are the keys, certificates and lists of a server.
type serverKeys struct{ *server }

// own is the server's certificate, and those of its authorities.
func (s *server) own() (own *x509.Certificate, authorities []*x509.Certificate) {
	if s.cfg == nil {
		return nil, nil
	}
	own, authorities, _ = ownOf(s.cfg)
	return own, authorities
}

// ownOf reads the certificate of a configuration, and its authorities.
func ownOf(c *config.Config) (own *x509.Certificate, authorities []*x509.Certificate, err error) {
	if c.Trust.CA != nil {
		if authorities, _, err = pki.ParseAuthorities(c.Trust.CA.Text); err != nil {
			err = fmt.Errorf("ca: %w", err)
		}
	}
	if c.Trust.Cert == nil {
		return nil, authorities, err
	}
	certs, err2 := pki.ParseCertificates(c.Trust.Cert.Text)
	if err2 != nil {
		return nil, authorities, errors.Join(err, fmt.Errorf("cert: %w", err2))
	}
	return certs[0], authorities, err
}

// renewServer is what to do about the server's certificate.
func (s serverKeys) renewServer() string {
	if s.Dir != "" {
		return "culvert renew --dir " + shell(s.Dir)
	}
	return "have the authority issue it again, and restart the server"
}

func (s serverKeys) certificateCheck() inspection {
	return inspection{name: "certificates", about: "authority and server's certificate: dates, signature, and key", look: func(_ context.Context, n *notes) {
		identity(n, s.cfg, "the server's", pki.ServerUsage, s.Options, s.renewServer())
	}}
}

// newAuthority is what to do about an authority that ends.
const newAuthority = "make a new authority and new profiles: culvert init --dir NEWDIR --host NAME"

// identity looks at the certificate that a configuration shows to peers, its key, and
// its authorities.
func identity(n *notes, c *config.Config, whose string, usage pki.Usage, o Options, renew string) {
	own, authorities, err := ownOf(c)
	if err != nil {
		n.problem("a certificate cannot be read: "+err.Error(), "", "put the file back from your copy, or have it issued again")
	}
	now := o.Now()
	for _, ca := range authorities {
		dated{"the authority's certificate", ca, newAuthority}.check(n, now)
	}
	if own == nil {
		return
	}
	dated{whose + " certificate", own, renew}.check(n, now)
	if key := c.Trust.Key; key != nil && !pki.KeyEncrypted(key.Text) {
		if _, err := pki.ParseIdentity(c.Trust.Cert.Text, key.Text); err != nil {
			n.problem(whose+" certificate and private key do not belong together, or cannot be read", err.Error(), "name the key that the certificate was issued for in `key`, or put both files back from one copy")
		} else {
			n.saw("certificate and key belong together")
		}
	}
	if len(authorities) > 0 && !issued(authorities, own) {
		if usage == pki.ServerUsage {
			n.problem("the authority of the file has not signed the server's certificate, so that clients with this authority refuse it",
				fmt.Sprintf("issuer %q, authority %q", own.Issuer, authorities[0].Subject), renew)
		}
	}
	if err := pki.CheckPurpose(own, usage); err != nil {
		n.problem(whose+" certificate is for another purpose, and peers refuse it: "+pki.Explain(err, now), "", renew)
	}
}

// issued reports whether one of the authorities signed a certificate.
func issued(authorities []*x509.Certificate, cert *x509.Certificate) bool {
	for _, ca := range authorities {
		if cert.CheckSignatureFrom(ca) == nil || ca.Equal(cert) {
			return true
		}
	}
	return false
}

// listFile is the file of the revocation list; "" if there is none.
func (s serverKeys) listFile() string {
	switch {
	case s.cfg == nil && s.Dir != "":
		return filepath.Join(s.Dir, "crl.pem")
	case s.cfg == nil || s.cfg.Trust.CRLVerify == nil || s.cfg.Trust.CRLVerify.Inline:
		return ""
	}
	return s.cfg.Path(s.cfg.Trust.CRLVerify.Name)
}

// listCheck looks at the revocation list. With one that has ended, OpenVPN lets nobody
// in; this server lets nobody in with one that it cannot rely on.
func (s serverKeys) listCheck() inspection {
	return inspection{name: "revocation", about: "the revocation list: readable, signed by the authority, in force", look: func(_ context.Context, n *notes) {
		file := s.listFile()
		if file == "" {
			n.skip("the configuration names no file of a list (crl-verify)")
			return
		}
		text, err := process.ReadFile(file)
		if err != nil {
			s.lostList(n, file, err)
			return
		}
		lists, err := pki.ParseRevocationLists(text)
		if err != nil {
			n.problem("the revocation list cannot be read, and nobody is let in", fmt.Sprintf("%s: %v", file, err), "put the file back from your copy")
			return
		}
		for _, l := range s.relied(lists) {
			s.checkList(n, file, l)
		}
	}}
}

// relied are those of lists that an authority signed which is trusted, or all of them if
// there is none: a list of one that was trusted before matters no more.
func (s serverKeys) relied(lists []*x509.RevocationList) []*x509.RevocationList {
	authorities := s.authorities()
	ours := slices.DeleteFunc(slices.Clone(lists), func(l *x509.RevocationList) bool {
		return len(pki.Unlisted(authorities, []*x509.RevocationList{l})) == len(authorities)
	})
	if len(ours) == 0 {
		return lists
	}
	return ours
}

// authorities are those that the server trusts.
func (s serverKeys) authorities() []*x509.Certificate {
	_, authorities := s.own()
	if s.cfg == nil {
		text, _ := process.ReadFile(filepath.Join(s.Dir, "ca.crt"))
		authorities, _ = pki.ParseCertificates(text)
	}
	return authorities
}

func (s serverKeys) lostList(n *notes, file string, err error) {
	switch {
	case errors.Is(err, fs.ErrNotExist) && s.cfg == nil:
		n.problem("there is no revocation list, and the server does not start", file, "put the file back from your copy of "+s.Dir+"; or take the line crl-verify out of "+shell(s.File)+", which lets revoked clients in again")
	case errors.Is(err, fs.ErrPermission):
		n.unknown("%v: run this as root", err)
	default:
		n.problem("the revocation list cannot be read, and nobody is let in", err.Error(), "put the file back from your copy")
	}
}

// ownList reports whether a file is the list of a server's directory, which alone is
// what signing anew replaces.
func ownList(dir, file string) bool {
	own, err := os.Stat(filepath.Join(dir, "crl.pem"))
	if err != nil {
		return false
	}
	is, err := os.Stat(file)
	return err == nil && os.SameFile(own, is)
}

func (s serverKeys) checkList(n *notes, file string, list *x509.RevocationList) {
	now := s.Now()
	authorities := s.authorities()
	seen := fmt.Sprintf("%s: made %s, in force until %s", file, day(list.ThisUpdate), day(list.NextUpdate))
	found := Finding{Severity: Problem, Evidence: seen, Mend: "have the authority sign the list again: openssl ca -gencrl -out " + shell(file)}
	if s.Dir != "" && ownList(s.Dir, file) {
		found.Mend, found.fix = "culvert doctor --fix --dir "+shell(s.Dir), s.resign(file, list, authorities)
		if endsWith(authorities, list) {
			found.Mend, found.fix = newAuthority, nil
		}
	}
	left := list.NextUpdate.Sub(now)
	switch {
	case len(authorities) > 0 && len(pki.Unlisted(authorities, []*x509.RevocationList{list})) == len(authorities):
		n.problem("the revocation list is not signed by the authority of the configuration, and is not relied on", seen, "put the list back from your copy, or name the list of this authority in `crl-verify`")
	case !list.NextUpdate.IsZero() && left < 0:
		found.Text = fmt.Sprintf("the revocation list ended %s ago, and no client gets in", span(left))
		n.found(found)
	case now.Before(list.ThisUpdate):
		n.problem("the revocation list is not in force yet: a clock is wrong, here or where it was made", seen, setClock)
	case !list.NextUpdate.IsZero() && left < soon:
		found.Severity, found.Text = Warning, fmt.Sprintf("the revocation list ends in %s, and then no client gets in", span(left))
		n.found(found)
	default:
		n.saw("%d revoked, in force until %s", len(list.RevokedCertificateEntries), list.NextUpdate.UTC().Format("2006-01-02"))
	}
}

// endsWith reports whether a list is in force for as long as its authority, so that one
// signed anew would be in force no longer.
func endsWith(authorities []*x509.Certificate, list *x509.RevocationList) bool {
	return slices.ContainsFunc(authorities, func(ca *x509.Certificate) bool {
		return len(pki.Unlisted([]*x509.Certificate{ca}, []*x509.RevocationList{list})) == 0 && !list.NextUpdate.Before(ca.NotAfter)
	})
}

// resign has the authority in the server's directory sign the list again.
func (s serverKeys) resign(file string, list *x509.RevocationList, authorities []*x509.Certificate) fix {
	return func() (string, string, error) {
		past := list.ThisUpdate
		for _, ca := range authorities {
			if ca.NotBefore.After(past) {
				past = ca.NotBefore
			}
		}
		synced, known := clockSynchronized()
		at, why := dateFor(s.Now(), past, known && synced)
		before, err := setup.Resign(s.Dir, at)
		if err != nil {
			return "", "", err
		}
		return "signed " + file + " again, with the same clients on it" + why, "cp " + shell(before) + " " + shell(file), nil
	}
}

// dateFor is when a list that replaces another is said to be made. Nothing says how far
// ahead a clock may be that nobody keeps right, and a list of the future lets nobody in
// once the clock is set. Such a list is dated as the one before, or its authority, which
// are past.
func dateFor(now, past time.Time, kept bool) (at time.Time, why string) {
	if kept || past.After(now) {
		return now, ""
	}
	return past, "; it is dated " + day(past) + ", which is past for sure: nothing keeps this host's clock right"
}

// clientsCheck looks at the clients in the server's directory.
func (s serverKeys) clientsCheck() inspection {
	return inspection{name: "clients", about: "the clients in the directory: whose certificates end", look: func(_ context.Context, n *notes) {
		if s.Dir == "" {
			n.skip("only a directory made by culvert init says who the clients are (--dir D)")
			return
		}
		list, problem, err := setup.Clients(s.Dir, s.Now())
		if err != nil {
			n.unknown("%v", err)
			return
		}
		if problem != "" {
			n.problem("revoked clients are not shut out: "+problem, "", "culvert client list --dir "+shell(s.Dir))
		}
		for _, c := range list {
			mend := c.Renew(s.Dir)
			switch c.State {
			case setup.Expired:
				n.warning(fmt.Sprintf("the certificate of client %s has ended, and it is not let in", c.Name), "ended "+day(c.Expires), mend)
			case setup.Untrusted:
				n.warning(fmt.Sprintf("client %s has a certificate of an authority that is no longer trusted, and is not let in", c.Name), "", mend)
			case setup.Expiring:
				n.warning(fmt.Sprintf("the certificate of client %s ends in %s", c.Name, span(c.Expires.Sub(s.Now()))), "ends "+day(c.Expires), mend)
			}
		}
		n.saw("%d clients", len(list))
	}}
}

// permissionCheck looks at who may read keys, and write where the server reads.
func (s serverKeys) permissionCheck() inspection {
	return inspection{name: "permissions", about: "who may read keys and passwords, and change the directory", look: func(_ context.Context, n *notes) {
		open(n, s.cfg)
		for _, name := range []string{s.Dir, s.cfg.Path(filepath.Dir(s.File))} {
			if info, err := os.Stat(name); name != "" && err == nil && info.Mode().Perm()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0 {
				n.found(Finding{Severity: Problem, Text: "every user may put other files in the place of the server's in " + name, Evidence: fmt.Sprintf("mode %04o", info.Mode().Perm()),
					Mend: "chmod o-w " + shell(name), fix: chmod(name, info.Mode().Perm()&^0o002)})
			}
		}
		if s.Dir != "" {
			for _, k := range kept {
				closed(n, filepath.Join(s.Dir, k.name), k.what)
			}
		}
		n.well("keys are their owner's alone")
	}}
}

// kept are the files with secrets that a server's directory has besides those of the
// configuration.
var kept = []struct{ name, what string }{
	{"ca.key", "the authority's key"}, {"ca-next.key", "the next authority's key"}, {"web.key", "the key of the web pages"},
	{people.File, "passwords of users and keys of their codes"}, {audit.Name, "the audit log"},
}

// open finds keys and passwords of a configuration that others than their owner may
// read.
func open(n *notes, c *config.Config) {
	for _, secret := range c.Secrets() {
		closed(n, secret.Path, secret.Directive)
	}
}

func closed(n *notes, name, what string) {
	info, err := os.Stat(name)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		n.note("it cannot be seen who may read "+what, err.Error(), "run this as root")
	case err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0:
		n.found(Finding{Severity: Warning, Text: fmt.Sprintf("others than its owner may read or change %s (%s)", name, what), Evidence: fmt.Sprintf("mode %04o", info.Mode().Perm()),
			Mend: "chmod 600 " + shell(name), fix: chmod(name, 0o600)})
	}
}

func chmod(name string, mode fs.FileMode) fix {
	return func() (string, string, error) {
		info, err := os.Stat(name)
		if err == nil {
			err = os.Chmod(name, mode)
		}
		if err != nil {
			return "", "", err
		}
		return fmt.Sprintf("chmod %03o %s", mode, shell(name)), fmt.Sprintf("chmod %03o %s", info.Mode().Perm(), shell(name)), nil
	}
}

// userCheck looks at whom the server is to run as.
func (s serverKeys) userCheck() inspection {
	return inspection{name: "user", about: "whether `user` and `group` exist", look: func(_ context.Context, n *notes) {
		p := s.cfg.Process
		if p.User == "" && p.Group == "" {
			n.skip("the configuration names no user")
			return
		}
		if _, err := process.Lookup(p.User, p.Group); err != nil {
			n.problem("the server cannot start as it is told to: "+err.Error(), "", "useradd --system --no-create-home --shell /usr/sbin/nologin "+shell(strings.TrimSpace(p.User)))
			return
		}
		for _, name := range []string{p.User, p.Group} {
			if name != "" {
				n.saw("%s exists", name)
			}
		}
	}}
}
