package setup

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"culvert/access/pki"
	"culvert/config"
	"culvert/host/process"
)

// RevokeOptions say which client to shut out.
type RevokeOptions struct {
	Dir  string // the server's directory, as made by Init
	Name string
	Now  time.Time
	Ask  Passphrase // of the authority's key; nil: nobody knows it
}

// Revocation is the result of Revoke.
type Revocation struct {
	List    string   // the path of the revocation list
	Serials []string // the revoked serial numbers, in hex
	Already bool     // they were revoked before, and nothing was written
	// LineAdded reports whether server.conf had no crl-verify and was given the
	// line. A running server must then read its configuration again.
	LineAdded bool
	// Problem says why the server will not use the list; "" if it will.
	Problem string
}

// Revoke puts every certificate issued to a client on the revocation list, signs
// the list anew, and makes the server's configuration name it.
func Revoke(o RevokeOptions) (*Revocation, error) {
	fail := func(err error) (*Revocation, error) { return nil, fmt.Errorf("client revoke: %w", denied(err)) }
	s, err := loadServer(o.Dir, o.Ask)
	if err != nil {
		return fail(err)
	}
	certs, unlock, err := lockRecord(o.Dir, o.Name)
	if err != nil {
		return fail(err)
	}
	defer unlock()
	r, err := revoke(o.Dir, s, o.Now, certs)
	if err != nil {
		return fail(err)
	}
	return r, nil
}

// RevokeAll is Revoke for several clients, whose certificates all come on the list in one
// step. Those of them that have no certificates are passed over; if none has any, it
// returns nil.
func RevokeAll(dir string, names []string, now time.Time, ask Passphrase) (*Revocation, error) {
	fail := func(err error) (*Revocation, error) { return nil, fmt.Errorf("revoke: %w", denied(err)) }
	s, err := loadServer(dir, ask)
	if err != nil {
		return fail(err)
	}
	var all []*x509.Certificate
	for _, name := range names {
		if _, err := os.Lstat(recordPath(dir, name)); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		certs, unlock, err := lockRecord(dir, name)
		if err != nil {
			return fail(err)
		}
		defer unlock()
		all = append(all, certs...)
	}
	if len(all) == 0 {
		return nil, nil
	}
	r, err := revoke(dir, s, now, all)
	if err != nil {
		return fail(err)
	}
	return r, nil
}

func revoke(dir string, s server, now time.Time, certs []*x509.Certificate) (*Revocation, error) {
	place := listPlace(dir)
	r := &Revocation{List: place.path, Already: true}
	unlock, err := lockFile(place.path, time.Now)
	if err != nil {
		return nil, err
	}
	defer unlock()
	lists, err := place.load()
	if err != nil {
		return nil, err
	}
	for _, c := range certs {
		r.Serials = append(r.Serials, pki.SerialHex(c))
		r.Already = r.Already && lists.listed(c.SerialNumber)
	}
	if !r.Already || !place.named {
		text, err := lists.sign(now, s.authorities(), false, certs)
		if err != nil {
			return nil, err
		}
		if err := fill(file{place.path, text, publicFile}); err != nil {
			return nil, err
		}
	}
	if place = listPlace(dir); place.problem == "" && !place.named {
		if err := nameList(dir, place.path); err != nil {
			return nil, err
		}
		r.LineAdded = true
	}
	r.Problem = place.problem
	return r, nil
}

// place is where a server has its revocation list.
type place struct {
	path    string
	named   bool   // server.conf names it
	problem string // why the server does not use it, other than that it is not named
}

// listPlace returns the list that server.conf names, or the default if it names
// none.
func listPlace(dir string) place {
	conf := filepath.Join(dir, serverConfFile)
	p := place{path: filepath.Join(dir, listFile)}
	if abs, err := filepath.Abs(p.path); err == nil {
		p.path = abs
	}
	text, err := process.ReadFile(conf)
	var c *config.Config
	if err == nil {
		c, err = config.ParseFile(conf, text, process.ReadFile)
	}
	switch {
	case err != nil:
		p.problem = fmt.Sprintf("cannot read %s, so it may not have the line `crl-verify %s`: %v", conf, quote(p.path), err)
	case c.Trust.CRLVerifyDir != "":
		p.problem = fmt.Sprintf("%s has `crl-verify %s dir`, but the list is in %s: name that file instead", conf, c.Trust.CRLVerifyDir, p.path)
	case c.Trust.CRLVerify != nil && c.Trust.CRLVerify.Inline:
		p.problem = fmt.Sprintf("%s has the list inline, where it cannot be changed: write `crl-verify %s` instead", conf, quote(p.path))
	case c.Trust.CRLVerify != nil:
		p.path, p.named = c.Path(c.Trust.CRLVerify.Name), true
	}
	return p
}

// nameList adds to server.conf the line that names the list.
func nameList(dir, list string) error {
	path := filepath.Join(dir, serverConfFile)
	text, err := process.ReadFile(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if n := len(text); n > 0 && text[n-1] != '\n' {
		text = append(text, '\n')
	}
	text = append(text, "\n# Clients that are shut out, by: culvert client revoke\ncrl-verify "+quote(list)+"\n"...)
	return fill(file{path, text, info.Mode().Perm()})
}

// lockRecord is as loadRecord, for a caller who changes the record or revokes it.
func lockRecord(dir, name string) (certs []*x509.Certificate, unlock func(), err error) {
	if _, err := loadRecord(dir, name); err != nil { // make no lock if there is no record
		return nil, nil, err
	}
	if unlock, err = lockFile(recordPath(dir, name), time.Now); err != nil {
		return nil, nil, err
	}
	if certs, err = loadRecord(dir, name); err != nil {
		unlock()
		return nil, nil, err
	}
	return certs, unlock, nil
}

// The lock of a list or a record is a file beside it that exists while a process
// writes a new one. Others wait for it. A lock older than staleLock was left by a
// process that died.
const (
	lockSuffix = ".lock"
	lockWait   = 5 * time.Second
	staleLock  = time.Minute
)

// keepAlive keeps a lock from looking as one that was left, until stop is called: who signs
// may have to touch a token first.
func keepAlive(path string, clock func() time.Time) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for t := time.NewTicker(staleLock / 4); ; {
			select {
			case <-done:
				t.Stop()
				return
			case <-t.C:
				now := clock()
				_ = os.Chtimes(path, now, now) // somebody may have taken it away
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

func lockFile(file string, clock func() time.Time) (unlock func(), err error) {
	path := file + lockSuffix
	for end := clock().Add(lockWait); ; time.Sleep(20 * time.Millisecond) {
		h, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, privateFile)
		if err == nil {
			h.Close()
			alive := keepAlive(path, clock)
			return func() {
				alive()
				_ = os.Remove(path)
			}, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		if info, err := os.Lstat(path); err == nil && clock().Sub(info.ModTime()) > staleLock {
			_ = os.Remove(path)
		} else if clock().After(end) {
			return nil, fmt.Errorf("another process is writing %s (%s exists); try again later, or remove that file if there is no such process", file, path)
		}
	}
}
