package profile

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"culvert/access/crl"
	"culvert/access/pki"
	"culvert/config"
	"culvert/host/process"
)

// revoked is what the authorities revoked: the lists in force. They are read again
// when their files change. If a file becomes unreadable, is removed, or has no list
// that the authority it names signed, the previous list stays in force: to let nobody
// in would turn a slip into an outage, and to let everybody in would let in the
// revoked. It is safe for concurrent use.
type revoked struct {
	source crl.Source // nil: there is nothing to read
	warn   func(string)
	dir    string // of serial numbers; "" for none
	// authorities are those of `ca`; a peer may show intermediate ones.
	authorities []*x509.Certificate

	mu       sync.Mutex
	number   uint64 // of the texts that were read last
	version  uint64 // of what is in force
	fixed    []*x509.RevocationList
	lists    map[string][]*x509.RevocationList // by the file they are from
	serials  map[string]bool
	troubles map[string]*trouble
	begins   time.Time       // when a list begins that was refused because it is not yet valid
	looked   time.Time       // the last look for lists that end
	unlisted map[string]bool // keys of intermediate authorities that were warned about
}

// trouble is what is wrong with a file whose previous list stays in force.
type trouble struct {
	text  string
	since time.Time
	said  time.Time // last; zero: never
}

// graceTime is how long a file may be broken before that is logged: somebody may be
// writing it.
const graceTime = time.Second

// start reads the lists at the start, when any fault is an error.
func (r *revoked) start(c *config.Config) error {
	if f := c.Trust.CRLVerify; f != nil {
		lists, err := pki.ParseRevocationLists(f.Text)
		if err != nil {
			return fileError("crl-verify", f, err)
		}
		if f.Inline || isPipe(c.Path(f.Name)) {
			r.fixed = lists
		} else {
			r.lists[c.Path(f.Name)] = lists
		}
	}
	if files := ListFiles(c); !files.Any() {
		r.source = nil
		return nil
	} else if r.source == nil {
		r.source = files.Read
	}
	now := time.Now()
	if texts := r.source(now, 0); texts != nil {
		r.take(texts, now, false)
	}
	for path, t := range r.troubles {
		if r.lists[path] == nil {
			return fmt.Errorf("revocation lists: %s: %s", path, t.text)
		}
	}
	return nil
}

// refresh reads the changed lists again, and returns the version of what is in force.
func (r *revoked) refresh(now time.Time) (version uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.begins.IsZero() && !now.Before(r.begins) {
		r.number = 0 // reads all again
	}
	if r.source != nil {
		if texts := r.source(now, r.number); texts != nil && r.take(texts, now, true) {
			r.version++
		}
	}
	r.complain(now)
	r.announce(now)
	return r.version
}

// take puts lists in force, and reports whether any changed. At the start it takes
// any list: what is wrong with it is said when a peer comes.
func (r *revoked) take(texts *crl.Texts, now time.Time, said bool) (changed bool) {
	r.number, r.begins = texts.Number, time.Time{}
	wrong := make(map[string]string, len(texts.Failed))
	for path, text := range texts.Failed {
		wrong[path] = text
	}
	for path, text := range texts.Files {
		if wrong[path] != "" {
			continue
		}
		lists, err := r.parse(text, now, said)
		if err == nil && said {
			err = r.lost(r.lists[path], lists)
		}
		if err != nil {
			wrong[path] = err.Error()
			continue
		}
		if sameLists(lists, r.lists[path]) {
			r.mended(path, entries(lists))
			continue
		}
		r.lists[path], changed = lists, true
		if said {
			r.warn(fmt.Sprintf("crl-verify %s: read again, %d revoked", path, entries(lists)))
		}
	}
	changed = r.takeSerials(texts, said && wrong[r.dir] == "") || changed
	for path := range r.lists {
		if _, there := texts.Files[path]; !there && wrong[path] == "" {
			wrong[path] = "the file is gone"
		}
	}
	r.note(wrong, now)
	if changed {
		r.looked = time.Time{}
	}
	return changed
}

