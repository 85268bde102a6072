package policing

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"culvert/access"
	"culvert/config"
	"culvert/role/server"
	"culvert/tunnel"
)

// logged is what was logged.
type logged struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(b)
}

func (l *logged) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.Buffer.String(), text)
}

func configured(name, text string) *config.Config {
	return &config.Config{Server: config.Server{Policy: &config.File{Name: name, Text: []byte(text)}, Network: netip.MustParsePrefix("10.8.0.0/24"),
		Push: []string{"route 203.0.113.0 255.255.255.0", "route name.example", "route 1.2.3.4", "route 0.0.0.0 0.0.0.0", "route-ipv6 2001:db8::/32", "dhcp-option DNS 1.1.1.1"}}}
}

// opened is a policing with a client alice, and what it logs.
type opened struct {
	*Policing
	log logged
}

func (o *opened) reaches(t *testing.T, dst string) bool {
	t.Helper()
	seat := o.guard.Enter(&access.Applicant{Identity: access.Identity{Name: "alice", CommonName: "alice", User: "alice"}})
	defer o.guard.Leave(seat)
	p := make([]byte, 28)
	p[0], p[3], p[9], p[21] = 0x45, 28, 17, 9
	copy(p[12:], []byte{10, 8, 0, 2})
	copy(p[16:], netip.MustParseAddr(dst).AsSlice())
	drop, _ := o.guard.Judge(time.Now(), seat, nil, p)
	return drop == tunnel.Kept
}

func opens(t *testing.T, c *config.Config) *opened {
	t.Helper()
	o := new(opened)
	var err error
	if o.Policing, err = Open(c, Options{Log: slog.New(slog.NewTextHandler(&o.log, nil))}); err != nil {
		t.Fatal(err)
	}
	return o
}

// TestNone has no policy.
func TestNone(t *testing.T) {
	p, err := Open(new(config.Config), Options{})
	if p != nil || err != nil {
		t.Fatal(p, err)
	}
	var o server.Options
	p.Join(&o)
	p.Changed()
	p.Run(t.Context(), nil, nil)
	p.Serving(netip.Addr{}, netip.Addr{})
	if undo, err := p.Adopt(new(config.Config)); err != nil || o.Guard != nil || o.People.Terms != nil {
		t.Error(undo != nil, err, o)
	}
}

// TestFaults refuses a file with a fault, and one that fails its own tests.
func TestFaults(t *testing.T) {
	for text, want := range map[string]string{
		"alow":                                  "/etc/policy:1:1: ",
		"default deny\ntest alice can 10.1.2.3": "/etc/policy:2: test alice can 10.1.2.3: it is not so",
	} {
		if _, err := Open(configured("/etc/policy", text), Options{Log: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
		o := opens(t, configured("/etc/policy", "deny everyone to 10.1.0.0/16"))
		if _, err := o.Adopt(configured("/etc/policy", text)); err == nil || !strings.Contains(err.Error(), want) || o.reaches(t, "10.1.2.3") || !o.reaches(t, "10.2.0.1") {
			t.Errorf("adopt %q: %v", text, err)
		}
	}
}

// TestAdopt goes by another configuration's policy, and back.
func TestAdopt(t *testing.T) {
	o := opens(t, configured("/etc/policy", "deny everyone to 10.1.0.0/16"))
	undo, err := o.Adopt(configured("/etc/policy", "deny everyone to 10.2.0.0/16"))
	if err != nil || !o.reaches(t, "10.1.2.3") || o.reaches(t, "10.2.0.1") {
		t.Errorf("%v", err)
	}
	undo()
	if o.reaches(t, "10.1.2.3") || !o.reaches(t, "10.2.0.1") {
		t.Error("it stays with the other")
	}
}

// TestWords gives words of the file their meaning: server and exit.
func TestWords(t *testing.T) {
	o := opens(t, configured("/etc/policy", "default deny\nallow everyone to server\nexit everyone yes\n"))
	o.Serving(netip.MustParseAddr("10.8.7.1"), netip.Addr{})
	o.here = []netip.Addr{netip.MustParseAddr("10.99.0.1")}
	if _, err := o.Adopt(o.cfg); err != nil {
		t.Fatal(err)
	}
	for dst, want := range map[string]bool{"10.8.0.1": true, "10.8.7.1": true, "10.99.0.1": true, "10.99.0.2": false, "8.8.8.8": true, "203.0.113.9": false, "1.2.3.4": false, "1.2.3.5": true} {
		if got := o.reaches(t, dst); got != want {
			t.Errorf("%s: %v", dst, got)
		}
	}
}

// TestTerms adds what the policy pushes to what others do.
func TestTerms(t *testing.T) {
	o := opens(t, configured("/etc/policy", "route everyone 10.1.0.0/16\nexit user alice no\n"))
	s := server.Options{People: server.People{Terms: func(*access.Applicant) server.Terms { return server.Terms{Push: []string{"block-ipv6"}} }}}
	o.Join(&s)
	got := s.People.Terms(&access.Applicant{Identity: access.Identity{User: "alice"}})
	if !slices.Equal(got.Push, []string{"block-ipv6", "route 10.1.0.0 255.255.0.0"}) || !slices.Equal(got.Without, []string{"redirect-gateway"}) || s.Guard == nil {
		t.Errorf("%+v", got)
	}
}

// TestRun takes the file again when it has changed, once it stays as it is, and leaves
// everything as it is when it cannot be read or has a fault.
func TestRun(t *testing.T) {
	name := filepath.Join(t.TempDir(), "policy")
	write := func(text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("deny everyone to 10.1.0.0/16\n")
	synctest.Test(t, func(t *testing.T) {
		o := opens(t, configured(name, "deny everyone to 10.1.0.0/16\n"))
		var reviews atomic.Int32
		var refuse atomic.Bool
		ctx, end := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			o.Run(ctx, func(name string) ([]byte, error) {
				if refuse.Load() {
					return nil, errors.New("not now")
				}
				return os.ReadFile(name)
			}, func() { reviews.Add(1) })
		}()
		after := func(reaches1, reaches2 bool, wantReviews int32, text string) {
			t.Helper()
			time.Sleep(4 * lookInterval)
			synctest.Wait()
			if o.reaches(t, "10.1.2.3") != reaches1 || o.reaches(t, "10.2.0.1") != reaches2 || reviews.Load() != wantReviews || !o.log.has(text) {
				t.Errorf("%v %v, %d reviews, %s", o.reaches(t, "10.1.2.3"), o.reaches(t, "10.2.0.1"), reviews.Load(), o.log.String())
			}
		}
		after(false, true, 0, "")
		write("deny everyone to 10.2.0.0/16\n")
		after(true, false, 1, "in force")
		write("deny everyone to 10.1.0.0/16\nnonsense\n")
		after(true, false, 1, ":2:1: ")
		write("deny everyone to 10.1.0.0/16\n# better\n")
		after(false, true, 2, "")
		refuse.Store(true)
		write("deny everyone to 10.2.0.0/16\n# more\n")
		after(false, true, 2, "not now")
		refuse.Store(false)
		after(true, false, 3, "")
		end()
		<-done
	})
}
