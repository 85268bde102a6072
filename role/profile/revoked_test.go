package profile

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/access/pki"
	"culvert/host/process"
)

const long = 100 * 24 * time.Hour

// trust is w's configuration as a server has it.
func (w *world) trust() *Trust {
	w.t.Helper()
	trust, err := NewTrust(w.config, func(text string) { w.remembers = append(w.remembers, text) }, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return trust
}

// isRevoked reports whether w's client is, once the lists were read at a time.
func (w *world) isRevoked(trust *Trust, now time.Time) bool {
	w.t.Helper()
	trust.revoked.refresh(now)
	err := trust.Revoked(trust.Way([]*x509.Certificate{w.leaf}), time.Now())
	if err != nil && !errors.As(err, new(*pki.RevokedError)) {
		w.t.Errorf("revoked: %v", err)
	}
	return err != nil
}

func (w *world) log() string { return strings.Join(w.remembers, "\n") }

// TestBrokenListKeepsTheOld: whatever is wrong with a new list, the one before
// counts, and the log says so, once, but not while somebody writes it.
func TestBrokenListKeepsTheOld(t *testing.T) {
	other := newWorld(t)
	for name, spoil := range map[string]func(*world) (want string){
		"cut":     func(w *world) string { w.write("crl.pem", []byte("half a fi")); return "CERTIFICATE" },
		"empty":   func(w *world) string { w.write("crl.pem", nil); return "CERTIFICATE" },
		"expired": func(w *world) string { w.list("crl.pem", time.Now().Add(-time.Minute)); return "expired" },
		"another key's": func(w *world) string {
			text, _ := os.ReadFile(other.list("crl.pem", time.Now().Add(long)))
			w.write("crl.pem", text)
			return "not signed by"
		},
		"another authority's": func(w *world) string {
			stranger := newWorld(t)
			stranger.ca = stranger.sign(&x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Another"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCRLSign})
			text, _ := os.ReadFile(stranger.list("crl.pem", time.Now().Add(long)))
			w.write("crl.pem", text)
			return "has no list of"
		},
		"removed":   func(w *world) string { os.Remove(filepath.Join(w.dir, "crl.pem")); return "no such file" },
		"no file":   func(w *world) string { w.write("crl.pem", nil); w.device("crl.pem"); return "not a regular file" },
		"too large": func(w *world) string { w.sparse("crl.pem", process.MaxFile+1); return "larger than" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.config.Trust.CRLVerify = w.file(w.list("crl.pem", time.Now().Add(long), 42))
			trust := w.trust()
			want, now := spoil(w), time.Now()
			if !w.isRevoked(trust, now) || w.log() != "" {
				t.Errorf("at once: let in, or a word before the file is written: %s", w.log())
			}
			for i := range 3 {
				if !w.isRevoked(trust, now.Add(time.Duration(i+1)*time.Second)) {
					t.Error("let in")
				}
			}
			if !strings.Contains(w.log(), "stays in force") || name != "cut" && name != "empty" && !strings.Contains(w.log(), want) || len(w.remembers) != 1 {
				t.Errorf("want a word of %q, once; the log has:\n%s", want, w.log())
			}
			w.list("crl.pem", time.Now().Add(long), 7)
			if w.isRevoked(trust, now.Add(time.Hour)) {
				t.Error("a list that is mended is not taken")
			}
		})
	}
}

// device makes a name one that never ends.
func (w *world) device(name string) {
	path := filepath.Join(w.dir, name)
	os.Remove(path)
	if err := os.Symlink("/dev/zero", path); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) sparse(name string, size int64) {
	if err := os.Truncate(w.write(name, nil), size); err != nil {
		w.t.Fatal(err)
	}
}

// TestListChangedWithinItsTime: a list of the same size, written in place
// within one tick of the file system's clock, is seen all the same.
func TestListChangedWithinItsTime(t *testing.T) {
	w := newWorld(t)
	path := w.list("crl.pem", time.Now().Add(long), 43)
	w.config.Trust.CRLVerify = w.file(path)
	trust := w.trust()
	w.rewrite(path, 42)
	if !w.isRevoked(trust, time.Now()) {
		t.Error("let in")
	}
}

// rewrite revokes a serial number in a file without a change of its size and time
// of modification.
func (w *world) rewrite(path string, serial int64) {
	w.t.Helper()
	before, err := os.Stat(path)
	if err != nil {
		w.t.Fatal(err)
	}
	var text []byte
	for int64(len(text)) != before.Size() { // signatures differ in length
		text, _ = os.ReadFile(w.list("other.pem", time.Now().Add(long), serial))
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Time{}, before.ModTime()); err != nil {
		w.t.Fatal(err)
	}
}

// TestHashedListsReadAgain: the lists of capath are followed, new ones too.
func TestHashedListsReadAgain(t *testing.T) {
	w := newWorld(t)
	w.config.Trust.CA, w.config.Trust.CAPath = nil, w.dir
	w.write("0a1b2c3d.0", certPEM(w.ca))
	trust := w.trust()
	if w.isRevoked(trust, time.Now()) {
		t.Error("revoked without a list")
	}
	w.list("0a1b2c3d.r0", time.Now().Add(long), 42)
	if !w.isRevoked(trust, time.Now()) {
		t.Error("a new list is not read")
	}
	w.list("0a1b2c3d.r0", time.Now().Add(long), 43)
	if w.isRevoked(trust, time.Now()) {
		t.Error("a changed list is not read")
	}
	w.list("0a1b2c3d.r1", time.Now().Add(long), 42)
	os.Remove(filepath.Join(w.dir, "0a1b2c3d.r1"))
	if w.isRevoked(trust, time.Now()) {
		t.Error("a list counts that was never seen")
	}
}

// TestRevokedAuthorityShutsOut: the whole chain of whoever is in is looked up,
// whether it was shown or an authority of it stands in `ca`.
func TestRevokedAuthorityShutsOut(t *testing.T) {
	for _, inCA := range []bool{false, true} {
		revokedAuthorityShutsOut(t, inCA)
	}
}

func revokedAuthorityShutsOut(t *testing.T, inCA bool) {
	t.Helper()
	w := newWorld(t)
	sub := w.sign(&x509.Certificate{SerialNumber: w.leaf.SerialNumber, Subject: w.leaf.Subject, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	root := w.ca
	w.ca = sub
	leaf := w.sign(&x509.Certificate{SerialNumber: root.SerialNumber})
	ended := w.sign(&x509.Certificate{SerialNumber: root.SerialNumber, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-24 * time.Hour)})
	w.ca = root
	w.config.Trust.CRLVerify = w.file(w.list("crl.pem", time.Now().Add(long)))
	between := []*x509.Certificate{sub}
	if inCA {
		w.config.Trust.CA.Text = append(certPEM(sub), certPEM(root)...)
		between = nil
	}
	trust := w.trust()
	shown := append([]*x509.Certificate{leaf}, between...)
	if err := trust.Revoked(trust.Way(shown), time.Now()); err != nil {
		t.Fatal(err)
	}
	w.list("crl.pem", time.Now().Add(long), 42)
	trust.revoked.refresh(time.Now())
	if err := trust.Revoked(trust.Way(shown), time.Now()); !errors.As(err, new(*pki.RevokedError)) {
		t.Errorf("an authority of the chain is revoked: %v", err)
	}
	// So is one whose certificate ended since, when it was in already.
	if err := trust.Revoked(trust.Way(append([]*x509.Certificate{ended}, between...)), time.Now()); !errors.As(err, new(*pki.RevokedError)) {
		t.Errorf("verified in another way: %v", err)
	}
}

// TestWatchTellsOfEachChange: also of one that a handshake read first.
func TestWatchTellsOfEachChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t) // at the bubble's own time, as is what it signs
		w.config.Trust.CRLVerify = w.file(w.list("crl.pem", time.Now().Add(long)))
		trust := w.trust()
		told := 0
		go trust.Watch(t.Context(), func() { told++ })
		for i := range 3 {
			w.list("crl.pem", time.Now().Add(long), int64(50+i))
			if i == 1 {
				trust.revoked.refresh(time.Now())
			}
			time.Sleep(time.Second)
			synctest.Wait()
			if told != i+1 {
				t.Fatalf("told %d times of %d changes", told, i+1)
			}
		}
	})
}

