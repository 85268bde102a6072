package signin

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"culvert/access/onetime"
	"culvert/access/users"
)

// TestEnrolmentByHand: a code confirms an app, once; another app ends the first one and
// what was remembered; recovery codes end with their app.
func TestEnrolmentByHand(t *testing.T) {
	w, ctx, now := newWorld(t, people(t)), context.Background(), start
	e := Enrolment{Records: w.o.Records, Rand: rand.Reader, Now: func() time.Time { return now }}
	if _, err := e.Confirm(ctx, "dora", "123456"); err == nil {
		t.Error("confirmed without an app")
	}
	if _, err := e.Recovery(ctx, "dora"); err == nil {
		t.Error("recovery codes without an app")
	}
	secret, err := e.Begin(ctx, "dora", false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Confirm(ctx, "dora", "000000"); !errors.Is(err, ErrCode) {
		t.Errorf("a wrong code: %v", err)
	}
	codes, err := e.Confirm(ctx, "dora", onetime.At(secret, now))
	if u := w.user("dora"); err != nil || !u.TOTP.Confirmed || len(codes) != len(u.Recovery) || onetime.Recovery(u.Recovery, codes[3]) != 3 || !u.SignedOut.IsZero() {
		t.Errorf("%+v, %v", u, err)
	}
	if _, err := e.Begin(ctx, "dora", false); err == nil {
		t.Error("an app was replaced unasked")
	}
	more, err := e.Recovery(ctx, "dora")
	if u := w.user("dora"); err != nil || onetime.Recovery(u.Recovery, codes[0]) >= 0 || onetime.Recovery(u.Recovery, more[0]) != 0 {
		t.Errorf("new recovery codes: %v", err)
	}
	if _, err := e.Begin(ctx, "dora", true); err != nil {
		t.Error(err)
	}
	if u := w.user("dora"); u.TOTP.Confirmed || len(u.Recovery) > 0 || !u.SignedOut.Equal(now) {
		t.Errorf("after another app: %+v", u)
	}
	if err := e.Remove(ctx, "dora"); err != nil || w.user("dora").TOTP != nil {
		t.Error(err)
	}
	if err := e.Remove(ctx, "dora"); err == nil {
		t.Error("removed twice")
	}
	var unknown *users.UnknownError
	if _, err := e.Begin(ctx, "nobody", false); !errors.As(err, &unknown) {
		t.Errorf("nobody: %v", err)
	}
}
