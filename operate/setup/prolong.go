package setup

import (
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"culvert/access/pki"
)

// Lasting is what a server's directory has that ends one day unless it is renewed: its
// certificates or its revocation list.
type Lasting struct {
	Kind string // server, list or web
	What string // in words
	Path string
	// Command renews it where the authority's key is.
	Command string
	// Term says when it is due, by a clock that says now; zero: there is none.
	Term func(now time.Time) (pki.Term, error)
	// Prolong renews it in one step, by a clock that says now. Clients keep their profiles.
	Prolong func(now time.Time) error
}

// ErrNoKey reports that the key of a server's authority is not in its directory, may not be
// read, or has a passphrase that nobody is there to give.
var ErrNoKey = errors.New("the authority's key cannot be used")

// Lastings returns what of a server's directory can be renewed.
func Lastings(dir string) []Lasting {
	web, _ := WebFiles(dir)
	return []Lasting{
		{Kind: "server", What: "the server's certificate", Path: filepath.Join(dir, serverCertFile), Command: "culvert renew --dir " + shell(dir),
			Term: func(time.Time) (pki.Term, error) { return serverTerm(dir) }, Prolong: func(now time.Time) error { return prolongServer(dir, now) }},
		{Kind: "list", What: "the revocation list", Path: listPlace(dir).path, Command: "culvert doctor --fix --dir " + shell(dir),
			Term: func(now time.Time) (pki.Term, error) { return listTerm(dir, now) }, Prolong: func(now time.Time) error { return prolongLists(dir, now) }},
		{Kind: "web", What: "the certificate of web pages", Path: web, Command: "culvert serve --dir " + shell(dir),
			Term: func(time.Time) (pki.Term, error) { return webTerm(dir) }, Prolong: func(now time.Time) error { return prolongWeb(dir, now) }},
	}
}

// IsMade reports whether a directory was made by Init.
func IsMade(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, reachFile))
	return err == nil
}

// RenewCommand is the command that makes the new profile of a client, which may be a user's
// device.
func RenewCommand(dir, name string, isDevice bool) string {
	device, user, _ := strings.Cut(name, ".") // a device's name has no dot
	if isDevice && user != "" {
		return RenewDeviceCommand(dir, device, user)
	}
	return fmt.Sprintf("culvert client renew %s --dir %s -o %[1]s.ovpn", name, shell(dir))
}

// RenewAnyCommand are the commands that make new profiles, of a client and of a device.
func RenewAnyCommand(dir string) string {
	return fmt.Sprintf("culvert client renew NAME --dir %[1]s -o NAME.ovpn; for a device, culvert device renew DEVICE --user USER --dir %[1]s -o DEVICE.ovpn", shell(dir))
}

// RenewDeviceCommand is the command that makes the new profile of a user's device.
func RenewDeviceCommand(dir, device, user string) string {
	return fmt.Sprintf("culvert device renew %s --user %s --dir %s -o %[1]s.ovpn", shell(device), shell(user), shell(dir))
}

// LinkDeviceCommand is the command that hands a device's new profile over by a link.
func LinkDeviceCommand(dir, device, user string) string {
	return fmt.Sprintf("culvert device renew %s --user %s --dir %s --link 7d", shell(device), shell(user), shell(dir))
}

// serverTerm is that of the server's certificate; with the end of the authority that
// issued it.
func serverTerm(dir string) (term pki.Term, err error) {
	path, cert, err := serverCertificate(dir)
	if err != nil {
		return term, err
	}
	_, trusted, err := certificates(dir, caCertFile)
	if err != nil {
		return term, err
	}
	return termOf(dir, path, cert, trusted)
}

// termOf is that of a certificate in a file, with the end of the authority that issued it,
// which is trusted.
func termOf(dir, path string, cert *x509.Certificate, trusted []*x509.Certificate) (term pki.Term, err error) {
	for _, a := range trusted {
		if pki.IssuedBy(cert, a) {
			return pki.Term{Begins: cert.NotBefore, Ends: cert.NotAfter, Authority: a.NotAfter}, nil
		}
	}
	return term, fmt.Errorf("%s is not of the authority in %s", path, dir)
}

// listTerm is that of the list that is due first: zero where there is none.
func listTerm(dir string, now time.Time) (first pki.Term, err error) {
	_, trusted, err := certificates(dir, caCertFile)
	if err != nil {
		return first, err
	}
	all, err := listPlace(dir).load()
	if err != nil {
		return first, err
	}
	for _, a := range signers(trusted) {
		list := all.of(a)
		if list == nil || list.NextUpdate.IsZero() {
			continue
		}
		term := pki.Term{Begins: list.ThisUpdate, Ends: list.NextUpdate, Authority: a.NotAfter}
		if due, before := term.Due(now), first.Due(now); first.Ends.IsZero() || !due.IsZero() && (before.IsZero() || due.Before(before)) {
			first = term
		}
	}
	return first, nil
}

// unattended is loadServer for a server at work, which has nobody to ask, with words for a
// key that it cannot have.
func unattended(dir string) (server, error) {
	s, err := loadServer(dir, nil)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, ErrPassphrase) {
		err = fmt.Errorf("%w: %w", ErrNoKey, err)
	}
	return s, err
}

func prolongServer(dir string, now time.Time) error {
	s, err := unattended(dir)
	if err != nil {
		return err
	}
	path, old, err := serverCertificate(dir)
	if err != nil {
		return err
	}
	for _, by := range s.authorities() {
		if !by.Issued(old) {
			continue
		}
		renewed, err := by.Prolong(rand.Reader, now, old, serverKey(dir), s.reach.Host, s.reach.ServerName)
		if err != nil {
			return err
		}
		return fill(file{path, renewed.CertPEM, publicFile})
	}
	return fmt.Errorf("%s is not of the authority in %s", path, dir)
}

func prolongLists(dir string, now time.Time) error {
	s, err := unattended(dir)
	if err != nil {
		return err
	}
	place := listPlace(dir)
	unlock, err := lockFile(place.path, time.Now)
	if err != nil {
		return err
	}
	defer unlock()
	all, err := place.load()
	if err != nil {
		return err
	}
	text, err := all.prolong(now, s.authorities())
	if err != nil {
		return err
	}
	return fill(file{place.path, text, publicFile})
}

// prolong returns the file with the lists of authorities signed again. Lists of others stay
// as they are.
func (l lists) prolong(now time.Time, authorities []*pki.Authority) (text []byte, err error) {
	none := true
	for _, list := range l {
		one := pki.EncodeList(list)
		for _, a := range authorities {
			if (lists{list}).of(a.Certificate()) == nil {
				continue
			}
			if one, err = a.ProlongList(now, list); err != nil {
				return nil, err
			}
			none = false
		}
		text = append(text, one...)
	}
	if none {
		return nil, errors.New("there is no list of the authority whose key is here")
	}
	return text, nil
}
