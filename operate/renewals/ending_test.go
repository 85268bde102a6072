package renewals

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"io/fs"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"culvert/access/pki"
	"culvert/access/users"
	"culvert/config"
	"culvert/operate/setup"
	"culvert/role/server"
)

// watcher is a server that reports whose certificates end.
type watcher struct {
	*Endings
	mu     sync.Mutex
	events []server.CertificateEnding
}

// watchEndings follows a ward's store until the test ends.
func watchEndings(w *ward) (o *watcher, stop func()) {
	o = &watcher{Endings: NewEndings(w.store, slog.New(slog.NewTextHandler(&w.log, nil)))}
	ctx, end := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		o.Run(ctx, func(e server.Event) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.events = append(o.events, e.(server.CertificateEnding))
		})
	})
	return o, func() {
		end()
		all.Wait()
	}
}

// reported are the events of a client so far.
func (o *watcher) reported(name string) (all []server.CertificateEnding) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range o.events {
		if e.CommonName == name {
			all = append(all, e)
		}
	}
	return all
}

// waiting is the certificate in a profile that waits.
func (w *ward) waiting(name string) *x509.Certificate {
	w.Helper()
	path := setup.ReadyPath(w.dir, name)
	text, err := os.ReadFile(path)
	if err != nil {
		w.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		w.Errorf("%v, %v", info.Mode(), err)
	}
	c, err := config.ParseFile(path, text, os.ReadFile)
	if err != nil {
		w.Fatal(err)
	}
	id, err := pki.ParseIdentity(c.Trust.Cert.Text, c.Trust.Key.Text)
	if err != nil {
		w.Fatal(err)
	}
	return id.Leaf
}

func (w *ward) client(name string) setup.ClientInfo {
	w.Helper()
	c, ok, err := setup.Client(w.dir, name, time.Now())
	if err != nil || !ok {
		w.Fatal(ok, err)
	}
	return c
}

// TestReady: 30 days before a client's certificate ends, its next profile is made and waits.
// It is announced 30, 14 and 7 days ahead in the log and by an event, each once, over
// restarts, and counted, until the client shows it; then it is removed.
func TestReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWard(t)
		tablet := w.device("alice", "tablet")
		off := w.device("bob", "phone")
		if _, err := setup.AddClient(setup.ClientOptions{Dir: w.dir, Name: "box", Now: time.Now(), Rand: rand.Reader}); err != nil {
			t.Fatal(err)
		}
		if err := users.NewBook(w.store, time.Now).ChangeUser(t.Context(), "bob", func(u *users.User) error { u.Disabled = true; return nil }); err != nil {
			t.Fatal(err)
		}
		names, ends := []string{tablet, "box"}, map[string]time.Time{}
		for _, name := range names {
			ends[name] = w.client(name).Expires
		}
		o, stop := watchEndings(w)
		w.begin()
		w.after(time.Until(ends["box"]) - 31*days)
		if n, ok := o.Soon(time.Now()); !ok || n != (Soon{}) || len(setup.ReadyNames(w.dir)) > 0 {
			t.Errorf("31 days ahead: %v %v, %v", n, ok, setup.ReadyNames(w.dir))
		}
		for i, at := range []struct {
			days int
			soon Soon
		}{{30, Soon{2, 0, 0, 2}}, {14, Soon{2, 2, 0, 2}}, {7, Soon{2, 2, 2, 2}}} {
			w.after(time.Until(ends["box"]) - time.Duration(at.days)*days + 2*time.Hour)
			stop()
			o2, stop2 := watchEndings(w) // a restart
			synctest.Wait()
			o2.events, o, stop = append(o.events, o2.events...), o2, stop2
			if n, ok := o.Soon(time.Now()); !ok || n != at.soon {
				t.Errorf("%d days ahead: %+v %v, want %+v", at.days, n, ok, at.soon)
			}
			for _, name := range names {
				all := o.reported(name)
				if len(all) != i+1 {
					t.Fatalf("%d days ahead: %s has %d events\n%s", at.days, name, len(all), w.log.String())
				}
				if e := all[i]; e.Days != at.days || !e.Ends.Equal(ends[name]) || e.Ready != setup.ReadyPath(w.dir, name) || !strings.Contains(e.Mend, e.Ready) {
					t.Errorf("%+v", e)
				}
				c := w.client(name)
				if c.State != setup.Expiring || !c.Expires.Equal(ends[name]) || c.Ready == "" || pki.SerialHex(w.waiting(name)) != c.Serials[0] {
					t.Errorf("%+v", c)
				}
			}
		}
		if w.said("within 30 days") != 2 || w.said("within 14 days") != 2 || w.said("within 7 days") != 2 || w.said(setup.ReadyPath(w.dir, tablet)) != 3 || w.said(off) > 0 {
			t.Errorf("the log:\n%s", w.log.String())
		}
		if !pki.IsDevice(w.waiting(tablet)) || pki.IsDevice(w.waiting("box")) {
			t.Error("which is a device's?")
		}
		next := w.client(tablet).Serials[0]
		for _, serial := range []string{w.client(tablet).Serials[1], "", next} {
			if len(setup.ReadyNames(w.dir)) != 2 {
				t.Fatal("removed before it was shown")
			}
			o.Happened(server.Up{About: server.About{CommonName: tablet, Serial: serial}})
			w.after(2 * time.Hour)
		}
		if c := w.client(tablet); c.State != setup.Valid || c.Ready != "" || len(setup.ReadyNames(w.dir)) != 1 {
			t.Errorf("after it was shown: %+v", c)
		}
		if n, _ := o.Soon(time.Now()); n.In30 != 1 || n.Ready != 1 {
			t.Errorf("after it was shown: %+v", n)
		}
		if _, err := setup.RenewClient(setup.RenewClientOptions{ClientOptions: setup.ClientOptions{Dir: w.dir, Name: "box", Now: time.Now(), Rand: rand.Reader}}); err != nil {
			t.Fatal(err)
		}
		if len(setup.ReadyNames(w.dir)) > 0 || w.client("box").State != setup.Valid {
			t.Error("it waits, though another one was made")
		}
		w.after(2 * time.Hour)
		if n, _ := o.Soon(time.Now()); n != (Soon{}) {
			t.Errorf("in the end: %+v", n)
		}
		w.end()
		stop()
	})
}

