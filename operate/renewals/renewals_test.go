package renewals

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"culvert/access/pki"
	"culvert/access/users"
	"culvert/config"
	"culvert/operate/setup"
	"culvert/store"
	"culvert/store/memory"
)

const days = 24 * time.Hour

// logged is a log in memory.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// ward is a server's directory that is watched in virtual time.
type ward struct {
	*testing.T
	dir string
	log logged
	cfg *config.Config
	// ahead is by how much the host's clock is.
	ahead atomic.Int64
	end   context.CancelFunc
	store store.Store // nil: the server has none
}

func newWard(t *testing.T) *ward {
	w := &ward{T: t, dir: filepath.Join(t.TempDir(), "vpn")}
	if _, err := setup.Init(setup.InitOptions{Dir: w.dir, Host: "vpn.example.org", Now: time.Now(), Rand: rand.Reader}); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(w.dir, "server.conf")
	text, err := os.ReadFile(conf)
	if err == nil {
		w.cfg, err = config.ParseFile(conf, text, os.ReadFile)
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// begin watches the directory until stop.
func (w *ward) begin() {
	var ctx context.Context
	ctx, w.end = context.WithCancel(context.Background())
	go Watch(ctx, Options{Dir: w.dir, Config: func() *config.Config { return w.cfg }, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
		Now: func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }, Open: w.open()})
}

// open is Options.Open.
func (w *ward) open() func() (store.Store, error) {
	if w.store == nil {
		return nil
	}
	return func() (store.Store, error) { return unclosed{w.store}, nil }
}

// unclosed is a store that others use, too.
type unclosed struct{ store.Store }

func (unclosed) Close() error { return nil }

// device adds a user's device, whose common name it returns.
func (w *ward) device(user, name string) string {
	w.Helper()
	if w.store == nil {
		w.store = memory.New()
	}
	book := users.NewBook(w.store, time.Now)
	if err := book.AddUser(w.Context(), users.User{Name: user}); err != nil {
		w.Fatal(err)
	}
	d, err := setup.Devices{Dir: w.dir, Book: book, Now: time.Now(), Rand: rand.Reader}.Add(w.Context(), setup.NewDevice{Device: users.Device{User: user, Name: name}})
	if err != nil {
		w.Fatal(err)
	}
	return d.CommonName
}

// after lets time pass: the first of it while nobody watches, as when the host is off.
func (w *ward) after(d time.Duration) {
	const watched = 10 * time.Minute // each minute is a look
	if d > watched {
		w.end()
		synctest.Wait()
		time.Sleep(d - watched)
		w.begin()
		d = watched
	}
	time.Sleep(d)
	synctest.Wait()
}

func (w *ward) read(name string) []byte {
	w.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		w.Fatal(err)
	}
	return text
}

// cert is the server's certificate.
func (w *ward) cert() *x509.Certificate {
	w.Helper()
	id, err := pki.ParseIdentity(w.read("server.crt"), w.read("server.key"))
	if err != nil {
		w.Fatal(err)
	}
	return id.Leaf
}

func (w *ward) list() *x509.RevocationList {
	w.Helper()
	lists, err := pki.ParseRevocationLists(w.read("crl.pem"))
	if err != nil || len(lists) != 1 {
		w.Fatal(len(lists), err)
	}
	return lists[0]
}

// said counts lines of the log that hold a text.
func (w *ward) said(text string) (n int) {
	for line := range strings.Lines(w.log.String()) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// TestRenewedInTime: over three years, the certificate is renewed when a third of its life
// is left, and the list, which is in force as long as the authority, never.
func TestRenewedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWard(t)
		first, list := w.cert(), w.list()
		w.begin()
		defer func() { w.end() }()
		w.after(549 * days)
		if w.cert().SerialNumber.Cmp(first.SerialNumber) != 0 {
			t.Fatalf("renewed too early:\n%s", w.log.String())
		}
		w.after(2 * days)
		second := w.cert()
		if second.SerialNumber.Cmp(first.SerialNumber) == 0 || !second.NotAfter.After(first.NotAfter) || w.said("is renewed") != 1 {
			t.Fatalf("not renewed: ends %v\n%s", second.NotAfter, w.log.String())
		}
		for range 30 {
			w.after(20 * days)
			if c := w.cert(); time.Now().Before(c.NotBefore) || time.Until(c.NotAfter) < 200*days {
				t.Fatalf("%v: valid until %v", time.Now(), c.NotAfter)
			}
		}
		if w.list().Number.Cmp(list.Number) != 0 {
			t.Error("the list was signed again")
		}
	})
}