// TestListsAreAnnounced before they end, and at the moment that they have.
func TestListsAreAnnounced(t *testing.T) {
	w := newWorld(t)
	w.config.Trust.CRLVerify = w.file(w.list("crl.pem", time.Now().Add(24*time.Hour)))
	trust := w.trust()
	for _, at := range []time.Duration{0, 23 * time.Hour, 24*time.Hour + time.Minute, 25 * time.Hour} {
		trust.revoked.refresh(time.Now().Add(at))
	}
	if len(w.remembers) != 2 || !strings.Contains(w.remembers[0], "ends at") || !strings.Contains(w.remembers[1], "ended at") {
		t.Errorf("the log has:\n%s", w.log())
	}
}

// TestWordsAtTheStart: of lists it is said whom they shut out, once, and nothing
// of those that shut nobody out.
func TestWordsAtTheStart(t *testing.T) {
	read := func(w *world, end time.Duration, serials ...int64) string {
		text, err := os.ReadFile(w.list("one.pem", time.Now().Add(end), serials...))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	named := func(name string) *world {
		w := newWorld(t)
		w.ca = nil
		w.ca = w.sign(&x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign})
		return w
	}
	for name, c := range map[string]struct {
		lists func(*world) string
		want  []string
	}{
		"good and an old one": {func(w *world) string { return read(w, -time.Minute) + read(w, long) }, nil},
		"ended":               {func(w *world) string { return read(w, -time.Minute) }, []string{"ended at", "nobody with a certificate of that authority is let in"}},
		"another's that ended": {func(w *world) string { return read(w, long) + read(named("Another"), -time.Minute) },
			[]string{`of "CN=Another" ended at`, "nobody who shows that authority, which is not in `ca`"}},
		"signed by another key": {func(w *world) string { return read(named("CA"), long) }, []string{"is not signed by the authority of that name", "nobody with a certificate of that authority is let in"}},
		"of another alone":      {func(w *world) string { return read(named("Another"), long) }, []string{`there is no list signed by "CN=CA"`}},
	} {
		w := newWorld(t)
		w.config.Trust.CRLVerify = w.file(w.write("crl.pem", []byte(c.lists(w))))
		w.trust().revoked.refresh(time.Now())
		if len(w.remembers) != min(len(c.want), 1) {
			t.Errorf("%s: %d lines:\n%s", name, len(w.remembers), w.log())
		}
		for _, want := range c.want {
			if !strings.Contains(w.log(), want) {
				t.Errorf("%s: want %q:\n%s", name, want, w.log())
			}
		}
	}
}

