package renewals

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"culvert/access"
	"culvert/access/pki"
	"culvert/operate/orders"
	"culvert/operate/setup"
	"culvert/role/server"
	"culvert/store/memory"
)

// sessions is one client that is in.
type sessions struct {
	mu     sync.Mutex
	client server.About
	told   []string
	events []server.Event
}

func (s *sessions) Renewable() []server.About { return []server.About{s.client} }

func (s *sessions) Tell(number uint64, commonName, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if number == s.client.Number && commonName == s.client.CommonName {
		s.told = append(s.told, text)
	}
}

func (s *sessions) Report(e server.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
}

// last is what the client was told last, of so many times.
func (s *sessions) last(t *testing.T, times int) string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.told) != times {
		t.Fatalf("told %q, want %d", s.told, times)
	}
	return s.told[times-1]
}

// TestOverSession: a client is offered a certificate when its own is due, gets it for its
// request, and is heard once for each offer; one that is barred gets none.
func TestOverSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWard(t)
		if _, err := setup.AddClient(setup.ClientOptions{Dir: w.dir, Name: "phone", Now: time.Now(), Rand: rand.Reader}); err != nil {
			t.Fatal(err)
		}
		certs, err := pki.ParseCertificates(w.read("clients/phone.crt"))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Until(setup.NextDue(certs[0])) - 10*time.Minute) // while nobody looks
		in := &sessions{client: server.About{Number: 7, Name: "phone", CommonName: "phone", Applicant: &access.Applicant{Chain: certs}}}
		var barred error
		s := memory.New()
		log := slog.New(slog.NewTextHandler(&w.log, nil))
		ctx, end := context.WithCancel(t.Context())
		d := NewDesk(orders.NewAsker(s), log)
		var all sync.WaitGroup
		all.Go(func() { d.Run(ctx, in) })
		all.Go(func() {
			a := &Authority{Dir: w.dir, Log: log, Now: time.Now, Barred: func(string) error { return barred }}
			(&orders.Desk{Store: s, Log: log, Kinds: map[string]orders.Work{OrderKind: a.Work("sign")}}).Run(ctx)
		})
		request, _, err := pki.NewRequest(rand.Reader, "phone")
		if err != nil {
			t.Fatal(err)
		}
		ask := func() {
			d.Ask(in.client, "REQUEST,"+base64.StdEncoding.EncodeToString(request))
			time.Sleep(time.Second)
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		ask() // without an offer
		in.mu.Lock()
		in.told = nil
		in.mu.Unlock()
		time.Sleep(time.Until(setup.NextDue(certs[0])) + time.Minute)
		if in.last(t, 1) != "OFFER" {
			t.Errorf("told %q", in.told)
		}
		ask()
		der, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(in.last(t, 2), "NEW,"))
		if err != nil {
			t.Fatal(err)
		}
		next, err := x509.ParseCertificate(der)
		if err != nil || !next.NotAfter.After(certs[0].NotAfter) || len(in.events) != 1 {
			t.Errorf("%v, events %v", err, in.events)
		}
		ask() // again, for the same offer
		in.last(t, 2)
		barred = errors.New("user is disabled")
		time.Sleep(offerAgain)
		in.last(t, 3)
		ask()
		if said := in.last(t, 4); !strings.HasPrefix(said, "REFUSED,") || strings.Contains(said, "disabled") || w.said("disabled") != 1 {
			t.Errorf("told %q, log\n%s", said, w.log.String())
		}
		if snap, err := s.List(ctx, orders.Prefix); err != nil || len(snap.Entries) != 0 {
			t.Errorf("orders are left: %v %v", snap.Entries, err)
		}
		end()
		all.Wait()
	})
}

// FuzzParseAsked: what a client sends never panics, and is a request for its own name.
func FuzzParseAsked(f *testing.F) {
	f.Add("REQUEST,MIH=")
	f.Add("OFFER")
	f.Fuzz(func(t *testing.T, text string) {
		request, err := parseAsked(text, "phone")
		if err != nil {
			return
		}
		if _, name, err := pki.ParseRequest(request); err != nil || name != "phone" {
			t.Errorf("%q, %v", name, err)
		}
	})
}