// TestClockJumps: a certificate that was made while the clock was a year ahead is good when
// it is set again, and one of a clock that was further ahead is replaced within a minute.
func TestClockJumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWard(t)
		w.begin()
		defer func() { w.end() }()
		w.after(400 * days)
		valid := func(when string) {
			t.Helper()
			if c, now := w.cert(), time.Now(); now.Before(c.NotBefore) || now.After(c.NotAfter) {
				t.Fatalf("%s: valid from %v to %v, and it is %v\n%s", when, c.NotBefore, c.NotAfter, now, w.log.String())
			}
			if l, now := w.list(), time.Now(); now.Before(l.ThisUpdate) || now.After(l.NextUpdate) {
				t.Fatalf("%s: the list is in force from %v to %v", when, l.ThisUpdate, l.NextUpdate)
			}
		}
		for _, jump := range []time.Duration{366 * days, -366 * days, 0, -399 * days} {
			w.ahead.Store(int64(jump))
			w.after(2 * time.Minute)
			valid("jumped by " + jump.String())
			w.ahead.Store(int64(0))
			valid("set again after " + jump.String())
			w.after(2 * time.Minute)
			valid("a while after " + jump.String())
		}
		w.ahead.Store(int64(5 * 365 * days))
		w.after(2 * time.Minute)
		w.ahead.Store(int64(0))
		w.after(2 * time.Minute)
		valid("set again after five years")
		w.ahead.Store(int64(20 * 365 * days)) // the authority has ended
		before := w.cert().SerialNumber
		time.Sleep(25 * time.Hour)
		if w.cert().SerialNumber.Cmp(before) != 0 {
			t.Error("renewed by an authority that has ended")
		}
		if n := w.said("cannot be renewed"); n != 2 {
			t.Errorf("said %d times in 25 hours:\n%s", n, w.log.String())
		}
		w.ahead.Store(int64(0))
		valid("set again after twenty years")
	})
}

// TestListOfOthers: a list that ends, as other programs sign it, is renewed with all who
// are on it, and one of the future is in force at once.
func TestListOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWard(t)
		ca, err := pki.LoadAuthority(w.read("ca.crt"), w.read("ca.key"))
		if err != nil {
			t.Fatal(err)
		}
		text, err := ca.Revoke(time.Now().Add(90*days), nil, w.cert()) // anybody
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(w.dir, "crl.pem"), text, 0o644); err != nil {
			t.Fatal(err)
		}
		w.begin()
		defer func() { w.end() }()
		w.after(time.Minute)
		if l := w.list(); time.Now().Before(l.ThisUpdate) || !pki.Listed(l, w.cert().SerialNumber) || w.said("the revocation list is renewed") != 1 {
			t.Errorf("in force from %v\n%s", l.ThisUpdate, w.log.String())
		}
	})
}

// TestWithoutKey: where the authority's key is not there, the log says each day what ends
// when, and by which command it is renewed.
func TestWithoutKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWard(t)
		if err := os.Rename(filepath.Join(w.dir, "ca.key"), filepath.Join(w.dir, "elsewhere")); err != nil {
			t.Fatal(err)
		}
		w.begin()
		defer func() { w.end() }()
		w.after(551 * days)
		end := w.cert().NotAfter.UTC().Format(time.DateOnly)
		if n := w.said("the server's certificate ends on " + end); n < 1 || n > 2 || w.said("culvert renew --dir "+w.dir) != n {
			t.Fatalf("said %d times:\n%s", n, w.log.String())
		}
		if err := os.Rename(filepath.Join(w.dir, "elsewhere"), filepath.Join(w.dir, "ca.key")); err != nil {
			t.Fatal(err)
		}
		w.after(time.Minute)
		if w.said("is renewed") != 1 {
			t.Errorf("not renewed when the key is back:\n%s", w.log.String())
		}
	})
}

