package signin

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"culvert/access/onetime"
	"culvert/access/users"
)

var errWrongCode = errors.New("the code is wrong, or was used before")

// take takes a code of the user, or a recovery code. None is good twice: what was taken is
// kept in the same transaction that finds it good.
func (c *Checker) take(ctx context.Context, l *login, code string) error {
	now := c.o.Now()
	return c.o.Records.ChangeUser(ctx, l.standing.User.Name, func(u *users.User) error {
		if u.TOTP == nil || !u.TOTP.Confirmed && !bytes.Equal(u.TOTP.Secret, l.enrolling) {
			return errWrongCode
		}
		if step, ok := onetime.Verify(u.TOTP.Secret, code, u.TOTP.Last, now); ok {
			totp := *u.TOTP
			totp.Last, totp.Confirmed = step, true
			u.TOTP = &totp
			return nil
		}
		i := onetime.Recovery(u.Recovery, code)
		if i < 0 || !u.TOTP.Confirmed {
			return errWrongCode
		}
		u.Recovery = slices.Delete(slices.Clone(u.Recovery), i, i+1)
		return nil
	})
}

// enrol shows the user of a client the secret for an authenticator app, as text: that is
// what every client can show. It is the same until a code of it was right once.
func (c *Checker) enrol(ctx context.Context, l *login) (*question, error) {
	if l.person.Name == "" && l.standing.Device == nil {
		return nil, refuse("a code is needed here, and no app for codes is enrolled; ask who runs this server")
	}
	now, confirmed := c.o.Now(), false
	err := c.o.Records.ChangeUser(ctx, l.standing.User.Name, func(u *users.User) error {
		if confirmed = enrolled(u); confirmed {
			l.standing.User = u
			return nil
		}
		if u.TOTP == nil {
			secret, err := onetime.NewSecret(c.o.Rand)
			if err != nil {
				return err
			}
			u.TOTP = &users.TOTP{Secret: secret, Enrolled: now.UTC()}
		}
		l.enrolling = u.TOTP.Secret
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case confirmed: // a moment ago
		return c.checkCode(ctx, l)
	}
	l.code = ""
	return &question{text: "Codes are needed here. Add this key to an authenticator app (" + c.o.Issuer + ", time based): " +
		onetime.Groups(onetime.Text(l.enrolling), " ") + " - then enter the code that it shows", echo: true}, nil
}
