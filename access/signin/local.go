package signin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"time"

	"culvert/access/auth"
	"culvert/access/password"
	"culvert/access/users"
)

// sourceLocal is the name of Local.
const sourceLocal = "local"

// Local is the source of users whose passwords are kept here. Make it with NewLocal.
type Local struct {
	directory *users.Directory
	records   Records
	random    io.Reader
	log       *slog.Logger
	params    password.Params
	nobody    password.Hashed // is compared for users who are unknown
}

// NewLocal returns the source of a directory's users.
func NewLocal(d *users.Directory, records Records, random io.Reader, log *slog.Logger) (*Local, error) {
	nobody, err := password.Hash(random, "", password.Default)
	return &Local{d, records, random, log, password.Default, nobody}, err
}

// Name is "local".
func (*Local) Name() string { return sourceLocal }

// size keeps a thousand sign-ins at the same time within some of the machine's memory: each
// takes what its hash says, 19 MiB for one that is made here.
func (*Local) size() (int, time.Duration) { return min(max(runtime.GOMAXPROCS(0), 4), 16), time.Minute }

// Check implements auth.Source. A user who is unknown takes as long as one who is not.
func (l *Local) Check(ctx context.Context, login auth.Login) (auth.Person, error) {
	u := l.directory.View().User(login.Username)
	if u == nil || u.Source != "" || u.Password == "" {
		l.nobody.Matches(login.Password)
		return auth.Person{}, auth.ErrUnknownUser
	}
	h, err := password.Parse(u.Password)
	if err != nil {
		return auth.Person{}, fmt.Errorf("user %s: %w; set the password anew", u.Name, err)
	}
	if !h.Matches(login.Password) {
		return auth.Person{}, auth.ErrWrongPassword
	}
	if h.Memory < l.params.Memory || h.Passes < l.params.Passes {
		if err := l.harden(ctx, u, login.Password); err != nil {
			l.log.Warn("the hash of a password cannot be made anew with more work", "user", u.Name, "error", err)
		}
	}
	return auth.Person{Name: u.Name, FullName: u.FullName, Email: u.Email}, nil
}

// harden keeps a password as a hash that takes as much work as new ones, unless it was
// changed meanwhile.
func (l *Local) harden(ctx context.Context, u *users.User, text string) error {
	h, err := password.Hash(l.random, text, l.params)
	if err != nil {
		return err
	}
	changed := errors.New("changed meanwhile")
	err = l.records.ChangeUser(ctx, u.Name, func(now *users.User) error {
		if now.Password != u.Password {
			return changed
		}
		now.Password = h.String()
		return nil
	})
	if errors.Is(err, changed) {
		return nil
	}
	return err
}
