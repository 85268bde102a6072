package signin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"culvert/access/onetime"
	"culvert/access/users"
)

// Issuer names this host's server in apps for codes.
func Issuer() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "VPN"
	}
	return "VPN at " + name
}

// Enrolment gives users apps for codes, as an administrator does.
type Enrolment struct {
	Records Records
	Rand    io.Reader // cryptographically secure
	Now     func() time.Time
}

// Begin gives a user a secret for an app, which counts once Confirm has seen a code of it.
// Who has an app that was confirmed keeps it, unless again is set: then its codes and
// recovery codes end at once, and so does what devices remember of a sign-in.
func (e Enrolment) Begin(ctx context.Context, user string, again bool) (secret []byte, err error) {
	if secret, err = onetime.NewSecret(e.Rand); err != nil {
		return nil, err
	}
	return secret, e.Records.ChangeUser(ctx, user, func(u *users.User) error {
		if enrolled(u) && !again {
			return fmt.Errorf("%s has an app for codes since %s; --again enrols another, and ends that", user, u.TOTP.Enrolled.Format(time.DateOnly))
		}
		totp := &users.TOTP{Secret: secret, Enrolled: e.Now().UTC()}
		if enrolled(u) {
			u.SetTOTP(totp, e.Now())
		} else {
			u.TOTP = totp
		}
		return nil
	})
}

// ErrCode is a code that is not right.
var ErrCode = errors.New("that is not the code which the app shows now: look at the clocks of the telephone and of this host, and whether the key was taken over whole")

// Confirm has the user's codes count from now on, and returns recovery codes, to be shown
// once.
func (e Enrolment) Confirm(ctx context.Context, user, code string) (recovery []string, err error) {
	return e.recover(ctx, user, func(u *users.User) error {
		switch {
		case u.TOTP == nil:
			return fmt.Errorf("%s has no app for codes that waits to be confirmed: culvert user totp %s", user, user)
		case u.TOTP.Confirmed:
			return fmt.Errorf("the app for codes of %s is confirmed already", user)
		}
		step, ok := onetime.Verify(u.TOTP.Secret, code, u.TOTP.Last, e.Now())
		if !ok {
			return ErrCode
		}
		totp := *u.TOTP
		totp.Confirmed, totp.Last = true, step
		u.TOTP = &totp
		return nil
	})
}

// Recovery gives a user new recovery codes in place of all former ones, and returns them,
// to be shown once.
func (e Enrolment) Recovery(ctx context.Context, user string) (codes []string, err error) {
	return e.recover(ctx, user, func(u *users.User) error {
		if !enrolled(u) {
			return fmt.Errorf("%s has no app for codes that recovery codes could stand for: culvert user totp %s", user, user)
		}
		return nil
	})
}

func (e Enrolment) recover(ctx context.Context, user string, f func(*users.User) error) ([]string, error) {
	codes, hashes, err := onetime.NewRecovery(e.Rand)
	if err != nil {
		return nil, err
	}
	err = e.Records.ChangeUser(ctx, user, func(u *users.User) error {
		if err := f(u); err != nil {
			return err
		}
		u.Recovery = hashes
		return nil
	})
	if err != nil {
		return nil, err
	}
	return codes, nil
}

// Remove takes a user's app for codes and recovery codes away.
func (e Enrolment) Remove(ctx context.Context, user string) error {
	return e.Records.ChangeUser(ctx, user, func(u *users.User) error {
		if u.TOTP == nil {
			return fmt.Errorf("%s has no app for codes", user)
		}
		u.SetTOTP(nil, e.Now())
		return nil
	})
}
