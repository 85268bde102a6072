package pam

import (
	"context"
	"encoding/base64"

	"culvert/access/auth"
	"culvert/internal/printable"
)

// Source is an auth.Source that asks PAM. PAM does not say whether it knows somebody, so that
// it decides about all who are asked about.
type Source struct{ Checker }

// Name implements auth.Source.
func (s *Source) Name() string { return "pam" }

// Check implements auth.Source.
func (s *Source) Check(ctx context.Context, l auth.Login) (auth.Person, error) {
	if l.Username == "" {
		return auth.Person{}, &auth.RefusedError{Reason: "the client gave no user name"}
	}
	password := l.Password
	if l.Code != "" {
		b64 := base64.StdEncoding.EncodeToString
		password = "SCRV1:" + b64([]byte(password)) + ":" + b64([]byte(l.Code)) // as NewRequest takes it apart
	}
	asked := Login{Username: l.Username, Password: password, CommonName: l.Request.Env.Get("common_name"), Remote: l.Request.Env.Get("untrusted_ip")}
	if asked.Remote == "" {
		asked.Remote = l.Request.Env.Get("untrusted_ip6")
	}
	answer, err := s.Asker.Ask(ctx, l.Request.Source, asked)
	switch {
	case err != nil:
		return auth.Person{}, err
	case answer.OK:
		return auth.Person{Name: l.Username}, nil
	case answer.Unanswered != "":
		return auth.Person{}, &auth.RefusedError{Reason: printable.Line(s.why(answer))}
	}
	s.Log.Warn("PAM refuses a user", "user", printable.Name(l.Username), "service", s.Service, "because", s.why(answer))
	return auth.Person{}, auth.ErrWrongPassword
}