func (r *revoked) takeSerials(texts *crl.Texts, said bool) (changed bool) {
	if r.dir == "" || texts.Failed[r.dir] != "" {
		return false
	}
	serials := make(map[string]bool, len(texts.Serials))
	for _, name := range texts.Serials {
		if !isSerial(name) {
			continue
		}
		serials[name] = true
		changed = changed || !r.serials[name]
	}
	changed = changed || len(serials) != len(r.serials)
	r.serials = serials
	switch {
	case changed && said:
		r.warn(fmt.Sprintf("crl-verify %s: read again, %d revoked", r.dir, len(serials)))
	case !changed:
		r.mended(r.dir, len(serials))
	}
	return changed
}

// isSerial reports whether the name of a file is a serial number in the form that is
// compared: decimal, without leading zeros.
func isSerial(name string) bool {
	n, ok := new(big.Int).SetString(name, 10)
	return ok && n.String() == name
}

// parse reads lists. With strict, they must be fit to replace others.
func (r *revoked) parse(text []byte, now time.Time, strict bool) ([]*x509.RevocationList, error) {
	lists, err := pki.ParseRevocationLists(text)
	if err != nil || !strict {
		return lists, err
	}
	for _, l := range lists {
		if err := pki.CheckList(l, r.authorities, now); err != nil {
			if now.Before(l.ThisUpdate) && (r.begins.IsZero() || l.ThisUpdate.Before(r.begins)) {
				r.begins = l.ThisUpdate
			}
			return nil, err
		}
	}
	return lists, nil
}

// lost refuses new lists if an authority that had one no longer has any, since that
// would let in those whom it shut out: another authority's file was put there, or one
// of several lists is missing. An intermediate authority is known by name alone.
// Previous lists of no trusted authority were a mistake, so they may go.
func (r *revoked) lost(before, after []*x509.RevocationList) error {
	without := pki.Unlisted(r.authorities, before)
	had := slices.DeleteFunc(slices.Clone(r.authorities), func(a *x509.Certificate) bool { return slices.Contains(without, a) })
	missing := pki.Unlisted(had, after)
	if len(missing) > 0 {
		return fmt.Errorf("it has no list of %q any more; put one of that authority in it, or restart the server if nobody whom it shut out matters", missing[0].Subject.String())
	}
	if len(had) == 0 && len(pki.Unlisted(r.authorities, after)) < len(r.authorities) {
		return nil
	}
	for _, b := range before {
		if len(b.RevokedCertificateEntries) > 0 && !slices.ContainsFunc(after, func(a *x509.RevocationList) bool { return bytes.Equal(a.RawIssuer, b.RawIssuer) }) {
			return fmt.Errorf("it has no list of %q any more; put one of that authority in it, or restart the server if nobody whom it shut out matters", b.Issuer.String())
		}
	}
	return nil
}

func sameLists(a, b []*x509.RevocationList) bool {
	return slices.EqualFunc(a, b, func(x, y *x509.RevocationList) bool { return slices.Equal(x.Raw, y.Raw) })
}

func entries(lists []*x509.RevocationList) (n int) {
	for _, l := range lists {
		n += len(l.RevokedCertificateEntries)
	}
	return n
}

// note remembers what is wrong with files.
func (r *revoked) note(wrong map[string]string, now time.Time) {
	for path := range r.troubles {
		if wrong[path] == "" {
			delete(r.troubles, path)
		}
	}
	for path, text := range wrong {
		if t := r.troubles[path]; t == nil || t.text != text {
			r.troubles[path] = &trouble{text: text, since: now}
		}
	}
}

// mended logs that a broken file is in order again. revoked is how many certificates
// it revokes.
func (r *revoked) mended(path string, revoked int) {
	if t := r.troubles[path]; t != nil && !t.said.IsZero() {
		r.warn(fmt.Sprintf("crl-verify %s: can be read again; its list is the one that was in force, %d revoked", path, revoked))
	}
}

// complain logs each broken file, and again once a day.
func (r *revoked) complain(now time.Time) {
	for path, t := range r.troubles {
		if now.Sub(t.said) < announceInterval || now.Sub(t.since) < graceTime {
			continue
		}
		t.said = now
		what, stays := "list", "the list before stays in force, so whoever was revoked since gets in"
		if path == r.dir {
			what = "directory"
		} else if r.lists[path] == nil {
			stays = "it is not in force"
		}
		r.warn(fmt.Sprintf("crl-verify %s: THE %s CANNOT BE USED, and %s until it is mended: %s", path, strings.ToUpper(what), stays, t.text))
	}
}