// TestAnother: what the configuration does not name is left alone.
func TestAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWard(t)
		w.cfg.Trust.Cert.Name = "/etc/other/server.crt"
		before := w.cert().SerialNumber
		w.begin()
		defer func() { w.end() }()
		w.after(600 * days)
		if w.cert().SerialNumber.Cmp(before) != 0 {
			t.Error("renewed, though the server shows another")
		}
	})
}

// TestAnnounced: a client's end is announced 30, 14 and 7 days ahead, each once, with the
// command where the authority's key is elsewhere, over restarts; not that of one that is
// revoked or has a new profile.
func TestAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWard(t)
		o := setup.ClientOptions{Dir: w.dir, Now: time.Now(), Rand: rand.Reader}
		for _, o.Name = range []string{"phone", "lost", "fresh", "tablet.home"} {
			if _, err := setup.AddClient(o); err != nil {
				t.Fatal(err)
			}
		}
		w.device("alice", "tablet")
		if _, err := setup.Revoke(setup.RevokeOptions{Dir: w.dir, Name: "lost", Now: time.Now()}); err != nil {
			t.Fatal(err)
		}
		w.begin()
		w.after(790 * days)
		o.Name, o.Now = "fresh", time.Now()
		if _, err := setup.RenewClient(setup.RenewClientOptions{ClientOptions: o}); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(w.dir, "ca.key")); err != nil {
			t.Fatal(err)
		}
		said := func(when string, thirty, fourteen, seven int) {
			t.Helper()
			for n, want := range map[string]int{"30": thirty, "14": fourteen, "7": seven} {
				if got := w.said("client phone ends within " + n + " days"); got != want {
					t.Errorf("%s: %s days ahead it was said %d times, want %d", when, n, got, want)
				}
			}
		}
		said("35 days ahead", 0, 0, 0)
		w.after(6 * days)
		said("29 days ahead", 1, 0, 0)
		w.end()
		synctest.Wait()
		w.begin() // a restart
		w.after(10 * days)
		said("19 days ahead", 1, 0, 0)
		w.after(6 * days)
		said("13 days ahead", 1, 1, 0)
		w.after(8 * days)
		said("5 days ahead", 1, 1, 1)
		w.after(6 * days)
		said("after the end", 1, 1, 1)
		w.end()
		synctest.Wait()
		if w.said("culvert client renew phone --dir "+w.dir+" -o phone.ovpn") != 3 || w.said("lost") > 0 || w.said("fresh") > 0 {
			t.Error(w.log.String())
		}
		if w.said("culvert device renew tablet --user alice --dir "+w.dir+" -o tablet.ovpn") != 3 || w.said("culvert client renew tablet.home --dir ") != 3 {
			t.Errorf("devices and clients:\n%s", w.log.String())
		}
		if text := string(w.read(announcedFile)); strings.Contains(text, "phone") {
			t.Errorf("kept after the end: %s", text)
		}
	})
}

// TestNotOurs: a directory of another program is left alone.
func TestNotOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWard(t)
		if err := os.Remove(filepath.Join(w.dir, "culvert.json")); err != nil {
			t.Fatal(err)
		}
		w.begin()
		w.after(800 * days)
		w.end()
		if w.log.String() != "" {
			t.Error(w.log.String())
		}
	})
}

// TestWebPages: the certificate of web pages is renewed where the server shows it, and left
// alone where it shows another one.
func TestWebPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWard(t)
		if err := setup.PrepareWeb(w.dir, "vpn.example.org", time.Now()); err != nil {
			t.Fatal(err)
		}
		before := w.read("web.crt")
		w.begin()
		w.after(800 * days)
		if !bytes.Equal(w.read("web.crt"), before) {
			t.Error("renewed, though there are no pages")
		}
		w.end()
		synctest.Wait()
		w.cfg.Server.Web = config.Web{Listen: netip.MustParseAddrPort("127.0.0.1:8443"), URL: "https://vpn.example.org"}
		w.begin()
		w.after(time.Minute)
		id, err := pki.ParseIdentity(w.read("web.crt"), w.read("web.key"))
		if err != nil || time.Until(id.Leaf.NotAfter) < 300*days || id.Leaf.VerifyHostname("vpn.example.org") != nil {
			t.Error("not renewed", err)
		}
		w.end()
		synctest.Wait()
	})
}