// TestAuthorityBetweenWithoutList: that those whom it certified cannot be shut out
// is said when the first of them comes.
func TestAuthorityBetweenWithoutList(t *testing.T) {
	w := newWorld(t)
	root := w.ca
	sub := w.sign(&x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Between"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	w.ca = sub
	leaf := w.sign(&x509.Certificate{SerialNumber: big.NewInt(3)})
	w.ca = root
	w.config.Trust.CRLVerify = w.file(w.list("crl.pem", time.Now().Add(long)))
	trust := w.trust()
	for range 2 {
		if err := trust.revoked.check([]*x509.Certificate{w.leaf, root}, time.Now()); err != nil || strings.Contains(w.log(), "Between") {
			t.Errorf("one of the root: %v, %s", err, w.log())
		}
	}
	for range 2 {
		if err := trust.revoked.check([]*x509.Certificate{leaf, sub, root}, time.Now()); err != nil {
			t.Error(err)
		}
	}
	if len(w.remembers) != 1 || !strings.Contains(w.log(), `no list signed by "CN=Between"`) {
		t.Errorf("the log has:\n%s", w.log())
	}
}

// TestListMended: that a list is in order again is said where its loss was, and of
// the loss there is a reminder each day.
func TestListMended(t *testing.T) {
	w := newWorld(t)
	path := w.list("crl.pem", time.Now().Add(long), 42)
	w.config.Trust.CRLVerify = w.file(path)
	trust := w.trust()
	w.write("crl.pem", []byte("half a fi"))
	for _, at := range []time.Duration{0, 2 * time.Second, time.Hour, 25 * time.Hour, 26 * time.Hour} {
		trust.revoked.refresh(time.Now().Add(at))
	}
	if n := strings.Count(w.log(), "CANNOT BE USED"); n != 2 {
		t.Errorf("said %d times within a day and an hour:\n%s", n, w.log())
	}
	w.write("crl.pem", w.config.Trust.CRLVerify.Text)
	for range 2 {
		trust.revoked.refresh(time.Now().Add(27 * time.Hour))
	}
	if len(w.remembers) != 3 || !strings.Contains(w.remembers[2], "can be read again; its list is the one that was in force, 1 revoked") {
		t.Errorf("the log has:\n%s", w.log())
	}
}

// TestListBeginsLater: one by a clock that is ahead counts as soon as it begins,
// without a change of the file.
func TestListBeginsLater(t *testing.T) {
	w := newWorld(t)
	w.config.Trust.CRLVerify = w.file(w.list("crl.pem", time.Now().Add(long)))
	trust := w.trust()
	w.list("crl.pem", time.Now().Add(long), 42)
	before := time.Now().Add(-2 * time.Hour) // by a clock that is behind
	if w.isRevoked(trust, before) || w.isRevoked(trust, before.Add(time.Minute)) {
		t.Error("a list counts before it begins")
	}
	if !w.isRevoked(trust, time.Now()) {
		t.Error("a list that has begun does not count")
	}
}

// TestAnnouncements: of a list that is looked at all the time, and of one that nobody looks
// at for long.
func TestAnnouncements(t *testing.T) {
	end := time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	said := func(every time.Duration) (at []int) {
		var looked time.Time
		for now := end.Add(-40*day - time.Hour); now.Before(end.Add(3 * day)); now = now.Add(every) {
			if announceAt(end, looked, now) {
				looked = now
				at = append(at, int(end.Sub(now)/day))
			}
		}
		return at
	}
	if got, want := fmt.Sprint(said(time.Minute)), "[29 13 6 5 4 3 2 1 0 0 -1 -2]"; got != want {
		t.Errorf("said with that many days left: %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(said(10*day)), "[20 10 0]"; got != want {
		t.Errorf("looked at each ten days, with that many days left: %s, want %s", got, want)
	}
	if announceAt(time.Time{}, time.Time{}, end) {
		t.Error("a list without an end ends soon")
	}
}