// all returns the lists in force. The caller holds mu.
func (r *revoked) all() []*x509.RevocationList {
	all := slices.Clone(r.fixed)
	for _, lists := range r.lists {
		all = append(all, lists...)
	}
	return all
}

// check fails if a certificate of a verified chain was revoked.
func (r *revoked) check(chain []*x509.Certificate, now time.Time) error {
	r.mu.Lock()
	lists, serials := r.all(), r.serials
	r.mu.Unlock()
	for _, cert := range chain[:max(1, len(chain)-1)] {
		if serials[cert.SerialNumber.String()] {
			return &pki.RevokedError{Cert: cert}
		}
	}
	if err := pki.CheckRevoked(chain, lists, now, r.authorities...); err != nil {
		return err
	}
	if len(lists) > 0 && r.dir == "" {
		r.warnBetween(chain, lists, now)
	}
	return nil
}

// ListFiles returns the reader of the lists that a configuration names.
func ListFiles(c *config.Config) *crl.Files {
	n := crl.Names{Serials: c.Trust.CRLVerifyDir, CAPath: c.Trust.CAPath, Chroot: c.Process.Chroot}
	if f := c.Trust.CRLVerify; f != nil && !f.Inline && !isPipe(c.Path(f.Name)) {
		n.File = c.Path(f.Name)
	}
	return crl.NewFiles(n, process.ReadFile)
}

// isPipe reports whether a file can be read only once.
func isPipe(name string) bool {
	info, err := os.Stat(name)
	return err == nil && !info.Mode().IsRegular() && !info.IsDir()
}

// WatchInterval is how often files of revocation lists are looked at.
const WatchInterval = 400 * time.Millisecond

// ListFiles returns the paths of the files and directories that are read again when
// they change, in order.
func (t *Trust) ListFiles() (names []string) {
	t.revoked.mu.Lock()
	defer t.revoked.mu.Unlock()
	names = slices.Sorted(maps.Keys(t.revoked.lists))
	if t.revoked.dir != "" {
		names = append(names, t.revoked.dir)
	}
	for i, name := range names {
		if abs, err := filepath.Abs(name); err == nil {
			names[i] = abs
		}
	}
	return names
}

// Watch calls changed each time the lists changed, until ctx ends. It polls the files'
// times, which works on every file system and within a chroot.
func (t *Trust) Watch(ctx context.Context, changed func()) {
	if t.revoked.source == nil {
		return
	}
	version := uint64(0)
	ticker := time.NewTicker(WatchInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			if v := t.revoked.refresh(now); v != version {
				version = v
				changed()
			}
		}
	}
}

// Keep runs Watch in the background until the function that it returns is called. A
// nil Trust has no lists.
func (t *Trust) Keep(ctx context.Context, changed func()) (stop func()) {
	if t == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { t.Watch(ctx, changed) })
	return func() {
		cancel()
		watching.Wait()
	}
}

// Way returns what Revoked looks up, from the certificates that a peer showed and TLS
// accepted: the way from its own to one of the roots, both included. For a peer known
// by its fingerprint, or if no list can change, it is what the peer showed.
func (t *Trust) Way(shown []*x509.Certificate) []*x509.Certificate {
	if t.revoked.source == nil {
		return shown
	}
	if way := wayTo(t.authorities, shown); way != nil {
		return way
	}
	return shown
}

// Chain returns the way from a peer's certificate to its authority, to be shown to
// programs; the certificate alone where it is known by its fingerprint.
func (t *Trust) Chain(shown []*x509.Certificate) []*x509.Certificate {
	if way := wayTo(t.authorities, shown); way != nil || len(shown) == 0 {
		return way
	}
	return shown[:1]
}

// wayTo returns the way from shown's first certificate to one of authorities, nil if
// there is none. Whether a signature over SHA-1 is good enough was checked before.
func wayTo(authorities, shown []*x509.Certificate) []*x509.Certificate {
	return pki.Verifier{Authorities: authorities, Weak: true}.Way(shown)
}

// Revoked looks up a Way again, and returns a *pki.RevokedError if one of its
// certificates has been revoked since. Other faults, such as an expired certificate,
// count when keys are renewed.
func (t *Trust) Revoked(way []*x509.Certificate, now time.Time) error {
	if len(way) == 0 || t.revoked.source == nil {
		return nil
	}
	var taken *pki.RevokedError
	if err := t.revoked.check(way, now); errors.As(err, &taken) {
		return err
	}
	return nil
}
