package privsep

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"culvert/access/auth/pam"
)

// fakePAM is a PAM service: it lets in who has a password, and hangs for who is "slow".
type fakePAM struct {
	begun chan netip.Prefix
	ended chan error
}

func (f *fakePAM) Ask(ctx context.Context, source netip.Prefix, l pam.Login) (pam.Answer, error) {
	switch l.Username {
	case "slow":
		f.begun <- source
		<-ctx.Done()
		f.ended <- ctx.Err()
		return pam.Answer{}, ctx.Err()
	case "broken":
		return pam.Answer{}, errors.New("a module crashed")
	}
	return pam.Answer{OK: l.Password == "good", Why: "because"}, nil
}

// TestAskPAM: a worker's logins are checked by the keeper's PAM services, and by no
// others; who gives up ends the check.
func TestAskPAM(t *testing.T) {
	w, k, _ := pair(t, new(fakeHost))
	fake := &fakePAM{make(chan netip.Prefix, 1), make(chan error, 1)}
	source := netip.MustParsePrefix("192.0.2.1/32")
	if _, err := w.AskPAM(t.Context(), 0, source, pam.Login{Username: "ada"}); err == nil {
		t.Error("asked a keeper without PAM")
	}
	k.reads.Store(&Reads{PAM: []pam.Asker{nil, fake}})
	for _, plugin := range []int{-1, 0, 2} {
		if a, err := w.AskPAM(t.Context(), plugin, source, pam.Login{Username: "ada", Password: "good"}); err == nil || a.OK {
			t.Errorf("plugin %d: %+v, %v", plugin, a, err)
		}
	}
	if a, err := w.AskPAM(t.Context(), 1, source, pam.Login{Username: "ada", Password: "good"}); err != nil || !a.OK {
		t.Errorf("%+v, %v", a, err)
	}
	if a, err := w.AskPAM(t.Context(), 1, source, pam.Login{Username: "ada"}); err != nil || a != (pam.Answer{Why: "because"}) {
		t.Errorf("%+v, %v", a, err)
	}
	if a, err := w.AskPAM(t.Context(), 1, source, pam.Login{Username: "broken"}); err == nil || err.Error() != "a module crashed" || a.OK {
		t.Errorf("%+v, %v", a, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := w.AskPAM(ctx, 1, source, pam.Login{Username: "slow"})
		done <- err
	}()
	if got := <-fake.begun; got != source {
		t.Errorf("for source %v", got)
	}
	if a, err := w.AskPAM(t.Context(), 1, source, pam.Login{Username: "ada", Password: "good"}); err != nil || !a.OK {
		t.Errorf("beside a slow one: %+v, %v", a, err)
	}
	cancel()
	if err := <-fake.ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := <-done; err == nil {
		t.Error("a check that was given up succeeded")
	}
}

// TestManyLogins: a worker cannot have more logins checked than there may be.
func TestManyLogins(t *testing.T) {
	var l logins
	for n := range uint64(maxLogins) {
		if err := l.begin(n, func() {}); err != nil {
			t.Fatal(err)
		}
	}
	if l.begin(maxLogins, func() {}) == nil {
		t.Error("one too many was taken")
	}
	ended := false
	l.done(7)
	if err := l.begin(7, func() { ended = true }); err != nil {
		t.Error(err)
	}
	if l.begin(7, func() {}) == nil {
		t.Error("a number was taken twice")
	}
	if l.end(7); !ended {
		t.Error("the check goes on")
	}
	l.done(7)
	const late = 1 << 20
	for n := range uint64(3 * maxLogins) {
		l.end(late + n)
	}
	if err := l.begin(late+3*maxLogins-1, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a check that was ended before it began: %v", err)
	}
	if len(l.over) > maxLogins+1 {
		t.Errorf("%d numbers are kept", len(l.over))
	}
}