// TestReadyNotMade: nothing is made while the authority's key changes or is elsewhere, and
// what was made is removed when its client is revoked, or gets its certificate over its
// session, which a profile that waits does not hinder.
func TestReadyNotMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWard(t)
		for _, name := range []string{"one", "two"} {
			if _, err := setup.AddClient(setup.ClientOptions{Dir: w.dir, Name: name, Now: time.Now(), Rand: rand.Reader}); err != nil {
				t.Fatal(err)
			}
		}
		key := w.read("ca.key")
		if err := os.Remove(w.dir + "/ca.key"); err != nil {
			t.Fatal(err)
		}
		shown, err := pki.ParseCertificates(w.read("clients/two.crt"))
		if err != nil {
			t.Fatal(err)
		}
		w.begin()
		w.after(time.Until(shown[0].NotAfter) - 29*days)
		if w.said("culvert client renew one") != 1 || len(setup.ReadyNames(w.dir)) > 0 {
			t.Errorf("without a key:\n%s", w.log.String())
		}
		if err := os.WriteFile(w.dir+"/ca.key", key, 0o600); err != nil {
			t.Fatal(err)
		}
		w.after(time.Until(shown[0].NotAfter) - 13*days)
		if len(setup.ReadyNames(w.dir)) != 2 {
			t.Fatalf("with the key: %v\n%s", setup.ReadyNames(w.dir), w.log.String())
		}
		if _, err := setup.Revoke(setup.RevokeOptions{Dir: w.dir, Name: "one", Now: time.Now()}); err != nil {
			t.Fatal(err)
		}
		request, _, err := pki.NewRequest(rand.Reader, "two")
		if err != nil {
			t.Fatal(err)
		}
		next, err := setup.Certify(w.dir, time.Now(), shown[0], request)
		if err != nil {
			t.Fatal(err)
		}
		w.after(2 * time.Hour)
		if c := w.client("two"); len(setup.ReadyNames(w.dir)) > 0 || c.Serials[0] != pki.SerialHex(next) || len(c.Serials) != 3 || c.State != setup.Valid {
			t.Errorf("%v, %+v", setup.ReadyNames(w.dir), c)
		}
		w.end()
		synctest.Wait()
		if _, err := setup.Rotate(setup.RotateOptions{Dir: w.dir, Now: time.Now(), Rand: rand.Reader}); err != nil {
			t.Fatal(err)
		}
		if err := setup.MakeReady(w.dir, time.Now()); err == nil {
			t.Error("made while the authority's key changes")
		}
	})
}

// TestReadySafe: only its owner can look into the place, and a file that is no profile of the
// client's newest certificate does not count.
func TestReadySafe(t *testing.T) {
	w := newWard(t)
	if _, err := setup.AddClient(setup.ClientOptions{Dir: w.dir, Name: "one", Now: time.Now(), Rand: rand.Reader}); err != nil {
		t.Fatal(err)
	}
	if err := setup.MakeReady(w.dir, time.Now()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(w.dir + "/ready"); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != fs.FileMode(0o700) {
		t.Errorf("%v, %v", info, err)
	}
	if err := os.WriteFile(setup.ReadyPath(w.dir, "one"), []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c := w.client("one"); c.Ready != "" || c.InUse() != c.Serials[0] {
		t.Errorf("%+v", c)
	}
}
