package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"culvert/access/password"
	"culvert/access/users"
	"culvert/operate/service"
	"culvert/role/profile"
)

func userAddCommand() *cobra.Command {
	var a accounts
	var f userFlags
	c := &cobra.Command{
		Use:   "add NAME --dir D",
		Short: "Add a user",
		Long: `Add a user. Without --password and groups that require more, the certificates of
the user's devices let them in: culvert device add. Who is to sign in by a directory
and has no such device is added with --source.`,
		Example: "  culvert user add alice --dir /etc/culvert --full-name 'Alice Example' --password",
		Args:    one("name"),
		RunE: func(c *cobra.Command, args []string) error {
			u := users.User{Name: args[0]}
			set, err := f.read(c, time.Now())
			if err != nil {
				return err
			}
			if err := set(&u); err != nil {
				return err
			}
			if err := a.book(c, func(ctx context.Context, b *users.Book) error { return b.AddUser(ctx, u) }); err != nil {
				return fmt.Errorf("user add: %w", err)
			}
			fmt.Fprintf(c.OutOrStdout(), "%s is added. For a device: culvert device add phone --user %s --dir %s -o phone.ovpn\n", u.Name, u.Name, a.dir)
			return nil
		},
	}
	a.flags(c, false)
	f.flags(c)
	return c
}

// userFlags are what can be set of a user.
type userFlags struct {
	limitFlags
	fullName, email, expires, maxDevices string
	source                               string
	groups                               []string
	password, passwordStdin, noPassword  bool
}

func (f *userFlags) flags(c *cobra.Command) {
	f.limitFlags.flags(c)
	c.Flags().StringVar(&f.fullName, "full-name", "", "the person's `name`")
	c.Flags().StringVar(&f.email, "email", "", "the person's `address`")
	c.Flags().StringVar(&f.expires, "expires", "", expiresHelp)
	c.Flags().StringVar(&f.maxDevices, "max-devices", "", maxDevicesHelp)
	c.Flags().StringSliceVar(&f.groups, "group", nil, "a `group` that the user is in; several with commas, \"\" for none")
	c.Flags().StringVar(&f.source, "source", "", sourceHelp)
	c.Flags().BoolVar(&f.password, "password", false, "ask for the user's password")
	c.Flags().BoolVar(&f.passwordStdin, "password-stdin", false, "read the user's password from standard input")
}

const sourceHelp = "who knows this user: the `directory` ldap, radius, pam or oidc, or local for this server alone"

const maxDevicesHelp = "how many devices are allowed: a `number`, or none for no limit here"

// read returns what sets a user to what the flags say, having asked for a password.
func (f *userFlags) read(c *cobra.Command, now time.Time) (set func(*users.User) error, err error) {
	end, ends, err := expiry(c, f.expires, now)
	if err != nil {
		return nil, err
	}
	limit, err := parseLimit(f.maxDevices)
	if err != nil {
		return nil, err
	}
	bounds, err := f.limitFlags.read(c)
	if err != nil {
		return nil, err
	}
	hash, err := f.hash(c)
	if err != nil {
		return nil, err
	}
	given := c.Flags().Changed
	return func(u *users.User) error {
		if given("source") {
			if err := setSource(u, f.source, now); err != nil {
				return err
			}
		}
		if given("full-name") {
			u.FullName = f.fullName
		}
		if given("email") {
			u.Email = f.email
		}
		if given("group") {
			u.Groups = f.groups
		}
		if given("max-devices") {
			u.MaxDevices = limit
		}
		if ends {
			u.Expires = end
		}
		bounds(&u.Limits)
		if hash != "" && u.Source != "" {
			return fmt.Errorf("the password of %s is that of %s; to keep one here instead: --source local --password", u.Name, u.Source)
		}
		if hash != "" || f.noPassword {
			u.SetPassword(hash, now)
		}
		return nil
	}, nil
}

// setSource has a user be known by a directory, or by this server alone ("local").
func setSource(u *users.User, name string, now time.Time) error {
	switch name {
	case "local":
		return u.SetSource("", now)
	case "":
		return misused("--source: expected local or one of %s", strings.Join(users.Sources, ", "))
	}
	if err := u.SetSource(name, now); err != nil {
		return misused("--%v", err)
	}
	return nil
}

// hash returns the hash of the password that the flags have somebody asked for; "": they
// do not.
func (f *userFlags) hash(c *cobra.Command) (string, error) {
	var text string
	switch {
	case f.password && f.passwordStdin, f.noPassword && (f.password || f.passwordStdin):
		return "", misused("expected one of --password, --password-stdin and --no-password")
	case f.password:
		ask := service.AskUntil(c.Context())
		first, err := ask("New password: ", false)
		if errors.Is(err, profile.ErrNobody) {
			return "", errors.New("there is no terminal to ask for the password at; use --password-stdin")
		}
		if err != nil {
			return "", err
		}
		second, err := ask("The same again: ", false)
		if err != nil {
			return "", err
		}
		if text = first; first != second {
			return "", errors.New("the two passwords differ; nothing is changed")
		}
	case f.passwordStdin:
		read, err := io.ReadAll(io.LimitReader(c.InOrStdin(), password.MaxLength+2))
		if err != nil {
			return "", err
		}
		text = strings.TrimSuffix(strings.TrimSuffix(string(read), "\n"), "\r")
	default:
		return "", nil
	}
	if err := password.Check(text); err != nil {
		return "", err
	}
	h, err := password.Hash(rand.Reader, text, password.Default)
	return h.String(), err
}
