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

	"culvert/access/onetime"
	"culvert/access/signin"
	"culvert/access/users"
	"culvert/internal/qr"
	"culvert/operate/service"
	"culvert/role/profile"
)

// totpFlags say what is to become of a user's app for codes.
type totpFlags struct {
	again, recovery, remove bool
	confirm                 string
}

func userTOTPCommand() *cobra.Command {
	var a accounts
	var f totpFlags
	c := &cobra.Command{
		Use:   "totp NAME --dir D",
		Short: "Give a user an app for one-time codes",
		Long: `Show a QR code for the user's authenticator app, and ask for the code that the app
shows. From then on the user needs a code to sign in. Recovery codes are shown once:
each stands for one code, for who has lost the telephone.

Where there is no terminal, --confirm takes the code later. Users whose groups require
a code, and who have no app, are shown the key when they first sign in.`,
		Example: "  culvert user totp alice --dir /etc/culvert",
		Args:    one("name"),
		RunE: func(c *cobra.Command, args []string) error {
			err := a.book(c, func(ctx context.Context, b *users.Book) error {
				return f.run(ctx, c, signin.Enrolment{Records: b, Rand: rand.Reader, Now: time.Now}, args[0])
			})
			if err != nil {
				return fmt.Errorf("user totp: %w", err)
			}
			return nil
		},
	}
	a.flags(c, false)
	c.Flags().BoolVar(&f.again, "again", false, "enrol another app; the codes of the former one end at once")
	c.Flags().StringVar(&f.confirm, "confirm", "", "the `code` that the app shows, in place of asking for it")
	c.Flags().BoolVar(&f.recovery, "recovery", false, "make new recovery codes")
	c.Flags().BoolVar(&f.remove, "remove", false, "take the app away: no code is asked for any more")
	c.MarkFlagsMutuallyExclusive("again", "confirm", "recovery", "remove")
	return c
}

func (f *totpFlags) run(ctx context.Context, c *cobra.Command, e signin.Enrolment, user string) error {
	out := c.OutOrStdout()
	switch {
	case f.remove:
		if err := e.Remove(ctx, user); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s has no app for codes any more.\n", user)
		return nil
	case f.recovery:
		codes, err := e.Recovery(ctx, user)
		if err == nil {
			showRecovery(out, user, codes)
		}
		return err
	case f.confirm != "":
		return confirm(ctx, out, e, user, f.confirm)
	}
	secret, err := e.Begin(ctx, user, f.again)
	if err != nil {
		return err
	}
	if err := showSecret(out, user, secret); err != nil {
		return err
	}
	for {
		code, err := service.AskUntil(ctx)("The code that the app shows: ", true)
		if errors.Is(err, profile.ErrNobody) {
			fmt.Fprintf(out, "It counts once a code is confirmed: culvert user totp %s --confirm CODE\n", user)
			return nil
		}
		if err != nil {
			return err
		}
		if err = confirm(ctx, out, e, user, strings.TrimSpace(code)); !errors.Is(err, signin.ErrCode) {
			return err
		}
		fmt.Fprintln(out, err)
	}
}

// showSecret shows what an app for codes is given.
func showSecret(out io.Writer, user string, secret []byte) error {
	url, err := onetime.URL(signin.Issuer(), user, secret)
	if err != nil {
		return err
	}
	picture, err := qr.Text(url, isTerminal(out))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s\nRead this with the authenticator app of %s, or type the key: %s\nWhoever sees it can make the codes.\n", picture, user, onetime.Groups(onetime.Text(secret), " "))
	return nil
}

func confirm(ctx context.Context, out io.Writer, e signin.Enrolment, user, code string) error {
	codes, err := e.Confirm(ctx, user, code)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s signs in with codes from now on.\n", user)
	showRecovery(out, user, codes)
	return nil
}

func showRecovery(out io.Writer, user string, codes []string) {
	fmt.Fprintf(out, "Recovery codes of %s, each good once in place of a code. They are not shown again:\n", user)
	for _, code := range codes {
		fmt.Fprintln(out, "  "+code)
	}
}
