package adopt

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"culvert/access/pki"
	"culvert/host/process"
)

const indexFile = "index.txt"

// findAuthority finds the directory with the index of the authority, and reads it. Not
// to have one is no error.
func (b *builder) findAuthority(id *identity) (*keeper, error) {
	if b.Authority != "" {
		k, err := readKeeper(b.Authority)
		if err != nil {
			return nil, fmt.Errorf("%w; --pki names the directory that has %s", err, indexFile)
		}
		if !k.isOf(id) {
			return nil, fmt.Errorf("%s is the directory of another authority: %s has none of those that %s trusts", b.Authority, filepath.Join(b.Authority, "ca.crt"), b.source.conf)
		}
		return k, b.index(k)
	}
	for _, dir := range b.candidates() {
		k, err := readKeeper(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			b.report.problem("authority", "%v; give its directory with --pki", err)
		case !k.isOf(id):
			b.report.problem("authority", "%s is the directory of another authority, and was not looked at", dir)
		default:
			return k, b.index(k)
		}
	}
	b.report.problem("clients", "no %s was found, so that the clients there are, and those that were revoked but are on no list, are not known; they connect as before. If the authority is elsewhere, give its directory with --pki", indexFile)
	return &keeper{}, nil
}

// candidates are where an authority's directory may be: where easy-rsa 2 and 3 put it
// beside a server, where the configuration has its files, and where Debian has it.
func (b *builder) candidates() (all []string) {
	bases := []string{b.source.root, b.source.base, filepath.Dir(b.source.root)}
	t := b.source.cfg.Trust
	for _, f := range []string{t.CA.Name, t.Cert.Name} {
		if f == "" {
			continue
		}
		dir := filepath.Dir(b.source.path(b.source.cfg.Path(f)))
		bases = append(bases, dir, filepath.Dir(dir))
		if target, err := filepath.EvalSymlinks(b.source.path(b.source.cfg.Path(f))); err == nil {
			bases = append(bases, filepath.Dir(target), filepath.Dir(filepath.Dir(target)))
		}
	}
	bases = append(bases, "/etc/easy-rsa")
	for _, base := range bases {
		for _, below := range []string{"easy-rsa/pki", "pki", "easy-rsa/keys", "keys", "easy-rsa", "easy-rsa/easyrsa3/pki", "."} {
			dir := filepath.Join(base, below)
			if !slices.Contains(all, dir) {
				all = append(all, dir)
			}
		}
	}
	return all
}

// readKeeper reads the authority's certificate in a directory that has an index.
func readKeeper(dir string) (*keeper, error) {
	if _, err := os.Stat(filepath.Join(dir, indexFile)); err != nil {
		return nil, err
	}
	k := &keeper{dir: dir}
	text, err := process.ReadFile(filepath.Join(dir, "ca.crt"))
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	if err != nil {
		return nil, err
	}
	certs, err := pki.ParseCertificates(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, "ca.crt"), err)
	}
	k.cert = certs[0]
	return k, nil
}

// isOf reports whether the server trusts the authority. One without a certificate is
// taken for what it seems.
func (k *keeper) isOf(id *identity) bool {
	if k.cert == nil {
		return true
	}
	for _, c := range id.trusted {
		// It may have been renewed under the same key.
		if bytes.Equal(c.RawSubjectPublicKeyInfo, k.cert.RawSubjectPublicKeyInfo) {
			return true
		}
	}
	return false
}

// index reads the index of an authority.
func (b *builder) index(k *keeper) error {
	path := filepath.Join(k.dir, indexFile)
	text, err := process.ReadFile(path)
	if err != nil {
		return err
	}
	entries, faults := ParseIndex(text)
	k.entries = entries
	b.report.problems("index", path, faults, "these lines are left out: whoever they are about connects as before, unless a revocation list has them")
	return nil
}

// authorityKey finds ca.key. unread says why one that is there could not be read.
func (b *builder) authorityKey(k *keeper) (text []byte, path string, unread error) {
	var places []string
	if k.dir != "" {
		places = append(places, filepath.Join(k.dir, "private", "ca.key"), filepath.Join(k.dir, "ca.key"))
	}
	places = append(places, filepath.Join(b.source.base, "ca.key"))
	if ca := b.source.cfg.Trust.CA; !ca.Inline {
		dir := filepath.Dir(b.source.path(b.source.cfg.Path(ca.Name)))
		places = append(places, filepath.Join(dir, "ca.key"), filepath.Join(dir, "private", "ca.key"))
	}
	for _, path := range places {
		text, err := process.ReadFile(path)
		if err == nil {
			return text, path, nil
		}
		if !errors.Is(err, fs.ErrNotExist) && unread == nil {
			unread = err
		}
	}
	return nil, "", unread
}
