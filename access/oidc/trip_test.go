package oidc

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"culvert/access/auth"
)

const back = "https://board.example.org:8444/auth/oidc/return"

// travel follows a browser to the provider, and returns what it brings back, to where.
func (w *world) travel(address string) (to string, answer url.Values) {
	w.Helper()
	b := w.browser()
	b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r, err := b.Get(address)
	if err != nil {
		w.Fatal(err)
	}
	r.Body.Close()
	at, err := r.Location()
	if err != nil {
		w.Fatal(err)
	}
	answer, at.RawQuery = at.Query(), ""
	return at.String(), answer
}

// TestTrip: pages of others send a browser to the provider, and are told who came back; an
// answer is good for its own trip, once.
func TestTrip(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	address, trip, err := w.source.Depart(ctx, back)
	if err != nil {
		t.Fatal(err)
	}
	to, answer := w.travel(address)
	if to != back || !trip.Is(answer) || "https://"+w.source.Host() != w.fake.URL {
		t.Errorf("%s %v %s", to, answer, w.source.Host())
	}
	if p, err := w.source.Arrive(ctx, trip, answer); err != nil || p.Name != "alice" || p.Subject != "1" {
		t.Errorf("%+v %v", p, err)
	}
	_, other, err := w.source.Depart(ctx, back)
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := w.source.Depart(ctx, back)
	if err != nil {
		t.Fatal(err)
	}
	_, foreign := w.travel(again)
	foreign.Set("state", other.state) // whoever has the code knows another's state: the nonce and the verifier are not
	for name, c := range map[string]struct {
		trip         *Trip
		answer       url.Values
		reason, told string
	}{
		"twice":            {trip, answer, "does not take the code", "finds the reason in its log"},
		"another state":    {other, answer, "another question (state)", "finds the reason"},
		"no state":         {other, url.Values{"code": {"x"}}, "another question (state)", "finds the reason"},
		"another's code":   {other, foreign, "does not take the code", "finds the reason"},
		"another provider": {trip, url.Values{"state": {trip.state}, "code": {"x"}, "iss": {"https://evil.example"}}, "another provider", "finds the reason"},
		"refused":          {trip, url.Values{"state": {trip.state}, "error": {"access_denied"}, "error_description": {"<b>\x1b[31mno"}}, `access_denied: <b>\x1b[31mno`, `signed nobody in, and says: access_denied: <b>\x1b[31mno`},
		"nothing":          {trip, url.Values{"state": {trip.state}}, "signed nobody in: nothing", "says: nothing"},
	} {
		var no *auth.RefusedError
		if _, err := w.source.Arrive(ctx, c.trip, c.answer); !errors.As(err, &no) || !strings.Contains(no.Reason, c.reason) || !strings.Contains(no.Told, c.told) {
			t.Errorf("%s: %#v", name, err)
		}
	}
}

// TestTripAway: a provider that does not answer is worth another try.
func TestTripAway(t *testing.T) {
	w := newWorld(t)
	address, trip, err := w.source.Depart(t.Context(), back)
	if err != nil {
		t.Fatal(err)
	}
	_, answer := w.travel(address)
	w.fake.CloseClientConnections()
	w.fake.Close()
	if _, err = w.source.Arrive(t.Context(), trip, answer); !errors.As(err, new(Unreachable)) {
		t.Errorf("%#v", err)
	}
	fresh := New(w.source.o)
	if _, _, err := fresh.Depart(t.Context(), back); !errors.As(err, new(Unreachable)) {
		t.Errorf("%#v", err)
	}
}
