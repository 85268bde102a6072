package client

import (
	"errors"
	"strings"

	"culvert/internal/printable"
	"culvert/session"
	"culvert/session/negotiate"
)

// refusedLogin is a server's refusal in words that name whose login it was.
type refusedLogin struct {
	text string
	err  error
}

func (e *refusedLogin) Error() string { return e.text }
func (e *refusedLogin) Unwrap() error { return e.err }

// explain names the user whose login was refused, says where the login came from,
// and what can be done. Other errors stay as they are. So do refusals that do not
// judge a name and its password: those for now, of a token, or with a question.
func (l *login) explain(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var refused *session.AuthFailedError
	if !errors.As(err, &refused) || refused.Temporary || refused.SessionOver || negotiate.IsChallenge(refused.Reason) || l.token != "" {
		return err
	}
	return &refusedLogin{strings.Replace(err.Error(), refused.Error(), l.refusal(refused.Reason), 1), err}
}

// refusal is what to say of one, with the server's reason, "" for none.
func (l *login) refusal(reason string) string {
	whose, source, mend := "of this client's certificate", "", "the server gives no reason: its log has it"
	if f := l.cfg.Login.UserPass; f != nil {
		whose, source = `of user "`+printable.Name(l.said)+`"`, "; auth-user-pass"
		mend = "wrong name or password, or a one-time code that was used or is over; "
		switch {
		case f.Inline:
			mend += "correct the lines at " + f.Pos.String()
		case f.Name != "":
			source += " " + f.Name
			mend += "correct the file " + f.Name
		default:
			mend += "start again and type both again (`auth-retry interact` asks again by itself)"
		}
		mend += ", or ask who runs the server, whose log may say more"
	}
	if reason != "" {
		mend = "the server says: " + printable.Name(reason)
	}
	return "the server refused the login " + whose + " (AUTH_FAILED" + source + "): " + mend
}
